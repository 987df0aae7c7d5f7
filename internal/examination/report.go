package examination

import (
	"math"
	"slices"
)

// Estimate is what a method says of a position.
type Estimate struct {
	Theta     float64 // relative to the first position, whose is 1; it may be above 1
	Low, High float64 // of Theta, 95 %: exp(log θ̂ ± 1.96·s), s by the delta method
	Effective float64 // (Σw)²/Σw² of the outcomes at the position that the method went by; 0: the estimate says nothing
	Rate      float64 // of these that were positive, in [0, 1]
}

// Report is what is known of a group.
type Report struct {
	Scene, Layout string
	Methods       [EM][]Estimate // by Method − 1, then by position
	Force         []float32      // θ in force, by position; 0: the configured table holds
	Counters      Counters       // of all groups together
}

// Of returns what a method says; nil for Fixed.
func (r *Report) Of(m Method) []Estimate {
	if m == Fixed {
		return nil
	}
	return r.Methods[m-1]
}

// Reports returns the estimates as of the last step of event time, in the order in which the groups were met.
func (e *Estimator) Reports() []Report {
	e.mu.RLock()
	defer e.mu.RUnlock()
	out := slices.Clone(e.reports)
	for i := range out {
		out[i].Force = slices.Clone(out[i].Force)
	}
	return slices.DeleteFunc(out, func(r Report) bool { return r.Methods[0] == nil })
}

// z is the 97.5 % quantile of the normal distribution.
const z = 1.959963984540054

func (e *Estimator) report(g *group) Report {
	return Report{
		Scene: g.scene, Layout: g.layout,
		Methods: [EM][]Estimate{
			Swaps - 1:   e.bySwaps(g),
			Harvest - 1: e.byHarvest(g),
			EM - 1:      e.byEM(g),
		},
	}
}

// bySwaps compares the positions of drawn lists with each other, and those of each pair.
func (e *Estimator) bySwaps(g *group) []Estimate {
	at := slices.Clone(g.uniform)
	spread(at, g.swaps)
	f := scaleOf(at)
	e.solver.reset()
	e.solver.begin(0)
	for k := range g.uniform {
		s := g.uniform[k]
		s.scale(f)
		e.solver.add(k, &s)
	}
	e.addPairs(g.swaps, f, false)
	return estimates(e.solver.solve(), at)
}

// byHarvest compares the positions at which the same items were seen.
func (e *Estimator) byHarvest(g *group) []Estimate {
	at := make([]side, e.o.Positions)
	spread(at, g.harvest)
	e.solver.reset()
	e.addPairs(g.harvest, scaleOf(at), true)
	return estimates(e.solver.solve(), at)
}

// addPairs gives the pairs to the solver, weighted so that weights sum to effective numbers. The outcomes of matched ones belong
// together, two and two.
func (e *Estimator) addPairs(pairs []pair, f float64, matched bool) {
	for low := range e.o.Positions {
		for high := range low {
			p := pairs[triangle(high, low)]
			if !(p.high.n > 0 && p.low.n > 0) {
				continue
			}
			p.scale(f)
			covariance := 0.0
			if matched {
				covariance = p.both - float64(p.high.n2*(p.high.c/p.high.n)*(p.low.c/p.low.n))
			}
			e.solver.begin(covariance)
			e.solver.add(high, &p.high)
			e.solver.add(low, &p.low)
		}
	}
}

// byEM solves each position, and relates it to the first.
func (e *Estimator) byEM(g *group) []Estimate {
	c := curve{log: make([]float64, len(g.em)), variance: make([]float64, len(g.em))}
	at := make([]side, len(g.em))
	for k := range g.em {
		at[k] = g.em[k].all
		c.log[k], c.variance[k] = g.em[k].solve()
	}
	for k := len(g.em) - 1; k > 0; k-- {
		c.log[k] -= c.log[0]
		c.variance[k] += c.variance[0]
	}
	c.log[0], c.variance[0] = 0, 0
	return estimates(c, at)
}

// spread adds what was seen in pairs to what was seen at each position.
func spread(at []side, pairs []pair) {
	add := func(k int, s *side) {
		at[k].n += s.n
		at[k].n2 += s.n2
		at[k].c += s.c
	}
	for low := range at {
		for high := range low {
			p := &pairs[triangle(high, low)]
			add(high, &p.high)
			add(low, &p.low)
		}
	}
}

// scaleOf is the factor after which the weights sum to their effective number.
func scaleOf(at []side) float64 {
	var n, n2 float64
	for _, s := range at {
		n += s.n
		n2 += s.n2
	}
	if !(n2 > 0) {
		return 1
	}
	return n / n2
}

func estimates(c curve, at []side) []Estimate {
	out := make([]Estimate, len(at))
	for k := range out {
		s := math.Sqrt(c.variance[k])
		out[k] = Estimate{
			Theta: math.Exp(c.log[k]), Low: math.Exp(c.log[k] - z*s), High: math.Exp(c.log[k] + z*s), Effective: at[k].effective(),
		}
		if at[k].n > 0 {
			out[k].Rate = at[k].c / at[k].n
		}
	}
	return out
}
