package rank

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/features"
)

// realStore is a feature store of n items in ten categories, after a few thousand events of ten users.
func realStore(t testing.TB, n int) *features.Store { return realStoreOver(t, n, nil) }

// realStoreOver is realStore with a place for users who leave memory.
func realStoreOver(t testing.TB, n int, cold dirty.Reader) *features.Store {
	t.Helper()
	rate := func(name string, scope ...string) features.Definition {
		return features.Definition{
			Name: name, Kind: "rate", Scope: scope, Of: features.On("click"), Over: features.On("exposure"),
			Prior: features.Prior{Strength: 5}, As: "log_odds",
		}
	}
	s, err := features.New([]features.Definition{
		{Name: "user", Kind: "attribute", Field: "user.id"},
		{Name: "item", Kind: "attribute", Field: "item.id"},
		{Name: "category", Kind: "attribute", Field: "item.categories[0]"},
		rate("user_ctr", "user"), rate("item_ctr", "item"), rate("category_ctr", "item.categories[0]"),
		rate("user_category_ctr", "user", "item.categories[0]"),
	}, features.Options{Cold: cold})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		s.UpsertItem(&event.Item{ID: fmt.Sprintf("i%d", i), Attrs: event.Attributes{
			{Key: "categories", Value: strs(fmt.Sprintf("c%d", i%10))},
			{Key: "price", Value: num(float64(i))},
		}})
	}
	rng, q := rand.New(rand.NewPCG(1, 1)), s.NewQuery()
	for i := range 5000 {
		e := &event.Event{Type: "exposure", User: fmt.Sprintf("u%d", rng.IntN(10)), Time: now - event.Time(5000-i)*1e9}
		if i%3 == 0 {
			e.Type = "click"
		}
		ref := s.EnsureItem(fmt.Sprintf("i%d", rng.IntN(n)))
		q.Begin(e.User, nil, e.Time)
		s.Apply(q, e, ref)
	}
	return s
}

// explained is the scorer of the benchmarks, with reasons.
type explained struct{ *benchScorer }

func (s explained) Explain(shared, own Vector) (float32, []Head) {
	var out [1]float32
	s.Score(out[:], shared, []Vector{own})
	h := Head{Name: "click", P: float64(out[0])}
	for _, v := range []Vector{shared, own} {
		for i := range v.Slots {
			h.Weights = append(h.Weights, s.sum(Vector{Slots: v.Slots[i : i+1]}))
		}
	}
	return out[0], []Head{h}
}

func TestListsOverTheRealFeatureStore(t *testing.T) {
	s := realStore(t, 500)
	r := newRanker(t, FromFeatures(s), explained{newBenchScorer()})
	filter, err := CompileFilter(`"c3" in item.categories && item.price < 400`)
	if err != nil {
		t.Fatal(err)
	}
	list := rankOnce(t, r, Request{User: "u1", N: 20, Filter: filter, Explain: true})
	if len(list.Items) != 20 || list.Degraded != nil {
		t.Fatalf("got %d items, degraded %v", len(list.Items), list.Degraded)
	}
	for _, it := range list.Items {
		var ref int
		if _, err := fmt.Sscanf(it.Item, "i%d", &ref); err != nil || ref%10 != 3 || ref >= 400 {
			t.Errorf("%s does not pass the filter", it.Item)
		}
		var names []string
		for _, c := range it.Explain.Heads["click"].Contributions {
			names = append(names, c.Feature)
		}
		slices.Sort(names)
		if want := []string{"category", "category_ctr", "item", "item_ctr", "user", "user_category_ctr", "user_ctr"}; !slices.Equal(names, want) {
			t.Errorf("%s: got features %v, want %v", it.Item, names, want)
		}
	}
	personal := channelsOf(rankOnce(t, r, Request{User: "u1", N: 200}))
	for _, ch := range []string{ChannelSimilar, ChannelTrending, ChannelCategories, ChannelNew} {
		if len(personal[ch]) == 0 {
			t.Errorf("%s found nothing for somebody with a history", ch)
		}
	}
	if cold := rankOnce(t, r, Request{N: 10}); len(cold.Items) != 10 {
		t.Errorf("somebody unknown gets %d items", len(cold.Items))
	}
	s.UpsertItem(&event.Item{ID: list.Items[0].Item, Deleted: true})
	if again := rankOnce(t, r, Request{User: "u1", N: 200}); slices.Contains(ids(again), list.Items[0].Item) {
		t.Errorf("%s was removed and is still recommended", list.Items[0].Item)
	}
}

// cellar is a committed state in memory.
type cellar map[string][]byte

func (c cellar) Get(dst, key []byte) ([]byte, dirty.Sum, bool, error) {
	value, ok := c[string(key)]
	return append(dst, value...), dirty.SumOf(key, value), ok, nil
}

func TestAColdUserGetsTheSameList(t *testing.T) {
	cold := cellar{}
	s := realStoreOver(t, 300, cold)
	scene := Scene{Name: "default", Seen: SeenPolicy{Mode: SeenDemote, Times: 1}}
	r := newRanker(t, FromFeatures(s), explained{newBenchScorer()}, scene)
	req := Request{ID: "1", User: "u1", N: 50, Explain: true}
	want := rankOnce(t, r, req)

	for _, set := range s.Sets() {
		set.Cut(func(key, value []byte, _ dirty.Sum) { cold[string(key)] = slices.Clone(value) })
		for !set.Flush(1000) {
		}
		set.Stored()
	}
	s.SetUserBytes(1)
	for range 4 {
		s.UpsertUser(&event.User{ID: "somebody else"})
	}
	if n := s.UserStats().InMemory; n != 1 {
		t.Fatalf("%d users are in memory", n)
	}
	if got := rankOnce(t, r, req); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if n := s.UserStats().InMemory; n != 1 {
		t.Errorf("a list has brought its user into memory")
	}
}

// BenchmarkRankOverFeatures is the same over the real feature store with few definitions.
func BenchmarkRankOverFeatures(b *testing.B) {
	r := newRanker(b, FromFeatures(realStore(b, 10_000)), newBenchScorer(), Scene{Name: "default", Epsilon: 0.05})
	b.ReportAllocs()
	for b.Loop() {
		rankOnce(b, r, Request{User: "u1", N: 10})
	}
}
