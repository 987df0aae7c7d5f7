package drift

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestTheIndexIsTheFormula(t *testing.T) {
	p, err := NewPSI(PSIOptions{Bins: 4, Sample: 8, MinCount: 4, Slice: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 { // edges 2, 4, 6
		p.Add(float64(i), 0)
	}
	for _, x := range []float64{0, 1, 3, 4, 5, 7, 7, math.NaN()} { // bins: 2, 2, 1, 2 and one missing
		p.Add(x, 0)
	}
	for _, x := range []float64{1, 3, 3, 6} { // bins: 1, 2, 1, 0
		p.Add(x, 1e9)
	}
	p.Add(0, 2e9) // closes the slice
	want := 0.0
	for _, c := range [][2]float64{{2, 1}, {2, 2}, {1, 1}, {2, 0}, {1, 0}} {
		a, b := (c[0]+.5)/8, (c[1]+.5)/4
		want += (b - a) * math.Log(b/a)
	}
	if math.Abs(p.Index()-want) > 1e-12 {
		t.Errorf("index %v, want %v", p.Index(), want)
	}
}

func TestSmallSlicesAreNoChangeByChance(t *testing.T) {
	alarms, slices := 0, 0
	for run := range 200 {
		p, err := NewPSI(PSIOptions{MinCount: 40, Slice: time.Minute, Decay: .01})
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(uint64(run), 7))
		over := 0
		for i := range 20_000 {
			if p.Add(r.NormFloat64(), int64(i)*1e9) != None {
				alarms++
			}
			if p.Index() > .2 {
				over++
			}
		}
		if over == 0 {
			t.Fatal("slices of 60 values never go beyond 0.2 by chance: this test tests nothing")
		}
		slices += 20_000 / 60
	}
	if alarms > 6 {
		t.Errorf("%d alarms in %d slices of the same distribution", alarms, slices)
	}
}

func TestValuesThatGoMissingAreAChange(t *testing.T) {
	p, err := NewPSI(PSIOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(8, 8))
	found := 0
	for i := range 30_000 {
		x := r.NormFloat64()
		if i > 20_000 && i%2 == 0 {
			x = math.NaN()
		}
		if p.Add(x, int64(i)*1e9) != None {
			if i < 20_000 {
				t.Fatalf("an alarm at %d, before anything is missing", i)
			}
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d alarms, want one", found)
	}
}

func TestANumberOfFewValuesHasFewBins(t *testing.T) {
	p, err := NewPSI(PSIOptions{Sample: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		p.Add(float64(i%2), 0)
	}
	if len(p.edges) != 2 || p.bin(-1) != 0 || p.bin(0) != 0 || p.bin(.5) != 1 || p.bin(1) != 1 || p.bin(2) != 2 || p.bin(math.Inf(1)) != 10 {
		t.Errorf("edges %v", p.edges)
	}
}
