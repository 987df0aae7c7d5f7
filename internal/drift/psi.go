package drift

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// PSIOptions of a PSI. A zero field takes the default named beside it.
type PSIOptions struct {
	Bins      int           // of about equal share in the reference, 2 to 100; 10
	Sample    int           // values from which the bins are made; 512
	Slice     time.Duration // of event time, after which a histogram is compared; 1h
	MinCount  int           // values that a slice must have: with fewer it goes on; 500
	Threshold float64       // of the index, above which the distribution has changed; 0.2
	Sigma     float64       // and the normal deviate that chance must not exceed; 4.3, about one in 100,000 slices
	Decay     float64       // share that the reference keeps from slice to slice, in [0, 1); 0.9
}

// PSI is the population stability index of one number: Σ (q − p) ln(q/p) over bins, p being the shares of a reference and q those
// of a slice of event time. The bins are quantiles of the first values; what is not a number has a bin of its own. A slice is
// compared when the first value beyond it comes, and then becomes part of the reference, which decays.
//
// An index above 0.2 is commonly read as a change. With few values chance alone goes beyond that: for equal distributions
// PSI · nm/(n + m) is about χ² with one degree of freedom fewer than bins (n, m: the numbers of values), so a slice must exceed that
// too (quantile by Wilson and Hilferty 1931).
type PSI struct {
	o      PSIOptions
	sample []float64 // until there are enough
	edges  []float64 // ascending; bin i holds what is at most edges[i] and above the one before
	ref    []float64 // by bin: decayed counts
	now    []float64 // by bin: of the slice in hand
	count  int       // of the slice in hand
	slice  int64     // its number, since 1970
	last   float64   // index of the slice compared last
}

// NewPSI returns an index that has seen nothing.
func NewPSI(o PSIOptions) (*PSI, error) {
	if o.Bins == 0 {
		o.Bins = 10
	}
	if o.Sample == 0 {
		o.Sample = 512
	}
	if o.Slice == 0 {
		o.Slice = time.Hour
	}
	if o.MinCount == 0 {
		o.MinCount = 500
	}
	if o.Threshold == 0 {
		o.Threshold = 0.2
	}
	if o.Sigma == 0 {
		o.Sigma = 4.3
	}
	if o.Decay == 0 {
		o.Decay = 0.9
	}
	switch {
	case o.Bins < 2 || o.Bins > 100:
		return nil, fmt.Errorf("drift: %d bins, want 2 to 100", o.Bins)
	case o.Sample < o.Bins || o.Sample > 10_000:
		return nil, fmt.Errorf("drift: bins made of %d values, want %d (their number) to 10000", o.Sample, o.Bins)
	case o.Slice < time.Second:
		return nil, fmt.Errorf("drift: slices of %v, want a second or more", o.Slice)
	case o.MinCount < 1 || o.MinCount > 1<<40:
		return nil, fmt.Errorf("drift: slices of at least %d values, want 1 to 2^40", o.MinCount)
	case !within(o.Threshold, 0, 100), !within(o.Sigma, 0, 20), !(o.Decay >= 0 && o.Decay < 1):
		return nil, fmt.Errorf("drift: PSI's threshold %v, sigma %v or decay %v is out of range", o.Threshold, o.Sigma, o.Decay)
	}
	return &PSI{
		o: o, sample: make([]float64, 0, o.Sample), edges: make([]float64, 0, o.Bins-1),
		ref: make([]float64, o.Bins+1), now: make([]float64, o.Bins+1),
	}, nil
}

// Add takes a value of an event time in Unix nanoseconds. NaN and infinities are values that are missing. A value that
// comes late counts for the slice in hand.
func (p *PSI) Add(x float64, at int64) Shift {
	if len(p.sample) < p.o.Sample {
		p.learn(x)
		return None
	}
	shift := None
	slice := floorDiv(at, int64(p.o.Slice))
	switch {
	case p.count == 0:
		p.slice = slice
	case slice > p.slice && p.count >= p.o.MinCount:
		if shift = p.close(); shift != None {
			p.restart()
			p.learn(x)
			return shift
		}
		p.slice = slice
	}
	p.now[p.bin(x)]++
	p.count++
	return shift
}

// learn gathers the values that the bins are made of. Those that are missing are passed over.
func (p *PSI) learn(x float64) {
	if !finite(x) {
		return
	}
	p.sample = append(p.sample, clamp(x, -maxValue, maxValue))
	if len(p.sample) < p.o.Sample {
		return
	}
	slices.Sort(p.sample)
	for i := 1; i < p.o.Bins; i++ {
		edge := p.sample[i*len(p.sample)/p.o.Bins]
		if n := len(p.edges); n == 0 || edge > p.edges[n-1] {
			p.edges = append(p.edges, edge)
		}
	}
}

// bin returns the place of a value; the last is for what is missing.
func (p *PSI) bin(x float64) int {
	if !finite(x) {
		return len(p.ref) - 1
	}
	i, _ := slices.BinarySearch(p.edges, x)
	return i
}

// close compares the slice in hand with the reference, and adds it to that.
func (p *PSI) close() Shift {
	var n, m float64
	for i := range p.ref {
		n, m = n+p.ref[i], m+p.now[i]
	}
	shift := None
	if n >= 1 && m >= 1 {
		var index float64
		used := 0
		for i := range p.ref {
			if p.ref[i] == 0 && p.now[i] == 0 {
				continue
			}
			used++
			a, b := (p.ref[i]+.5)/n, (p.now[i]+.5)/m
			index += float64((b - a) * math.Log(b/a))
		}
		p.last = index
		if index > p.o.Threshold && index > chiSquare(float64(max(1, used-1)), p.o.Sigma)*(1/n+1/m) {
			shift = Up
		}
	}
	for i := range p.ref {
		p.ref[i] = float64(p.o.Decay*p.ref[i]) + p.now[i]
	}
	clear(p.now)
	p.count = 0
	return shift
}

// restart forgets everything but the index.
func (p *PSI) restart() {
	p.sample, p.edges, p.count = p.sample[:0], p.edges[:0], 0
	clear(p.ref)
	clear(p.now)
}

// Index returns the index of the slice that was compared last; 0 before the first.
func (p *PSI) Index() float64 { return p.last }

// chiSquare returns the quantile of χ² with k degrees of freedom that stands at the normal deviate z.
func chiSquare(k, z float64) float64 {
	c := 2 / (9 * k)
	root := 1 - c + float64(z*math.Sqrt(c))
	return k * root * root * root
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

const psiV1 = 1

// AppendState appends version | slice varint | values in it | index | number of the sample, which while the bins are not
// made is followed by itself, and else by edges, reference and counts.
func (p *PSI) AppendState(dst []byte) []byte {
	dst = appendSigned(append(dst, psiV1), p.slice)
	dst = appendFloat(appendCount(dst, p.count), p.last)
	dst = appendCount(dst, len(p.sample))
	if len(p.sample) < p.o.Sample {
		return appendFloats(dst, p.sample)
	}
	dst = appendFloats(appendCount(dst, len(p.edges)), p.edges)
	return appendFloats(appendFloats(dst, p.ref), p.now)
}

// LoadState takes back what AppendState of a PSI with the same options has appended. After an error nothing has changed.
func (p *PSI) LoadState(b []byte) error {
	r := reader{b: b}
	q := p.load(&r)
	if err := r.end(); err != nil {
		return err
	}
	*p = q
	return nil
}

func (p *PSI) load(r *reader) PSI {
	r.version(psiV1)
	q := PSI{
		o: p.o, slice: r.signed(), count: r.count(maxCount), last: r.float(), sample: make([]float64, 0, p.o.Sample),
		edges: make([]float64, 0, p.o.Bins-1), ref: make([]float64, len(p.ref)), now: make([]float64, len(p.now)),
	}
	q.sample = q.sample[:r.count(p.o.Sample)]
	if len(q.sample) < p.o.Sample {
		r.floats(q.sample)
		return q
	}
	q.edges = q.edges[:r.count(p.o.Bins-1)]
	r.floats(q.edges)
	for i := 1; i < len(q.edges); i++ {
		if !(q.edges[i] > q.edges[i-1]) {
			r.fail()
		}
	}
	r.positives(q.ref)
	r.positives(q.now)
	return q
}
