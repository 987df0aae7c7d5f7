package features

import (
	"math"
	"testing"
	"time"

	"recsvc/internal/event"
)

// spreadTwins recount extremes and variances.
func spreadTwins() []twinKind {
	extreme := func(kind string, better func(a, b float64) bool) twinKind {
		return twinKind{
			kind: kind, reads: "number",
			defs: []Definition{
				{Kind: kind, Scope: []string{"user"}, On: On("dwell", "purchase"), Windows: []time.Duration{time.Minute, 24 * time.Hour, 30 * 24 * time.Hour}},
				{Kind: kind, Scope: []string{"user", "item.categories[0]"}, On: On("click"), Value: "item.price", TTL: time.Hour, As: "sqrt"},
				{Kind: kind, Scope: []string{"context.room"}, On: Selection{Types: []string{AnyType}, Where: `context.device == "ios"`}, Value: "value * item.price", Window: time.Hour},
			},
			recount: func(r *twinRead) twinValue {
				best := math.NaN()
				for _, s := range r.window(numbers(r.chosen(r.def.On, r.def.Value))) {
					if math.IsNaN(best) || better(s.x, best) {
						best = s.x
					}
				}
				return twinNumber(twinForm(r.def.As, best))
			},
		}
	}
	return []twinKind{
		extreme("min", func(a, b float64) bool { return a < b }),
		extreme("max", func(a, b float64) bool { return a > b }),
		{
			kind: "variance", reads: "number",
			defs: []Definition{
				{Kind: "variance", Scope: []string{"user"}, On: On("dwell"), Windows: []time.Duration{time.Hour, 24 * time.Hour}},
				{Kind: "variance", Scope: []string{"item"}, On: On("dwell", "purchase"), As: "deviation", TTL: time.Hour},
				{Kind: "variance", On: On(AnyType), Value: "item.price", Window: time.Hour, As: "population"},
				{Kind: "variance", Scope: []string{"user.age"}, On: On("click"), Window: 10 * time.Minute, As: "population_deviation"},
			},
			recount: func(r *twinRead) twinValue { return twinNumber(twinVariance(r)) },
		},
	}
}

// twinVariance goes over the values twice.
func twinVariance(r *twinRead) float64 {
	samples := r.window(numbers(r.chosen(r.def.On, r.def.Value)))
	n, mean, sum := float64(len(samples)), 0.0, 0.0
	for _, s := range samples {
		mean += s.x / n
	}
	for _, s := range samples {
		sum += (s.x - mean) * (s.x - mean)
	}
	switch {
	case r.def.As == "population":
		return sum / n
	case r.def.As == "population_deviation":
		return math.Sqrt(sum / n)
	case n < 2:
		return math.NaN()
	case r.def.As == "deviation":
		return math.Sqrt(sum / (n - 1))
	}
	return sum / (n - 1)
}

func TestAnExtremeOfZeroIsNotNothing(t *testing.T) {
	e := extreme{newRing(1, time.Minute, 10*time.Second), 1}
	w := make([]uint64, e.words())
	if got := e.read(w, t0); !math.IsNaN(got) {
		t.Errorf("the greatest of nothing is %v", got)
	}
	for _, tc := range []struct{ x, want float64 }{{-2, -2}, {0, 0}, {-1, 0}, {3, 3}} {
		e.add(w, t0, tc.x)
		if got := e.read(w, t0); got != tc.want || math.Signbit(got) != math.Signbit(tc.want) {
			t.Errorf("after %v the greatest is %v, want %v", tc.x, got, tc.want)
		}
	}
	if got := e.read(w, t0.Add(time.Hour)); !math.IsNaN(got) {
		t.Errorf("an hour later the greatest of the last minute is %v", got)
	}
}

// The textbook formula E[x²] − E[x]² has no correct digit left here.
func TestVarianceOfLargeValuesCloseTogetherIsPrecise(t *testing.T) {
	m := moments{newRing(3, time.Minute, 10*time.Second)}
	w := make([]uint64, m.words())
	for i := range 60 {
		m.add(w, event.Time(i)*1e9+6e12, 1e9+float64(i%3))
	}
	v := m.read(w, 59e9+6e12)
	if got := v.m2 / v.n; math.Abs(got-2.0/3) > 1e-7 {
		t.Errorf("variance %v of the values 1e9, 1e9+1, 1e9+2, want 2/3", got)
	}
}
