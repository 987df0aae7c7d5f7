package features

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

const t0 = event.Time(1700000000e9)

func definitions() []Definition {
	return []Definition{
		{Name: "user_id", Kind: "attribute", Field: "user.id"},
		{Name: "item_id", Kind: "attribute", Field: "item.id"},
		{Name: "tags", Kind: "attribute", Field: "item.tags"},
		{Name: "category", Kind: "attribute", Field: "item.categories[0]"},
		{Name: "device", Kind: "attribute", Field: "context.device"},
		{Name: "hour", Kind: "attribute", Field: "time.hour"},
		{Name: "price", Kind: "attribute", Field: "item.price", As: "log"},
		{Name: "price_bucket", Kind: "bucketize", Inputs: []string{"price"}, Buckets: []float64{1, 2, 4}},
		{Name: "user_x_category", Kind: "cross", Inputs: []string{"user_id", "category"}},
		{Name: "tags_x_device", Kind: "cross", Inputs: []string{"tags", "device"}},
		{Name: "clicks_1m", Kind: "count", Scope: []string{"user"}, On: On("click"), Window: time.Minute, Slide: 10 * time.Second},
		{Name: "item_ctr", Kind: "rate", Scope: []string{"item"}, Of: On("click"), Over: On("exposure"), Prior: Prior{Strength: 10}, As: "log_odds"},
		{Name: "user_cat_ctr", Kind: "rate", Scope: []string{"user", "item.categories[0]"}, Of: On("click"), Over: On("exposure"), HalfLife: time.Hour, Prior: Prior{Strength: 5}},
		{Name: "device_ctr", Kind: "rate", Scope: []string{"context.device"}, Of: On("click"), Over: On("exposure"), Prior: Prior{Strength: 5}},
		{Name: "dwell", Kind: "mean", Scope: []string{"user"}, On: On("dwell"), Prior: Prior{Strength: 1}, As: "log"},
		{Name: "spent", Kind: "sum", Scope: []string{"user"}, On: On("purchase")},
		{Name: "outcomes", Kind: "last_k", Scope: []string{"user"}, On: On("exposure"), Outcomes: []string{"click"}, N: 4, As: "outcomes"},
		{Name: "pattern", Kind: "last_k", Scope: []string{"user"}, On: On("exposure"), Outcomes: []string{"click"}, N: 4, As: "pattern"},
		{Name: "lately", Kind: "last_k", Scope: []string{"user"}, On: On("click"), N: 3},
		{Name: "gap", Kind: "time_since", Scope: []string{"user"}, On: On("exposure"), As: "log"},
		{Name: "age", Kind: "age", As: "log"},
	}
}

func newStore(t testing.TB) *Store {
	t.Helper()
	s, err := New(definitions(), Options{SubRows: 4, SeenItems: 8, RecentEvents: 8})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func text(s string) event.Value        { return event.Value{Kind: event.String, Str: s} }
func num(x float64) event.Value        { return event.Value{Kind: event.Number, Num: x} }
func list(ss ...string) event.Value    { return event.Value{Kind: event.List, List: ss} }
func device(s string) event.Attributes { return event.Attributes{{Key: "device", Value: text(s)}} }

func upsert(s *Store, id, category string, price float64) {
	s.UpsertItem(&event.Item{ID: id, Attrs: event.Attributes{
		{Key: "categories", Value: list(category)},
		{Key: "created", Value: text(t0.Add(-time.Hour).Time().Format(time.RFC3339))},
		{Key: "price", Value: num(price)},
		{Key: "tags", Value: list("red", "new")},
	}})
}

// do applies one event in the store, as the engine would.
func do(s *Store, q *Query, typ, user, item string, at event.Time) {
	e := &event.Event{Type: typ, User: user, Item: item, Time: at, Context: device("ios")}
	if typ == "dwell" || typ == "purchase" {
		e.Value, e.HasValue = 10, true
	}
	ref := s.EnsureItem(item)
	q.Begin(user, e.Context, at)
	s.Apply(q, e, ref)
}

func value(t *testing.T, s *Store, user, item, name string, at event.Time) float64 {
	t.Helper()
	ref := NoItem
	if item != "" {
		ref, _ = s.LookupItem(item)
	}
	for _, v := range s.Values(user, device("ios"), ref, at) {
		if v.Name == name {
			return v.Number
		}
	}
	t.Fatalf("no feature %q", name)
	return 0
}

func TestFeaturesReadWhatHappened(t *testing.T) {
	s := newStore(t)
	q := s.NewQuery()
	upsert(s, "a", "sport", 9)
	for i := range 3 {
		do(s, q, "exposure", "u", "a", t0.Add(time.Duration(i)*time.Second))
	}
	do(s, q, "click", "u", "a", t0.Add(3*time.Second))
	do(s, q, "dwell", "u", "a", t0.Add(4*time.Second))
	do(s, q, "purchase", "u", "a", t0.Add(5*time.Second))
	at := t0.Add(12 * time.Second)
	global := (1.0 + 1) / (3 + 2)
	hours := 1 + 12.0/3600
	for _, tc := range []struct {
		name string
		want float64
	}{
		{"clicks_1m", 1},
		{"item_ctr", logOdds((1 + 10*global) / (3 + 10))},
		{"device_ctr", (1 + 5*global) / (3 + 5)},
		{"spent", 10},
		{"dwell", math.Log1p(10)},
		{"gap", math.Log1p(10)},
		{"age", math.Log1p(hours * 3600)},
		{"price", math.Log1p(9)},
	} {
		if got := value(t, s, "u", "a", tc.name, at); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s is %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestAnUnknownUserAndItemReadAsThePrior(t *testing.T) {
	s := newStore(t)
	s.EnsureItem("mystery")
	if got := value(t, s, "nobody", "mystery", "item_ctr", t0); got != 0 {
		t.Errorf("log-odds of an item never shown is %v, want those of 1/2", got)
	}
	if got := value(t, s, "nobody", "mystery", "clicks_1m", t0); got != 0 {
		t.Errorf("clicks of nobody: %v", got)
	}
}

func TestTheSharedPartDoesNotDependOnTheItem(t *testing.T) {
	s := newStore(t)
	q := s.NewQuery()
	upsert(s, "a", "sport", 9)
	upsert(s, "b", "news", 1)
	do(s, q, "exposure", "u", "a", t0)
	do(s, q, "click", "u", "a", t0)
	q.Begin("u", device("ios"), t0+1)
	shared := slices.Clone(q.Shared().Slots)
	var v Vector
	q.Item(&v, 0)
	first := slices.Clone(v.Slots)
	q.Item(&v, 1)
	if slices.Equal(first, v.Slots) {
		t.Error("two items have the same vector")
	}
	q.Item(&v, 0)
	if !slices.Equal(first, v.Slots) {
		t.Error("an item's vector depends on the items before it")
	}
	if !slices.Equal(shared, q.Shared().Slots) {
		t.Error("the shared part moved")
	}
	if len(v.Values) > len(v.Slots) || len(q.Shared().Values) > len(shared) {
		t.Error("more values than slots")
	}
}

func TestSubRowsAreBoundedAndTheOldestGivesWay(t *testing.T) {
	s := newStore(t)
	q := s.NewQuery()
	for i := range 6 {
		id := fmt.Sprint("i", i)
		upsert(s, id, fmt.Sprint("c", i), 1)
		do(s, q, "exposure", "u", id, t0.Add(time.Duration(i)*time.Second))
	}
	u := s.users.find(hashString("u"))
	for _, block := range u.subs {
		if len(block) == 0 || len(block)/4 > 4*64 {
			t.Errorf("%d words of sub-rows", len(block))
		}
	}
	q.Begin("u", device("ios"), t0)
	q.item = s.items.at(0)
	for i := range s.program.scopes {
		if sc := &s.program.scopes[i]; sc.owner == ownUser && !sc.direct && q.find(i) != nil {
			t.Error("the category met first is still remembered")
		}
	}
}

// A number, the text that JSON writes for it, and the same number in a list are one category.
func TestNumbersAndTheirTextHashAlike(t *testing.T) {
	for _, x := range []float64{0, 1, -3, 1.5, 0.1, 1e15 - 1, 1e15, -1e15, 1_234_567_890_123_456, 1<<53 - 1, 1 << 53, 1e17, 1e20, 1e21, -1e300} {
		written := string(num(x).AppendJSON(nil))
		if got, want := hashNumber(x), scalar(text(written)).id; got != want {
			t.Errorf("%v and its text %s differ", x, written)
		}
	}
}

func TestWrongDefinitionsNameTheirKey(t *testing.T) {
	for _, tc := range []struct {
		def Definition
		key string
	}{
		{Definition{Kind: "count"}, "name"},
		{Definition{Name: "x", Kind: "median"}, "kind"},
		{Definition{Name: "x", Kind: "count"}, "on"},
		{Definition{Name: "x", Kind: "count", On: On("click"), Window: time.Minute, HalfLife: time.Hour}, "half_life"},
		{Definition{Name: "x", Kind: "count", On: On("click"), Window: time.Minute, Slide: 7 * time.Second}, "slide"},
		{Definition{Name: "x", Kind: "count", On: On("click"), Scope: []string{"planet"}}, "scope"},
		{Definition{Name: "x", Kind: "rate", Of: On("click")}, "over"},
		{Definition{Name: "x", Kind: "last_k", On: On("click")}, "n"},
		{Definition{Name: "x", Kind: "attribute", Field: "tags"}, "field"},
		{Definition{Name: "x", Kind: "cross", Inputs: []string{"a", "b"}}, "inputs"},
		{Definition{Name: "x", Kind: "bucketize", Inputs: []string{"a"}}, "inputs"},
	} {
		_, err := New([]Definition{tc.def}, Options{})
		var de *DefinitionError
		if !errors.As(err, &de) || de.Key != tc.key {
			t.Errorf("%+v: error %v, want one about %s", tc.def, err, tc.key)
		}
	}
}

// random drives a store with a seeded stream.
func random(s *Store, q *Query, rng *rand.Rand, n int, at event.Time) event.Time {
	types := []string{"exposure", "exposure", "exposure", "click", "dwell", "purchase", "like", "search"}
	for range n {
		at += event.Time(rng.Int64N(int64(time.Minute)))
		item := fmt.Sprint("i", rng.IntN(40))
		if rng.IntN(10) == 0 {
			upsert(s, item, fmt.Sprint("c", rng.IntN(6)), float64(rng.IntN(100)))
		}
		if rng.IntN(10) == 0 {
			s.UpsertUser(&event.User{ID: fmt.Sprint("u", rng.IntN(20)), Attrs: event.Attributes{{Key: "age", Value: num(float64(rng.IntN(80)))}}})
		}
		if rng.IntN(50) == 0 {
			s.UpsertItem(&event.Item{ID: item, Deleted: true})
		}
		typ := types[rng.IntN(len(types))]
		if typ == "search" {
			item = ""
		}
		do(s, q, typ, fmt.Sprint("u", rng.IntN(20)), item, at)
	}
	return at
}

func flush(s *Store) map[string][]byte {
	out := map[string][]byte{}
	for _, set := range s.Sets() {
		set.Cut(func(key, value []byte, _ dirty.Sum) { out[string(key)] = slices.Clone(value) })
		for !set.Flush(100) {
		}
	}
	return out
}

func digest(s *Store) dirty.Sum {
	flush(s)
	var d dirty.Sum
	for _, set := range s.Sets() {
		d.Add(set.Digest())
	}
	return d
}

func TestAStateThatWasSavedAndLoadedGoesOnTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	s := newStore(t)
	q := s.NewQuery()
	at := random(s, q, rng, 2000, t0)
	saved := flush(s)

	loaded := newStore(t)
	for key, value := range saved {
		ok, err := loaded.Load([]byte(key), value, dirty.SumOf([]byte(key), value))
		if !ok || err != nil {
			t.Fatalf("load %x: %v %v", key, ok, err)
		}
	}
	loaded.LoadDone()

	a, b := rand.New(rand.NewPCG(7, 8)), rand.New(rand.NewPCG(7, 8))
	end := random(s, q, a, 500, at)
	random(loaded, loaded.NewQuery(), b, 500, at)
	if x, y := digest(s), digest(loaded); x != y {
		t.Errorf("digests differ: %v and %v", x, y)
	}
	for _, window := range []time.Duration{0, time.Hour, 24 * time.Hour} {
		if x, y := s.Trending(nil, "", window, end, 20), loaded.Trending(nil, "", window, end, 20); !slices.Equal(x, y) {
			t.Errorf("trending differs:\n%v\n%v", x, y)
		}
	}
	for i := range s.Items() {
		if x, y := s.Similar(nil, ItemRef(i), 10), loaded.Similar(nil, ItemRef(i), 10); !slices.Equal(x, y) {
			t.Errorf("similar to %d differs", i)
		}
	}
}

func TestTrendingEqualsARecountOfTheDecayedEvents(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	s := newStore(t)
	q := s.NewQuery()
	heat := map[string]float64{}
	at := t0
	var log []struct {
		item string
		at   event.Time
	}
	for i := range 30 {
		upsert(s, fmt.Sprint("i", i), "c", 1)
	}
	for range 3000 {
		at += event.Time(rng.Int64N(int64(10 * time.Second)))
		item := fmt.Sprint("i", min(rng.IntN(30), rng.IntN(30)))
		do(s, q, "click", fmt.Sprint("u", rng.IntN(50)), item, at)
		log = append(log, struct {
			item string
			at   event.Time
		}{item, at})
	}
	for _, e := range log {
		heat[e.item] += math.Exp2(-float64(at-e.at) / float64(time.Hour))
	}
	got := s.Trending(nil, "c", time.Hour, at, 30)
	if len(got) != 30 {
		t.Fatalf("%d items, want 30", len(got))
	}
	for i, e := range got {
		want := heat[s.Item(e.Ref).ID]
		if math.Abs(e.Score-want) > 1e-6*want {
			t.Errorf("%s: heat %v, want %v", s.Item(e.Ref).ID, e.Score, want)
		}
		if i > 0 && e.Score > got[i-1].Score {
			t.Error("not in order")
		}
	}
}

func TestCovisitationFindsWhatGoesTogether(t *testing.T) {
	s := newStore(t)
	q := s.NewQuery()
	for _, id := range []string{"a", "b", "c", "d"} {
		upsert(s, id, "x", 1)
	}
	at := t0
	for i := range 20 {
		u := fmt.Sprint("u", i)
		at += 1e9
		do(s, q, "click", u, "a", at)
		do(s, q, "click", u, "b", at)
		if i%5 == 0 {
			do(s, q, "click", u, "c", at)
		}
	}
	got := s.Similar(nil, 0, 5)
	if len(got) != 2 || s.Item(got[0].Ref).ID != "b" || got[0].Score != 1 || s.Item(got[1].Ref).ID != "c" {
		t.Errorf("similar to a: %+v", got)
	}
	s.UpsertItem(&event.Item{ID: "b", Deleted: true})
	if got := s.Similar(nil, 0, 5); len(got) != 1 {
		t.Errorf("a removed item is still recommended: %+v", got)
	}
}

func TestTrendingHoldsOnlyWhatMayBeShown(t *testing.T) {
	s := newStore(t)
	q := s.NewQuery()
	at := t0
	upsert(s, "shown", "c", 1)
	do(s, q, "click", "u", "shown", at)
	for i := range topAll + 100 {
		at += 1e9
		for range 2 {
			do(s, q, "click", fmt.Sprint("u", i), fmt.Sprint("unknown", i), at)
		}
	}
	if got := s.Trending(nil, "", 0, at, 5); len(got) != 1 || s.Item(got[0].Ref).ID != "shown" {
		t.Errorf("trending is %+v", got)
	}
	upsert(s, "unknown3", "c", 1)
	if got := s.Trending(nil, "", 0, at, 5); len(got) != 2 || s.Item(got[0].Ref).ID != "unknown3" {
		t.Errorf("an item that came into the catalogue does not trend: %+v", got)
	}
	s.UpsertItem(&event.Item{ID: "twice", Attrs: event.Attributes{{Key: "categories", Value: list("d", "d")}}})
	do(s, q, "click", "u", "twice", at)
	if got := s.Trending(nil, "d", 0, at, 5); len(got) != 1 {
		t.Errorf("a category named twice gives %+v", got)
	}
}

func TestCovisitationCountsPeopleNotEvents(t *testing.T) {
	s := newStore(t)
	q := s.NewQuery()
	upsert(s, "a", "x", 1)
	upsert(s, "b", "x", 1)
	for i := range 10 {
		u := fmt.Sprint("u", i)
		for _, typ := range []string{"click", "long_view", "like"} {
			do(s, q, typ, u, "a", t0)
		}
		do(s, q, "click", u, "b", t0)
	}
	if got := s.Similar(nil, 0, 5); len(got) != 1 || got[0].Score != 1 || s.items.at(0).neighbours[0]&0xffffffff != uint64(math.Float32bits(10)) {
		t.Errorf("similar to a: %+v", got)
	}
}

func TestEventsWithoutItemLeaveSequencesOfItemsAlone(t *testing.T) {
	s, err := New([]Definition{
		{Name: "last", Kind: "last_k", Scope: []string{"user"}, On: On("click", "enter"), Outcomes: []string{"exit"}, N: 2},
	}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	q := s.NewQuery()
	for _, typ := range []string{"exit", "enter", "exit"} {
		do(s, q, typ, "u", "", t0)
	}
	upsert(s, "a", "x", 1)
	do(s, q, "click", "u", "a", t0)
	do(s, q, "enter", "u", "", t0)
	q.Begin("u", nil, t0)
	if got := len(q.Shared().Slots); got != 2 {
		t.Errorf("%d slots, want the item and the bias", got)
	}
}

func TestSmoothedValuesStayInTheirRange(t *testing.T) {
	s := newStore(t)
	q := s.NewQuery()
	upsert(s, "a", "x", 1)
	for range 5 {
		do(s, q, "click", "u", "a", t0) // and never an exposure
	}
	if got := value(t, s, "u", "a", "device_ctr", t0); got > 1 {
		t.Errorf("a rate of %v", got)
	}
	for _, rated := range []bool{true, false} {
		e := &event.Event{Type: "dwell", User: "v", Item: "a", Time: t0, Value: 4, HasValue: rated}
		q.Begin("v", nil, t0)
		s.Apply(q, e, 0)
	}
	if got := value(t, s, "v", "a", "dwell", t0); math.Abs(got-math.Log1p(4)) > 1e-9 {
		t.Errorf("the mean of one value of 4 is %v", math.Expm1(got))
	}
}

func TestInsertBestEqualsSortingAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for n := range 12 {
		var all, best []ScoredItem
		for i := range 40 {
			e := ScoredItem{ItemRef(i), float64(rng.IntN(10))}
			all = append(all, e)
			best = insertBest(best, 0, n, e)
		}
		slices.SortFunc(all, byScore)
		if !slices.Equal(best, all[:n]) {
			t.Errorf("best %d: %v, want %v", n, best, all[:n])
		}
	}
}

func TestNewestFollowsTheCatalogue(t *testing.T) {
	s := newStore(t)
	for i := range 5 {
		s.UpsertItem(&event.Item{ID: fmt.Sprint("i", i), Attrs: event.Attributes{
			{Key: "created", Value: text(t0.Add(time.Duration(i) * time.Hour).Time().Format(time.RFC3339))}}})
	}
	s.UpsertItem(&event.Item{ID: "i4", Attrs: event.Attributes{{Key: "available", Value: event.Value{Kind: event.Bool}}}})
	got := s.Newest(nil, 2)
	if len(got) != 2 || s.Item(got[0].Ref).ID != "i3" || s.Item(got[1].Ref).ID != "i2" {
		t.Errorf("newest: %+v", got)
	}
}

func BenchmarkCapture(b *testing.B) {
	s := newStore(b)
	q := s.NewQuery()
	at := random(s, q, rand.New(rand.NewPCG(1, 1)), 5000, t0)
	var v Vector
	b.ReportAllocs()
	for i := range b.N {
		q.Begin("u3", device("ios"), at)
		q.Item(&v, ItemRef(i%s.Items()))
	}
}

func BenchmarkItemOfAList(b *testing.B) {
	s := newStore(b)
	q := s.NewQuery()
	at := random(s, q, rand.New(rand.NewPCG(1, 1)), 5000, t0)
	var v Vector
	q.Begin("u3", device("ios"), at)
	b.ReportAllocs()
	for i := range b.N {
		q.Item(&v, ItemRef(i%s.Items()))
	}
}

func BenchmarkApply(b *testing.B) {
	s := newStore(b)
	q := s.NewQuery()
	at := random(s, q, rand.New(rand.NewPCG(1, 1)), 5000, t0)
	e := &event.Event{Type: "exposure", User: "u3", Item: "i3", Context: device("ios")}
	ref := s.EnsureItem("i3")
	b.ReportAllocs()
	for range b.N {
		at += 1e9
		e.Time = at
		q.Begin("u3", e.Context, at)
		s.Apply(q, e, ref)
	}
}
