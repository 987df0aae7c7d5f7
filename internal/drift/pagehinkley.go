package drift

import (
	"fmt"
	"math"
)

// PageHinkleyOptions of a PageHinkley. A zero field takes the default named beside it. Deviations are standard
// deviations of the stream.
type PageHinkleyOptions struct {
	Slack     float64 // δ: a change of the mean by less than twice this is nothing; 0.1 deviations
	Threshold float64 // λ: the gathered excess that is a change; 60 deviations
	Warm      int     // values from which mean and deviation are learned, before it can say anything; 500
	Memory    int     // mean and deviation are those of about so many of the latest values; 50000
	Clip      float64 // a value further than this from the mean counts as this far; 20 deviations
	UpOnly    bool    // falling is no change
}

// PageHinkley is the test of Page and Hinkley (E. S. Page 1954, "Continuous Inspection Schemes"), two-sided, on
// z = (x − mean)/deviation, so that its options do not depend on what is measured:
//
//	up ← max(0, up + z − δ),  down ← max(0, down − z − δ),  a change where either is above λ
//
// For independent values the time between two false alarms, on one side, is about (e^(2δh) − 2δh − 1)/(2δ²) with
// h = λ + 1.17 (Siegmund 1985), and a rise by s deviations is found after about λ/(s − δ) values.
type PageHinkley struct {
	o              PageHinkleyOptions
	n              int
	mean, variance float64
	up, down       float64
}

// NewPageHinkley returns a test that has seen nothing.
func NewPageHinkley(o PageHinkleyOptions) (*PageHinkley, error) {
	if o.Slack == 0 {
		o.Slack = 0.1
	}
	if o.Threshold == 0 {
		o.Threshold = 60
	}
	if o.Warm == 0 {
		o.Warm = 500
	}
	if o.Memory == 0 {
		o.Memory = 50_000
	}
	if o.Clip == 0 {
		o.Clip = 20
	}
	switch {
	case !within(o.Slack, 0, 10):
		return nil, fmt.Errorf("drift: Page-Hinkley's slack %v is not within 0 and 10 deviations", o.Slack)
	case !within(o.Threshold, 1, 1e6):
		return nil, fmt.Errorf("drift: Page-Hinkley's threshold %v is not within 1 and 1e6 deviations", o.Threshold)
	case o.Warm < 2 || o.Warm > 1<<30:
		return nil, fmt.Errorf("drift: Page-Hinkley warms for %d values, want 2 to 2^30", o.Warm)
	case o.Memory < o.Warm || o.Memory > 1<<30:
		return nil, fmt.Errorf("drift: Page-Hinkley's memory of %d values, want %d (its warm-up) to 2^30", o.Memory, o.Warm)
	case !within(o.Clip, 1, 1e6):
		return nil, fmt.Errorf("drift: Page-Hinkley's clip %v is not within 1 and 1e6 deviations", o.Clip)
	}
	return &PageHinkley{o: o}, nil
}

// maxValue bounds what enters, so that its square stays a number.
const maxValue = 1e100

// Add takes the next value.
func (p *PageHinkley) Add(x float64) Shift {
	if !finite(x) {
		return None
	}
	x = clamp(x, -maxValue, maxValue)
	warm := p.n >= p.o.Warm
	if deviation := math.Sqrt(p.variance); warm && deviation > 0 {
		z := clamp((x-p.mean)/deviation, -p.o.Clip, p.o.Clip)
		x = p.mean + float64(z*deviation)
		p.up = math.Max(0, p.up+z-p.o.Slack)
		p.down = math.Max(0, p.down-z-p.o.Slack)
	}
	p.learn(x)
	rise, fall := p.up > p.o.Threshold, p.down > p.o.Threshold && !p.o.UpOnly
	if !rise && !fall {
		return None
	}
	*p = PageHinkley{o: p.o}
	return direction(rise)
}

// learn moves mean and variance: plain averages at first, then over the memory.
func (p *PageHinkley) learn(x float64) {
	p.n = min(p.n+1, p.o.Memory)
	rate := 1 / float64(p.n)
	d := x - p.mean
	p.mean += float64(rate * d)
	p.variance = (1 - rate) * (p.variance + float64(rate*square(d)))
}

// Excess returns how near it is to a change, in [0, 1].
func (p *PageHinkley) Excess() float64 {
	excess := p.up
	if !p.o.UpOnly {
		excess = math.Max(excess, p.down)
	}
	return excess / p.o.Threshold
}

const pageHinkleyV1 = 1

// AppendState appends version | n | mean | variance | up | down.
func (p *PageHinkley) AppendState(dst []byte) []byte {
	dst = appendCount(append(dst, pageHinkleyV1), p.n)
	for _, x := range [...]float64{p.mean, p.variance, p.up, p.down} {
		dst = appendFloat(dst, x)
	}
	return dst
}

// LoadState takes back what AppendState has appended. After an error nothing has changed.
func (p *PageHinkley) LoadState(b []byte) error {
	r := reader{b: b}
	q := p.load(&r)
	if err := r.end(); err != nil {
		return err
	}
	*p = q
	return nil
}

// load takes the state off r.
func (p *PageHinkley) load(r *reader) PageHinkley {
	r.version(pageHinkleyV1)
	return PageHinkley{
		o: p.o, n: r.count(p.o.Memory), mean: r.float(), variance: r.positive(), up: r.positive(), down: r.positive(),
	}
}
