package drift

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// MixtureOptions of a Mixture. A zero field takes the default named beside it.
type MixtureOptions struct {
	Dims       int                // numbers in a point, 1 to 64; required
	Components int                // Gaussians, 1 to 16; 3
	Init       int                // points from which they are made; 256
	Step       float64            // exponent of the step t^−Step, in (0.5, 1]; 0.8
	MinStep    float64            // least step, which makes it forget; 0.0001
	Floor      float64            // least variance of a component, as a share of the variance of all points; 0.01
	Test       PageHinkleyOptions // of −log-likelihood; UpOnly is set; Slack 0.2, Threshold 40, Clip 6
}

// Mixture is a mixture of Gaussians with diagonal covariances, learned from a stream of points by online EM (Cappé & Moulines
// 2009, "On-line expectation–maximization algorithm for latent data models"): with the responsibilities r_k of the
// components for a point and γ = max(t^−Step, MinStep),
//
//	w_k ← (1−γ)w_k + γr_k,  a = γr_k/w_k,  μ ← μ + a(x−μ),  σ² ← (1−a)(σ² + a(x−μ)²)
//
// which are the decayed moments, kept so that nothing cancels. Variances have a floor, and so have weights. The first
// points are sorted by the sum of their standardised coordinates and cut into equal groups, from which a few rounds of
// plain EM start: the same points make the same mixture.
//
// The log-likelihood of each point before it is learned is what says how well the stream is known: a shift is where −log p
// rises, by the test of Page and Hinkley. A coordinate that is not a number is missing: it says nothing, and is not learned.
type Mixture struct {
	o        MixtureOptions
	n        int       // points that the components rest on: those seen, or fewer after a shift
	made     bool      // the components are there
	first    []float64 // until there are Init: the points, row by row
	weights  []float64 // by component
	means    []float64 // by component and dimension
	variance []float64 // likewise
	center   []float64 // by dimension: mean of all points
	spread   []float64 // by dimension: variance of all points
	test     PageHinkley
	last     float64 // log-likelihood of the last point

	logs []float64 // scratch: by component
	x    []float64 // scratch: the point
}

const (
	minWeight      = 1e-3 // of a component
	minVariance    = 1e-9
	mixtureExtent  = 1e9 // coordinates are clamped to ± this
	maxVariance    = 16 * mixtureExtent * mixtureExtent
	emRounds       = 10
	restAfterShift = 50 // points that the components rest on after a shift
)

// NewMixture returns a mixture that has seen nothing.
func NewMixture(o MixtureOptions) (*Mixture, error) {
	if o.Components == 0 {
		o.Components = 3
	}
	if o.Init == 0 {
		o.Init = 256
	}
	if o.Step == 0 {
		o.Step = 0.8
	}
	if o.MinStep == 0 {
		o.MinStep = 0.0001
	}
	if o.Floor == 0 {
		o.Floor = 0.01
	}
	if o.Test.Slack == 0 {
		o.Test.Slack = 0.2
	}
	if o.Test.Threshold == 0 {
		o.Test.Threshold = 40
	}
	if o.Test.Clip == 0 {
		o.Test.Clip = 6
	}
	o.Test.UpOnly = true
	switch {
	case o.Dims < 1 || o.Dims > 64:
		return nil, fmt.Errorf("drift: points of %d numbers, want 1 to 64", o.Dims)
	case o.Components < 1 || o.Components > 16:
		return nil, fmt.Errorf("drift: %d components, want 1 to 16", o.Components)
	case o.Init < 4*o.Components || o.Init > 10_000:
		return nil, fmt.Errorf("drift: a mixture made of %d points, want %d (4 for each component) to 10000", o.Init, 4*o.Components)
	case !(o.Step > 0.5 && o.Step <= 1), !(o.MinStep > 0 && o.MinStep < 0.5):
		return nil, fmt.Errorf("drift: steps t^-%v and at least %v, want an exponent in (0.5, 1] and a least step in (0, 0.5)", o.Step, o.MinStep)
	case !(o.Floor > 0 && o.Floor <= 1):
		return nil, fmt.Errorf("drift: the floor under variances, %v, is not within 0 and 1", o.Floor)
	}
	test, err := NewPageHinkley(o.Test)
	if err != nil {
		return nil, err
	}
	k, d := o.Components, o.Dims
	return &Mixture{
		o: o, first: make([]float64, 0, o.Init*d), weights: make([]float64, k), means: make([]float64, k*d),
		variance: make([]float64, k*d), center: make([]float64, d), spread: make([]float64, d), test: *test,
		logs: make([]float64, k), x: make([]float64, d),
	}, nil
}

// Add takes the next point, of Dims numbers, and does not keep it.
func (m *Mixture) Add(point []float64) Shift {
	for i := range m.x {
		m.x[i] = math.NaN()
		if finite(point[i]) {
			m.x[i] = clamp(point[i], -mixtureExtent, mixtureExtent)
		}
	}
	if !m.made {
		m.gather()
		return None
	}
	m.last = m.respond(m.x)
	shift := m.test.Add(-m.last)
	if shift != None {
		m.n = restAfterShift
	}
	m.n = min(m.n+1, maxCount)
	m.learn(math.Max(math.Pow(float64(m.n), -m.o.Step), m.o.MinStep))
	return shift
}

// gather keeps a point; the last one makes the mixture. A missing coordinate is kept as the mean of those before.
func (m *Mixture) gather() {
	m.n++
	for i, x := range m.x {
		if x != x {
			x = m.center[i]
		}
		m.first = append(m.first, x)
		d := x - m.center[i]
		m.center[i] += d / float64(m.n)
		m.spread[i] = (1 - 1/float64(m.n)) * (m.spread[i] + square(d)/float64(m.n))
	}
	if m.n == m.o.Init {
		m.begin()
		m.first, m.made = m.first[:0], true
	}
}

// begin makes the components of the first points.
func (m *Mixture) begin() {
	d, k, n := m.o.Dims, m.o.Components, m.o.Init
	order := make([]int, n)
	keys := make([]float64, n)
	for i := range order {
		order[i] = i
		for j := range d {
			keys[i] += (m.first[i*d+j] - m.center[j]) / math.Sqrt(m.spread[j]+minVariance)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
	shares := make([]float64, n*k)
	for rank, i := range order {
		shares[i*k+rank*k/n] = 1
	}
	m.maximise(shares)
	for range emRounds {
		for i := range n {
			m.respond(m.first[i*d : (i+1)*d])
			copy(shares[i*k:(i+1)*k], m.logs)
		}
		m.maximise(shares)
	}
}

// maximise sets the components to the moments of the first points under the given responsibilities.
func (m *Mixture) maximise(shares []float64) {
	d, k, n := m.o.Dims, m.o.Components, m.o.Init
	for c := range k {
		var total float64
		for i := range n {
			total += shares[i*k+c]
		}
		m.weights[c] = math.Max(total/float64(n), minWeight)
		if total < 1 {
			continue // it holds no point of its own: it stays where it is
		}
		for j := range d {
			var mean, variance float64
			for i := range n {
				mean += float64(shares[i*k+c] * m.first[i*d+j])
			}
			mean /= total
			for i := range n {
				variance += float64(shares[i*k+c] * square(m.first[i*d+j]-mean))
			}
			m.means[c*d+j], m.variance[c*d+j] = mean, math.Max(variance/total, m.floor(j))
		}
	}
}

func (m *Mixture) floor(dim int) float64 { return math.Max(m.o.Floor*m.spread[dim], minVariance) }

const logTwoPi = 1.8378770664093453

// respond fills logs with the responsibilities of the components for x and returns the log-likelihood.
func (m *Mixture) respond(x []float64) float64 {
	d := m.o.Dims
	greatest, weight := math.Inf(-1), 0.0
	for c, w := range m.weights {
		log := math.Log(w)
		for j, v := range x {
			if v != v {
				continue
			}
			s := m.variance[c*d+j]
			log -= 0.5 * (logTwoPi + math.Log(s) + square(v-m.means[c*d+j])/s)
		}
		m.logs[c], greatest, weight = log, math.Max(greatest, log), weight+w
	}
	var total float64
	for c, log := range m.logs {
		m.logs[c] = math.Exp(log - greatest)
		total += m.logs[c]
	}
	for c := range m.logs {
		m.logs[c] /= total
	}
	return greatest + math.Log(total) - math.Log(weight)
}

// learn moves the components towards the point that respond has judged.
func (m *Mixture) learn(step float64) {
	d := m.o.Dims
	for j, v := range m.x {
		if v == v {
			e := v - m.center[j]
			m.center[j] += float64(step * e)
			m.spread[j] = (1 - step) * (m.spread[j] + float64(step*square(e)))
		}
	}
	for c, share := range m.logs {
		m.weights[c] = math.Max(float64((1-step)*m.weights[c])+float64(step*share), minWeight)
		a := math.Min(step*share/m.weights[c], 1)
		for j, v := range m.x {
			if v != v {
				continue
			}
			at := c*d + j
			e := v - m.means[at]
			m.means[at] += float64(a * e)
			m.variance[at] = math.Max((1-a)*(m.variance[at]+float64(a*square(e))), m.floor(j))
		}
	}
}

// LogLikelihood returns that of the last point, before it was learned; 0 while the mixture is not made.
func (m *Mixture) LogLikelihood() float64 { return m.last }

// Excess returns how near it is to a shift, in [0, 1].
func (m *Mixture) Excess() float64 { return m.test.Excess() }

const mixtureV1 = 1

// AppendState appends version | made u8 | points | last | center | spread, then the first points, or components and test.
func (m *Mixture) AppendState(dst []byte) []byte {
	dst = append(dst, mixtureV1, 0)
	if m.made {
		dst[len(dst)-1] = 1
	}
	dst = appendFloat(appendCount(dst, m.n), m.last)
	dst = appendFloats(appendFloats(dst, m.center), m.spread)
	if !m.made {
		return appendFloats(dst, m.first)
	}
	dst = appendFloats(appendFloats(appendFloats(dst, m.weights), m.means), m.variance)
	return m.test.AppendState(dst)
}

// LoadState takes back what AppendState of a Mixture with the same options has appended. After an error nothing has changed.
func (m *Mixture) LoadState(b []byte) error {
	r := reader{b: b}
	n := m.load(&r)
	if err := r.end(); err != nil {
		return err
	}
	*m = *n
	return nil
}

func (m *Mixture) load(r *reader) *Mixture {
	o := m.o
	n, _ := NewMixture(o) // checked when m was made
	r.version(mixtureV1)
	n.made = r.count(1) == 1
	n.n, n.last = r.count(maxCount), r.float()
	r.floats(n.center)
	r.positives(n.spread)
	if !n.made {
		if n.n >= o.Init {
			r.fail()
			return n
		}
		n.first = n.first[:n.n*o.Dims]
		r.floats(n.first)
		return n
	}
	r.positives(n.weights)
	r.floats(n.means)
	r.positives(n.variance)
	for c, w := range n.weights {
		if !within(w, minWeight/2, 2) {
			r.fail()
		}
		for j := range o.Dims {
			at := c*o.Dims + j
			if !within(n.means[at], -2*mixtureExtent, 2*mixtureExtent) || !within(n.variance[at], minVariance/2, maxVariance) {
				r.fail()
			}
		}
	}
	n.test = n.test.load(r)
	return n
}
