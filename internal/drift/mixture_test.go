package drift

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// clouds draws from two Gaussians: a third of the points around (−3, 1) with deviations 1 and .5, the others around (2, −1)
// with .5 and 1.
func clouds(r *rand.Rand, x []float64) {
	if r.IntN(3) == 0 {
		x[0], x[1] = -3+r.NormFloat64(), 1+.5*r.NormFloat64()
		return
	}
	x[0], x[1] = 2+.5*r.NormFloat64(), -1+r.NormFloat64()
}

func TestTheMixtureFindsTheCloudsThatThePointsComeFrom(t *testing.T) {
	m, err := NewMixture(MixtureOptions{Dims: 2, Components: 2})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(10, 1))
	x := make([]float64, 2)
	for range 20_000 {
		clouds(r, x)
		if s := m.Add(x); s != None {
			t.Fatal("an alarm without a shift")
		}
	}
	if m.means[0] > m.means[2] {
		t.Fatalf("components in another order: means %v", m.means)
	}
	near := func(what string, got, want []float64, by float64) {
		for i := range want {
			if math.Abs(got[i]-want[i]) > by {
				t.Errorf("%s %v, want about %v", what, got, want)
			}
		}
	}
	near("weights", m.weights, []float64{1. / 3, 2. / 3}, .03)
	near("means", m.means, []float64{-3, 1, 2, -1}, .15)
	near("variances", m.variance, []float64{1, .25, .25, 1}, .15)
}

func TestTheLikelihoodIsThatOfTheFormula(t *testing.T) {
	m, err := NewMixture(MixtureOptions{Dims: 2, Components: 2})
	if err != nil {
		t.Fatal(err)
	}
	copy(m.weights, []float64{.25, .75})
	copy(m.means, []float64{0, 0, 1, 2})
	copy(m.variance, []float64{1, 4, .5, 1})
	normal := func(x, mean, variance float64) float64 {
		return math.Exp(-(x-mean)*(x-mean)/(2*variance)) / math.Sqrt(2*math.Pi*variance)
	}
	want := math.Log(.25*normal(.5, 0, 1)*normal(-1, 0, 4) + .75*normal(.5, 1, .5)*normal(-1, 2, 1))
	if got := m.respond([]float64{.5, -1}); math.Abs(got-want) > 1e-12 {
		t.Errorf("log-likelihood %v, want %v", got, want)
	}
	want = math.Log(.25*normal(.5, 0, 1) + .75*normal(.5, 1, .5))
	if got := m.respond([]float64{.5, math.NaN()}); math.Abs(got-want) > 1e-12 {
		t.Errorf("without the second number %v, want %v", got, want)
	}
}

func TestVariancesStayAboveTheirFloor(t *testing.T) {
	m, err := NewMixture(MixtureOptions{Dims: 2, MinStep: .01})
	if err != nil {
		t.Fatal(err)
	}
	x := []float64{0, 5}
	for i := range 10_000 {
		x[0] = float64(i % 2) // two values and nothing between; and a constant
		if i > 5000 {
			x[0] = 0
		}
		m.Add(x)
		if !m.made {
			continue
		}
		if !finite(m.LogLikelihood()) || slices.Min(m.variance) < minVariance*(1-1e-9) || slices.Min(m.weights) < minWeight*(1-1e-9) {
			t.Fatalf("after %d points: variances %v, weights %v, log-likelihood %v", i, m.variance, m.weights, m.LogLikelihood())
		}
	}
}

func TestAShiftOfCorrelationIsFoundThoughNoNumberShiftsByItself(t *testing.T) {
	m, err := NewMixture(MixtureOptions{Dims: 2, Components: 4})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(12, 1))
	x := make([]float64, 2)
	point := func(sign float64) {
		side := float64(r.IntN(2)*2 - 1)
		x[0], x[1] = 3*side+r.NormFloat64(), 3*side*sign+r.NormFloat64()
	}
	for range 20_000 {
		if point(1); m.Add(x) != None {
			t.Fatal("an alarm before the shift")
		}
	}
	for i := range 300 {
		if point(-1); m.Add(x) == Up {
			t.Logf("found after %d points", i+1)
			return
		}
	}
	t.Error("not found in 300 points")
}
