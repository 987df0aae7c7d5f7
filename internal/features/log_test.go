package features

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestFastLogIsALogarithm(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	worst := 0.0
	for range 200_000 {
		x := math.Exp(rng.Float64()*1400 - 700)
		worst = max(worst, math.Abs(fastLog(x)-math.Log(x)))
	}
	for x := 0.0001; x < 10; x += 0.0001 {
		worst = max(worst, math.Abs(fastLog(x)-math.Log(x)))
	}
	if worst > 1e-9 {
		t.Errorf("off by %v", worst)
	}
	for _, x := range []float64{0, math.Inf(1), 5e-324} {
		if got := fastLog(x); got != math.Log(x) {
			t.Errorf("fastLog(%v) = %v", x, got)
		}
	}
	for _, x := range []float64{-1, math.NaN(), math.Inf(-1)} {
		if got := fastLog(x); !math.IsNaN(got) {
			t.Errorf("fastLog(%v) = %v", x, got)
		}
	}
}
