package drift

import (
	"math"
	"math/rand/v2"
	"testing"
)

// labels feeds n labels whose rate in each run of 500 is around the given one, by so much.
func labels(l *LabelRate, r *rand.Rand, n int, rate, spread float64) (alarms int, last Shift) {
	p := rate
	for i := range n {
		if i%500 == 0 {
			p = rate + spread*r.NormFloat64()
		}
		if s := l.Add(r.Float64() < p); s != None {
			alarms, last = alarms+1, s
		}
	}
	return alarms, last
}

func TestLabelsThatGoTogetherAreNoChange(t *testing.T) {
	for _, spread := range []float64{0, .02, .05} { // independent labels alone make .013
		alarms := 0
		for run := range 20 {
			l, err := NewLabelRate(LabelRateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			n, _ := labels(l, rand.New(rand.NewPCG(uint64(run), 6)), 200_000, .1, spread)
			alarms += n
		}
		if alarms > 4 { // of 4 million labels
			t.Errorf("%d false alarms where blocks differ by %v", alarms, spread)
		}
	}
}

func TestAnotherRateOfLabelsIsFound(t *testing.T) {
	for _, tc := range []struct {
		rate float64
		want Shift
	}{{.16, Up}, {.05, Down}, {0, Down}} {
		l, err := NewLabelRate(LabelRateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(9, 6))
		labels(l, r, 50_000, .1, 0)
		recent, expected, _ := l.Rates()
		if math.Abs(expected-.1) > .01 || math.Abs(recent-.1) > .03 {
			t.Fatalf("rates %v and %v, want about .1", recent, expected)
		}
		if n, s := labels(l, r, 5000, tc.rate, 0); n != 1 || s != tc.want {
			t.Errorf("from .1 to %v: %d alarms, the last one %v", tc.rate, n, s)
		}
	}
}
