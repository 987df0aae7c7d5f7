package features

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// quantileTwins sorts all values.
func quantileTwins() []twinKind {
	return []twinKind{{
		kind: "quantile", reads: "number",
		defs: []Definition{
			{Kind: "quantile", Scope: []string{"user"}, On: On("dwell", "purchase"), Quantile: 0.5, Window: time.Hour},
			{Kind: "quantile", Scope: []string{"user"}, On: On("dwell", "purchase"), Quantile: 0.9, Window: time.Hour},
			{Kind: "quantile", Scope: []string{"item.categories[0]"}, On: On("click", "exposure"), Value: "item.price", Quantile: 0.25, Accuracy: 0.1, TTL: time.Hour},
			{Kind: "quantile", Scope: []string{"item"}, On: On("dwell", "purchase"), Quantile: 0.5, Windows: []time.Duration{time.Minute, 7 * 24 * time.Hour}},
			{Kind: "quantile", On: On(AnyType), Quantile: 0.99, Accuracy: 0.005, Size: 512, Window: 10 * time.Minute, Slide: 5 * time.Minute},
		},
		recount: func(r *twinRead) twinValue {
			var values []float64
			for _, s := range r.window(numbers(r.chosen(r.def.On, r.def.Value))) {
				values = append(values, s.x)
			}
			if len(values) == 0 {
				return twinNumber(math.NaN())
			}
			slices.Sort(values)
			accuracy := r.def.Accuracy
			if accuracy == 0 {
				accuracy = 0.02
			}
			want := values[int(r.def.Quantile*float64(len(values)-1))]
			return twinWithin(want, accuracy*math.Abs(want))
		},
	}}
}

func TestBinsAreWithinTheirAccuracyAndInOrder(t *testing.T) {
	for _, accuracy := range []float64{0.001, 0.02, 0.2} {
		b := newBins(accuracy)
		before, bin := math.Inf(-1), int64(math.MinInt64)
		for _, x := range []float64{-math.MaxFloat64, -1e12, -3, -1, -1e-9, -1e-10, 0, 1e-300, 1e-10, 1e-9, 1e-3, 1, 1.0001, 2, 1e12, math.MaxFloat64} {
			i := b.of(x)
			got := b.value(i)
			if math.Abs(x) < leastMagnitude && got != 0 || math.Abs(x) >= leastMagnitude && math.Abs(got/x-1) > accuracy*(1+1e-9) {
				t.Errorf("accuracy %v: %v counts as %v", accuracy, x, got)
			}
			if int64(i) < bin || got < before {
				t.Errorf("accuracy %v: the bin of %v does not come behind those of less", accuracy, x)
			}
			before, bin = got, int64(i)
		}
	}
}

func TestASketchThatIsFullKeepsItsUpperQuantilesAndForgetsTheOrder(t *testing.T) {
	b := newBins(0.02)
	rng := rand.New(rand.NewPCG(5, 6))
	var values []float64
	for range 5000 {
		values = append(values, math.Exp(rng.Float64()*30-10)) // over 13 powers of ten
	}
	read := func() []counted {
		y := tally{ring: newRing(0, time.Hour, time.Hour), size: 128, full: collapse}
		s := slot{make([]uint64, 1), new(bags)}
		for _, x := range values {
			y.add(s, t0, b.of(x))
		}
		return slices.Clone(y.read(&Query{now: t0}, s))
	}
	first := read()
	if len(first) != 128 {
		t.Fatalf("%d bins, want 128", len(first))
	}
	rng.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	if !slices.Equal(first, read()) {
		t.Error("another order of the same values makes another sketch")
	}
	slices.Sort(values)
	for _, part := range []float64{0.9, 0.95, 0.99} {
		want := values[int(part*float64(len(values)-1))]
		if got := b.value(atPart(first, part)); math.Abs(got/want-1) > 0.02 {
			t.Errorf("quantile %v is %v, want %v", part, got, want)
		}
	}
	slices.Reverse(values)
	if !slices.Equal(first, read()) {
		t.Error("falling values make another sketch")
	}
}
