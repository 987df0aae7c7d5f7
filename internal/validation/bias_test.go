package validation

import (
	"math"
	"testing"
)

func TestBiasIsWhatIsPredictedTooMuch(t *testing.T) {
	for _, tc := range []struct {
		m    Metrics
		want float64
	}{
		{Metrics{N: 10, Positives: 2, MeanP: 0.3}, 0.1},
		{Metrics{N: 10, Positives: 5, MeanP: 0.3}, -0.2},
		{Metrics{N: 10, MeanP: 0.3}, 0.3},
	} {
		if got := tc.m.Bias(); math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%+v: %v, want %v", tc.m, got, tc.want)
		}
	}
	if got := (Metrics{MeanP: math.NaN()}).Bias(); got == got {
		t.Errorf("of nothing it is %v", got)
	}
}
