package drift

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestFalseAlarmsComeAsOftenAsTheFormulaSays(t *testing.T) {
	const slack, threshold, n = .2, 12, 3_000_000
	p, err := NewPageHinkley(PageHinkleyOptions{Slack: slack, Threshold: threshold, Warm: 20_000, Memory: 1 << 30, UpOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	alarms, counted := 0, 0
	for range n {
		if p.n >= p.o.Warm {
			counted++
		}
		if p.Add(r.NormFloat64()) != None {
			alarms++
			p.n, p.variance = p.o.Warm, 1 // as warm as before, with the truth
		}
	}
	h := threshold + 1.166
	want := float64(counted) / ((math.Exp(2*slack*h) - 2*slack*h - 1) / (2 * slack * slack))
	if got := float64(alarms); math.Abs(got-want) > 4*math.Sqrt(want)+.1*want {
		t.Errorf("%v false alarms, want about %.0f", got, want)
	}
}

func TestARiseIsFoundAfterThresholdOverExcess(t *testing.T) {
	for _, tc := range []struct {
		rise float64
		want Shift
	}{{1, Up}, {-1, Down}, {.5, Up}} {
		var sum float64
		const runs = 40
		for run := range runs {
			p, err := NewPageHinkley(PageHinkleyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(uint64(run), 5))
			for range 20_000 {
				if s := p.Add(r.NormFloat64()); s != None {
					t.Fatalf("a false alarm: %v", s)
				}
			}
			s, n := None, 0
			for ; s == None; n++ {
				s = p.Add(r.NormFloat64() + tc.rise)
			}
			if s != tc.want {
				t.Fatalf("a change by %v is called %v", tc.rise, s)
			}
			sum += float64(n)
		}
		want := 60 / (math.Abs(tc.rise) - .1)
		if mean := sum / runs; math.Abs(mean-want) > .15*want {
			t.Errorf("a change by %v is found after %.0f values, want about %.0f", tc.rise, mean, want)
		}
	}
}

func TestValuesThatAreAllAlikeAreNoChange(t *testing.T) {
	p, err := NewPageHinkley(PageHinkleyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		if s := p.Add(7); s != None {
			t.Fatal(s)
		}
	}
}
