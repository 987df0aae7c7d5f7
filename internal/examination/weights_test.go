package examination

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"recsvc/internal/dirty"
)

func newWeights(t *testing.T, o WeightOptions) *Weights {
	t.Helper()
	w, err := NewWeights(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWeightsOfAnImpression(t *testing.T) {
	for _, tc := range []struct {
		name             string
		o                WeightOptions
		propensity       float64
		greatest, counts uint64
		want             float64
	}{
		{"nothing is weighed by default", WeightOptions{}, .001, 1000, 1, 1},
		{"shown half of the time", WeightOptions{ShownClip: 10}, .5, 0, 0, 2},
		{"rarely shown: clipped", WeightOptions{ShownClip: 10}, 1e-12, 0, 0, 10},
		{"no propensity", WeightOptions{ShownClip: 10}, 0, 0, 0, 1},
		{"a propensity above 1", WeightOptions{ShownClip: 10}, 1.5, 0, 0, 1},
		{"no number", WeightOptions{ShownClip: 10}, math.NaN(), 0, 0, 1},
		{"the most popular item", WeightOptions{Popularity: .5}, 0, 400, 400, 1},
		{"a quarter as popular", WeightOptions{Popularity: .5}, 0, 400, 100, 2},
		{"full exponent", WeightOptions{Popularity: 1}, 0, 400, 100, 4},
		{"a new item is clipped", WeightOptions{Popularity: 1}, 0, 400, 0, 10},
		{"clipped where it is said", WeightOptions{Popularity: 1, PopularityClip: 3}, 0, 400, 1, 3},
		{"both", WeightOptions{ShownClip: 10, Popularity: .5}, .5, 400, 100, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWeights(t, tc.o)
			w.Raw(1, tc.greatest)
			if got := w.Raw(tc.propensity, tc.counts); math.Abs(got-tc.want) > 1e-12 {
				t.Errorf("weight %v, want %v", got, tc.want)
			}
		})
	}
}

func TestNormalisedWeightsHaveAMeanOfOne(t *testing.T) {
	w, plain := newWeights(t, WeightOptions{ShownClip: 50, Normalise: true}), newWeights(t, WeightOptions{ShownClip: 50})
	r := rand.New(rand.NewPCG(1, 1))
	sum, squares, raws := 0.0, 0.0, 0.0
	const n = 50_000
	for range n {
		raw := w.Raw(.02+.98*r.Float64(), 0)
		out := w.Shown(raw)
		if plain.Shown(raw) != raw {
			t.Fatal("weights are normalised that should not be")
		}
		sum += out
		squares += out * out
		raws += raw
	}
	if math.Abs(sum/n-1) > .01 || raws/n < 3 {
		t.Errorf("mean weight %.4f, before that %.2f", sum/n, raws/n)
	}
	if got := w.Report(); math.Abs(got.Effective-sum*sum/squares) > 1e-6*got.Effective || got.N != n || math.Abs(got.Mean-raws/n) > 1e-9*raws {
		t.Errorf("report %+v, want an effective number of %.1f", got, sum*sum/squares)
	}
}

func TestWeightsGoOnAfterALoad(t *testing.T) {
	o := WeightOptions{ShownClip: 20, Popularity: .5, Normalise: true}
	w := newWeights(t, o)
	for i := range 1000 {
		w.Shown(w.Raw(1/float64(i%30+1), uint64(i%17)))
	}
	var key, value []byte
	w.set.Cut(func(k, v []byte, _ dirty.Sum) { key, value = append(key, k...), append(value, v...) })
	w.set.Flush(10)
	again := newWeights(t, o)
	if ok, err := again.Load(key, value, dirty.SumOf(key, value)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if w.Report() != again.Report() {
		t.Errorf("report %+v, after a load %+v", w.Report(), again.Report())
	}
	for i := range 100 {
		p := 1 / float64(i%30+1)
		if a, b := w.Shown(w.Raw(p, uint64(i))), again.Shown(again.Raw(p, uint64(i))); a != b {
			t.Fatalf("weight %v, after a load %v", a, b)
		}
	}
	if w.set.Flush(10); w.set.Digest() != again.set.Digest() {
		t.Error("the digests differ")
	}
	for _, damaged := range [][]byte{nil, value[:9], append([]byte{7}, value[1:]...), append(value, 0)} {
		if ok, err := newWeights(t, o).Load(key, damaged, dirty.Sum{}); !ok || err == nil {
			t.Errorf("%x: %v, %v", damaged, ok, err)
		}
	}
	if _, err := newWeights(t, o).Load(key, append([]byte{7}, value[1:]...), dirty.Sum{}); !errors.Is(err, ErrVersion) {
		t.Errorf("another version: %v", err)
	}
}

func TestWeightOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, o := range []WeightOptions{
		{ShownClip: .5}, {ShownClip: math.NaN()}, {ShownClip: math.Inf(1)}, {Popularity: -1}, {Popularity: 1.5}, {Popularity: math.NaN()},
		{PopularityClip: .5}, {PopularityClip: math.Inf(1)},
	} {
		if _, err := NewWeights(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
