package features

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
)

// tallyTwins recount values. No tile of the streams has more different ones than are told apart, so that all of it is exact.
func tallyTwins() []twinKind {
	return []twinKind{
		{
			kind: "top_k", reads: "value",
			defs: []Definition{
				{Kind: "top_k", Scope: []string{"user"}, On: On("click", "exposure"), Value: "item", N: 3, Size: 16, Windows: []time.Duration{time.Hour, 7 * 24 * time.Hour}},
				{Kind: "top_k", Scope: []string{"user"}, On: On("click"), Value: "item.categories", N: 2, Size: 8, As: "shares", Window: 24 * time.Hour},
				{Kind: "top_k", Scope: []string{"item"}, On: On(AnyType), Value: "context.device", N: 1, As: "first", TTL: time.Hour},
				{Kind: "top_k", Scope: []string{"context.room"}, On: On(AnyType), Value: "user", N: 64, As: "shares", Window: 10 * time.Minute, Slide: 10 * time.Minute},
				{Kind: "top_k", On: On(AnyType), Value: "item.tags", N: 2},
			},
			recount: func(r *twinRead) twinValue {
				values, all := twinCounts(r)
				values = values[:min(len(values), r.def.N)]
				if r.def.As == "first" {
					values = values[:min(len(values), 1)]
				}
				return twinWeighted(values, all, r.def.As == "shares", r.def.As == "shares")
			},
		},
		{
			kind: "histogram", reads: "value",
			defs: []Definition{
				{Kind: "histogram", Scope: []string{"user"}, On: On("dwell", "purchase"), Value: "value", Buckets: []float64{-5, 0, 2.5, 10}, Windows: []time.Duration{time.Hour, 7 * 24 * time.Hour}},
				{Kind: "histogram", Scope: []string{"item.categories[0]"}, On: On("click"), Value: "item.price", Buckets: []float64{20, 50}, As: "counts", TTL: time.Hour},
				{Kind: "histogram", Scope: []string{"context.room"}, On: On(AnyType), Value: "context.device", Window: time.Hour},
				{Kind: "histogram", Scope: []string{"user"}, On: On("exposure"), Value: "item", Size: 16, As: "counts", Window: 24 * time.Hour},
			},
			recount: func(r *twinRead) twinValue {
				if len(r.def.Buckets) == 0 {
					values, all := twinCounts(r)
					return twinWeighted(values, all, true, r.def.As != "counts")
				}
				return twinBuckets(r)
			},
		},
	}
}

// twinCounts are the values of the window, the most frequent first.
func twinCounts(r *twinRead) (values []counted, all uint64) {
	counts := map[uint64]uint64{}
	for _, s := range r.window(r.chosen(r.def.On, r.def.Value)) {
		for _, id := range s.ids {
			counts[id]++
			all++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		values = append(values, counted{id, counts[id]})
	}
	slices.SortStableFunc(values, func(a, b counted) int { return cmp.Compare(b.n, a.n) })
	return values, all
}

func twinWeighted(values []counted, all uint64, weighted, shares bool) (v twinValue) {
	for _, c := range values {
		v.list = append(v.list, c.key)
		w := float64(c.n)
		if shares {
			w /= float64(all)
		}
		if weighted {
			v.weights = append(v.weights, float32(w))
		}
	}
	return v
}

func twinBuckets(r *twinRead) (v twinValue) {
	samples := r.window(numbers(r.chosen(r.def.On, r.def.Value)))
	if len(samples) == 0 {
		return v
	}
	v.weights = make([]float32, len(r.def.Buckets)+1)
	for i := range v.weights {
		v.list = append(v.list, placeID(i))
	}
	for _, s := range samples {
		bucket := 0
		for bucket < len(r.def.Buckets) && s.x >= r.def.Buckets[bucket] {
			bucket++
		}
		if v.weights[bucket]++; r.def.As != "counts" {
			continue
		}
	}
	for i := range v.weights {
		if r.def.As != "counts" {
			v.weights[i] /= float32(len(samples))
		}
	}
	return v
}

// A Zipf-like stream of a thousand values, of which sixteen are told apart.
func TestATopListBeyondItsSizeKeepsFrequentValuesWithinTheStatedError(t *testing.T) {
	y := tally{ring: newRing(0, time.Hour, time.Hour), size: 16, full: takeOver}
	s := slot{make([]uint64, 1), new(bags)}
	rng := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rng, 1.3, 1, 999)
	exact := map[uint64]uint64{}
	const n = 20_000
	for range n {
		v := zipf.Uint64()
		exact[v]++
		y.add(s, t0, v)
	}
	q := &Query{now: t0}
	got, all := y.ranked(q, s)
	if all != n {
		t.Errorf("%d events counted, want %d", all, n)
	}
	if len(s.bag(0)) > y.layout().most {
		t.Errorf("%d words, at most %d were promised", len(s.bag(0)), y.layout().most)
	}
	least := uint64(n / y.size)
	for _, c := range got {
		if c.n < exact[c.key] || c.n > exact[c.key]+least {
			t.Errorf("value %d: %d counted, %d came, and at most %d too many are allowed", c.key, c.n, exact[c.key], least)
		}
	}
	for v, came := range exact {
		if came > least && !slices.ContainsFunc(got, func(c counted) bool { return c.key == v }) {
			t.Errorf("value %d came %d times and is lost", v, came)
		}
	}
}

func TestATallyDoesNotGrowWithTime(t *testing.T) {
	y := tally{ring: newRing(0, time.Minute, 10*time.Second), size: 8, full: takeOver}
	s := slot{make([]uint64, 1), new(bags)}
	rng := rand.New(rand.NewPCG(3, 4))
	at := t0
	for range 20_000 {
		at += event.Time(rng.Int64N(5e9))
		y.add(s, at-event.Time(rng.Int64N(90e9)), uint64(rng.IntN(30)))
		if len(s.bag(0)) > y.layout().most {
			t.Fatalf("%d words, at most %d were promised", len(s.bag(0)), y.layout().most)
		}
	}
}
