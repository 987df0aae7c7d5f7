package drift

import (
	"fmt"
	"math"
)

// LabelRateOptions of a LabelRate. A zero field takes the default named beside it.
type LabelRateOptions struct {
	Block     int     // labels that are judged together; 500
	Warm      int     // blocks before it can say anything; 20
	Fast      float64 // share of the newest block in the recent rate, in (0, 1]; 0.25
	Slow      float64 // and in what is expected, in (0, Fast); 0.02
	Threshold float64 // deviations between the two that are a change; 5
}

// LabelRate tests the recent rate of positives against a decayed expectation. Both are exponential averages r and s of
// the rates of blocks; with v the variance of a block's rate,
//
//	z = (r − s) / √(v · Σ(a_i − b_i)²),
//
// where a and b are the weights that the blocks have in r and in s. v is what is found between blocks, decayed as s, and at least
// that of independent labels, s(1−s)/Block: labels of one user or one hour go together, and a test that takes
// them for independent calls every evening a change.
type LabelRate struct {
	o                LabelRateOptions
	n, positives     int // of the block in hand
	blocks           int // up to Warm
	fast, slow       float64
	variance         float64
	norm             float64 // Σb: 1 once the past is long
	sqFast, sqSlow   float64 // Σa², Σb²
	product, lastSum float64 // Σab; z as of the last block
}

// NewLabelRate returns a test that has seen nothing.
func NewLabelRate(o LabelRateOptions) (*LabelRate, error) {
	if o.Block == 0 {
		o.Block = 500
	}
	if o.Warm == 0 {
		o.Warm = 20
	}
	if o.Fast == 0 {
		o.Fast = 0.25
	}
	if o.Slow == 0 {
		o.Slow = 0.02
	}
	if o.Threshold == 0 {
		o.Threshold = 5
	}
	switch {
	case o.Block < 10 || o.Block > 1<<30:
		return nil, fmt.Errorf("drift: blocks of %d labels, want 10 to 2^30", o.Block)
	case o.Warm < 2 || o.Warm > 1<<30:
		return nil, fmt.Errorf("drift: a label rate warms for %d blocks, want 2 to 2^30", o.Warm)
	case !(o.Fast > 0 && o.Fast <= 1), !(o.Slow > 0 && o.Slow < o.Fast):
		return nil, fmt.Errorf("drift: shares of a block %v and %v, want 0 < slow < fast <= 1", o.Fast, o.Slow)
	case !within(o.Threshold, 1, 100):
		return nil, fmt.Errorf("drift: a label rate's threshold %v is not within 1 and 100 deviations", o.Threshold)
	}
	return &LabelRate{o: o}, nil
}

// Add takes the next label.
func (l *LabelRate) Add(positive bool) Shift {
	l.n++
	if positive {
		l.positives++
	}
	if l.n < l.o.Block {
		return None
	}
	rate := float64(l.positives) / float64(l.n)
	l.n, l.positives = 0, 0
	shift := l.close(rate)
	if shift != None {
		*l = LabelRate{o: l.o}
	}
	return shift
}

// close takes a whole block. The first weights of an average are larger, so that it is unbiased from the first block on.
func (l *LabelRate) close(rate float64) Shift {
	warm := l.blocks >= l.o.Warm
	l.blocks = min(l.blocks+1, l.o.Warm)
	l.norm = float64((1-l.o.Slow)*l.norm) + l.o.Slow
	b := l.o.Slow / l.norm
	a := math.Max(l.o.Fast, b)
	d := rate - l.slow
	l.fast += float64(a * (rate - l.fast))
	l.slow += float64(b * d)
	spread := math.Max(l.variance, l.independent())
	l.variance += float64(b * (math.Min(square(d), 4*spread)/cappedSquare - l.variance))
	l.sqFast = float64(square(1-a)*l.sqFast) + square(a)
	l.sqSlow = float64(square(1-b)*l.sqSlow) + square(b)
	l.product = float64((1-a)*(1-b)*l.product) + float64(a*b)
	l.lastSum = l.z()
	if !warm || math.Abs(l.lastSum) <= l.o.Threshold {
		return None
	}
	return direction(l.lastSum > 0)
}

// cappedSquare is the mean of min(z², 4) of a normal deviate z: a block beyond two deviations counts as two, or else a change would
// hide itself behind the variance that it makes.
const cappedSquare = 0.920

// independent is the variance of a block's rate if labels are independent.
func (l *LabelRate) independent() float64 { return l.slow * (1 - l.slow) / float64(l.o.Block) }

func (l *LabelRate) z() float64 {
	spread := math.Max(l.variance, l.independent()) * (l.sqFast + l.sqSlow - 2*l.product)
	if !(spread > 0) {
		return 0
	}
	return (l.fast - l.slow) / math.Sqrt(spread)
}

// Rates returns the recent rate of positives, what is expected, and the deviations between the two, as of the last whole block.
func (l *LabelRate) Rates() (recent, expected, z float64) { return l.fast, l.slow, l.lastSum }

const labelRateV1 = 1

// AppendState appends version | n | positives | blocks | the averages.
func (l *LabelRate) AppendState(dst []byte) []byte {
	dst = appendCount(appendCount(appendCount(append(dst, labelRateV1), l.n), l.positives), l.blocks)
	for _, x := range [...]float64{l.fast, l.slow, l.variance, l.norm, l.sqFast, l.sqSlow, l.product, l.lastSum} {
		dst = appendFloat(dst, x)
	}
	return dst
}

// LoadState takes back what AppendState has appended. After an error nothing has changed.
func (l *LabelRate) LoadState(b []byte) error {
	r := reader{b: b}
	m := l.load(&r)
	if err := r.end(); err != nil {
		return err
	}
	*l = m
	return nil
}

func (l *LabelRate) load(r *reader) LabelRate {
	r.version(labelRateV1)
	m := LabelRate{o: l.o, n: r.count(l.o.Block - 1)}
	m.positives, m.blocks = r.count(m.n), r.count(l.o.Warm)
	for _, x := range [...]*float64{&m.fast, &m.slow, &m.variance, &m.norm, &m.sqFast, &m.sqSlow, &m.product} {
		if *x = r.positive(); *x > 1+1e-9 {
			r.fail()
		}
	}
	m.lastSum = r.float()
	return m
}
