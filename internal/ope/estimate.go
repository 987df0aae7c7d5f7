package ope

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Estimate is the value of a policy by one estimator, in the unit of the rewards. What is not defined is NaN.
type Estimate struct {
	Name      string
	Value     float64
	StdErr    float64  // of the mean over clusters, linearised
	Normal    Interval // Value ± 1.96·StdErr
	Bootstrap Interval // percentiles over drawn clusters; NaN: not asked for
}

// Interval has a nominal coverage of 95 %.
type Interval struct{ Low, High float64 }

// z is the 97.5th percentile of the normal distribution.
const z = 1.959963984540054

// Bootstrap says how the bootstrap draws. The zero value draws nothing.
type Bootstrap struct {
	Draws int    // 1000 is plenty
	Seed  uint64 // the same seed gives the same intervals
}

// Estimates returns all estimators.
func (t *Tally) Estimates(b Bootstrap) []Estimate {
	out := make([]Estimate, len(estimators))
	for i := range estimators {
		out[i] = t.estimate(&estimators[i])
	}
	t.bootstrap(out, b)
	return out
}

// Find returns an estimate by its name.
func Find(of []Estimate, name string) Estimate {
	for _, e := range of {
		if e.Name == name {
			return e
		}
	}
	return Estimate{Name: name, Value: math.NaN()}
}

func (t *Tally) estimate(e *estimator) Estimate {
	nan := math.NaN()
	out := Estimate{Name: e.name, Value: defined(e.value(&t.total)), StdErr: nan, Normal: Interval{nan, nan}, Bootstrap: Interval{nan, nan}}
	groups := float64(len(t.clusters))
	if groups < 2 || math.IsNaN(out.Value) {
		return out
	}
	sum := 0.0
	for i := range t.clusters {
		psi := e.influence(&t.total, &t.clusters[i], out.Value)
		sum += float64(psi * psi)
	}
	out.StdErr = math.Sqrt(sum * groups / (groups - 1))
	half := float64(z * out.StdErr)
	out.Normal = Interval{out.Value - half, out.Value + half}
	return out
}

func defined(x float64) float64 {
	if math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}

// bootstrap sets the intervals of estimates, one for each estimator.
func (t *Tally) bootstrap(of []Estimate, b Bootstrap) {
	n := len(t.clusters)
	if b.Draws < 2 || n < 2 {
		return
	}
	rng := rand.New(rand.NewPCG(b.Seed, 0x6f7065))
	draws := make([][]float64, len(estimators))
	for range b.Draws {
		var s sums
		for range n {
			s.add(&t.clusters[rng.IntN(n)])
		}
		for i := range estimators {
			if v := defined(estimators[i].value(&s)); !math.IsNaN(v) {
				draws[i] = append(draws[i], v)
			}
		}
	}
	for i := range of {
		slices.Sort(draws[i])
		of[i].Bootstrap = Interval{quantile(draws[i], 0.025), quantile(draws[i], 0.975)}
	}
}

// quantile of ascending values, interpolated; NaN of none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[i]
	}
	share := at - float64(i)
	return float64(sorted[i]*(1-share)) + float64(sorted[i+1]*share)
}
