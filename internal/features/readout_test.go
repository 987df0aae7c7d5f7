package features

import (
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"recsvc/internal/event"
)

// readoutStore has features of every shape and scope, some of several windows and some made of others.
func readoutStore(t testing.TB) *Store {
	t.Helper()
	s, err := New(append(definitions(),
		Definition{Name: "clicks", Kind: "count", Scope: []string{"user"}, On: On("click"), Windows: []time.Duration{5 * time.Minute, time.Hour}},
		Definition{Name: "liked", Kind: "last_k", Scope: []string{"user"}, On: On("click"), Value: "item.categories[0]", N: 3},
		Definition{Name: "clicks_log2", Kind: "bucketize", Inputs: []string{"clicks_1h"}},
		Definition{Name: "heat", Kind: "count", Scope: []string{"item.categories[0]"}, On: On("click")},
		Definition{Name: "all", Kind: "count", On: On("click")},
		Definition{Name: "visit", Kind: "count", Scope: []string{"session"}, On: On("click")},
		Definition{Name: "cohort", Kind: "count", Scope: []string{"user.city", "context.device"}, On: On("click")},
		Definition{Name: "pair", Kind: "count", Scope: []string{"user", "item"}, On: On("click")},
	), Options{SubRows: 4})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fillReadouts(s *Store) {
	upsert(s, "mug", "kitchen", 3)
	upsert(s, "pen", "desk", 5)
	s.UpsertUser(&event.User{ID: "ann", Attrs: event.Attributes{{Key: "city", Value: text("Oslo")}}})
	q := s.NewQuery()
	for i, item := range []string{"mug", "mug", "pen", "mug"} {
		do(s, q, "exposure", "ann", item, t0.Add(time.Duration(i)*time.Second))
		do(s, q, "click", "ann", item, t0.Add(time.Duration(i)*time.Second))
	}
	do(s, q, "dwell", "ann", "mug", t0.Add(4*time.Second))
}

func readout(t testing.TB, s *Store, names ...string) *Readout {
	t.Helper()
	r, err := s.Readout(names)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readAt(t testing.TB, r *Readout, user, item string, at event.Time) map[string]any {
	t.Helper()
	values, err := r.Read(user, item, device("ios"), at)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	for i := range values {
		if values[i].Name != r.Columns()[i].Name {
			t.Fatalf("value %d is of %s, want %s", i, values[i].Name, r.Columns()[i].Name)
		}
		out[values[i].Name] = values[i].Any()
	}
	return out
}

func TestAReadoutSaysWhatAListWouldBeRankedBy(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	at := t0.Add(10 * time.Second)
	r := readout(t, s)
	for _, tc := range []struct{ user, item string }{{"ann", "mug"}, {"ann", "pen"}, {"bob", "mug"}, {"", "pen"}} {
		got := readAt(t, r, tc.user, tc.item, at)
		ref, _ := s.LookupItem(tc.item)
		seen := 0
		for _, want := range s.Values(tc.user, device("ios"), ref, at) {
			if i := s.program.byName[want.Name]; s.program.feats[i].numeric {
				seen++
				if x, ok := got[want.Name].(float64); ok != (want.Number == want.Number) || ok && x != want.Number {
					t.Errorf("%s for %s and %s is %v, want %v", want.Name, tc.user, tc.item, got[want.Name], want.Number)
				}
			}
		}
		if seen < 10 {
			t.Fatalf("%d numbers were compared", seen)
		}
	}
	ann := readAt(t, r, "ann", "mug", at)
	for name, want := range map[string]any{"user_id": "ann", "item_id": "mug", "category": "kitchen", "clicks_1m": 4.0, "heat": 3.0, "pair": 3.0} {
		if ann[name] != want {
			t.Errorf("%s is %v, want %v", name, ann[name], want)
		}
	}
	if got := ann["lately"].([]string); !slices.Equal(got, []string{"mug", "pen"}) {
		t.Errorf("lately is %q", got)
	}
}

func TestAReadoutChoosesFeaturesInTheOrderAskedFor(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	r := readout(t, s, "item_ctr", "clicks_log2", "clicks", "item_ctr", "clicks_1h")
	var names []string
	for _, c := range r.Columns() {
		names = append(names, c.Name)
	}
	if want := []string{"item_ctr", "clicks_log2", "clicks_5m", "clicks_1h"}; !slices.Equal(names, want) {
		t.Errorf("columns %q, want %q", names, want)
	}
	all := readAt(t, readout(t, s), "ann", "mug", t0.Add(time.Minute))
	for name, got := range readAt(t, r, "ann", "mug", t0.Add(time.Minute)) {
		if got != all[name] || got == nil {
			t.Errorf("%s alone is %v, among all %v", name, got, all[name])
		}
	}
}

func TestAnUnknownFeatureIsNamedWithOneThatLooksLikeIt(t *testing.T) {
	s := readoutStore(t)
	for name, near := range map[string]string{"item_crt": "item_ctr", "click": "clicks", "": "", "nothing_like_any_of_them": ""} {
		_, err := s.Readout([]string{"heat", name})
		var unknown *NoFeatureError
		if !errors.As(err, &unknown) || unknown.Index != 1 || unknown.Name != name || unknown.Near != near {
			t.Errorf("%q: got %+v, want near %q", name, err, near)
		}
	}
}

func TestWithoutAnItemWhatDependsOnItIsMissing(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	r := readout(t, s)
	readAt(t, r, "ann", "mug", t0.Add(time.Minute)) // leaves nothing behind
	for name, v := range readAt(t, r, "ann", "", t0.Add(time.Minute)) {
		if byItem := s.program.feats[s.program.byName[name]].byItem; byItem && v != nil {
			t.Errorf("%s is %v", name, v)
		} else if name == "clicks_1h" && v != 4.0 {
			t.Errorf("clicks_1h is %v", v)
		}
	}
}

func TestAnItemNeverMetReadsAsANewOne(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	r := readout(t, s)
	got := readAt(t, r, "ann", "novelty", t0.Add(time.Minute))
	if _, met := s.LookupItem("novelty"); met {
		t.Fatal("reading has changed the catalogue")
	}
	s.EnsureItem("novelty")
	want := readAt(t, r, "ann", "novelty", t0.Add(time.Minute))
	for name := range want {
		if a, ok := want[name].(float64); ok && got[name] != a || (got[name] == nil) != (want[name] == nil) {
			t.Errorf("%s is %v before the item was met and %v after", name, got[name], want[name])
		}
	}
	if got["item_id"] != "novelty" {
		t.Errorf("item_id is %v", got["item_id"])
	}
}

func TestNamesOfCategoriesOutliveTheItemsTheyCameFrom(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	upsert(s, "mug", "bath", 3)
	r := readout(t, s, "liked")
	got := readAt(t, r, "ann", "", t0.Add(time.Minute))["liked"]
	if names, _ := got.([]string); !slices.Equal(names, []string{"kitchen", "desk"}) {
		t.Errorf("got %+v", got)
	}
}

func TestReadingNumbersAllocatesNothing(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	r := readout(t, s, "clicks", "item_ctr", "user_cat_ctr", "device_ctr", "heat", "pair")
	context := device("ios")
	if n := testing.AllocsPerRun(100, func() {
		if v, err := r.Read("ann", "mug", context, t0.Add(time.Minute)); err != nil || v[0].Number != 4 {
			t.Fatal(v, err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestReadoutsStandBesideTheWriter(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for last := 0.0; ; {
				select {
				case <-done:
					return
				default:
				}
				r, err := s.Readout([]string{"spent", "lately", "liked", "all"})
				if err != nil {
					t.Error(err)
					return
				}
				v, err := r.Read("ann", "mug", nil, t0.Add(time.Hour))
				if err != nil || math.IsNaN(v[3].Number) || v[3].Number < last {
					t.Errorf("clicks went from %v to %v: %v", last, v[3].Number, err)
					return
				}
				last = v[3].Number
				r.Close()
			}
		})
	}
	q := s.NewQuery()
	for i := range 500 {
		item := string(rune('a' + i%26))
		upsert(s, item, "c"+item, 1)
		do(s, q, "click", "ann", item, t0.Add(time.Duration(i)*time.Second))
	}
	close(done)
	readers.Wait()
}
