package rank

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"recsvc/internal/event"
)

func TestListIsOrderedByTheModel(t *testing.T) {
	s := newStore(30)
	list := rankOnce(t, newRanker(t, s, byRef(s)), Request{User: "u1", N: 5})
	if got, want := ids(list), []string{"i29", "i28", "i27", "i26", "i25"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if list.Model != "ctr@7" || list.Scene != DefaultScene || list.User != "u1" || list.Degraded != nil {
		t.Errorf("got %+v", list)
	}
	for i, it := range list.Items {
		if it.Position != i+1 || it.Propensity != 1 || len(it.Channels) == 0 {
			t.Errorf("slot %d: got %+v", i, it)
		}
	}
	if got, want := list.Items[0].Score, float64(float32(0.5)+float32(29)/1000); got != want {
		t.Errorf("score %v, want shared and own part, %v", got, want)
	}
}

func TestAnybodyGetsAList(t *testing.T) {
	s := newStore(30)
	for _, user := range []string{"", "nobody knows me"} {
		list := rankOnce(t, newRanker(t, s, byRef(s)), Request{User: user, Item: "unknown too", Exclude: []string{"never heard of"}})
		if len(list.Items) != 10 || list.Degraded != nil {
			t.Errorf("user %q: got %d items, degraded %v", user, len(list.Items), list.Degraded)
		}
	}
}

func TestEmptyModelFallsBackOnRecall(t *testing.T) {
	s := newStore(30)
	empty := &fakeScorer{version: "ctr@0"}
	list := rankOnce(t, newRanker(t, s, empty, Scene{Name: "default", Recall: []Quota{{ChannelTrending, 20}, {ChannelNew, 3}}}), Request{N: 3})
	if got, want := ids(list), []string{"i0", "i1", "i2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want what is trending, %v", got, want)
	}
	if list.Degraded != nil || list.Model != "ctr@0" {
		t.Errorf("an empty model is a model: got %+v", list)
	}
}

func TestMissingModelMeansPopularity(t *testing.T) {
	s := newStore(30)
	for name, scorer := range map[string]Scorer{"none": nil, "unnamed": &fakeScorer{}} {
		list := rankOnce(t, newRanker(t, s, scorer), Request{N: 3})
		if got, want := ids(list), []string{"i0", "i1", "i2"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		if !slices.Equal(list.Degraded, []string{"model"}) || list.Model != "" {
			t.Errorf("%s: got %+v", name, list)
		}
		if top := list.Items[0].Score; top != 1 {
			t.Errorf("%s: the most popular scores %v, want 1", name, top)
		}
	}
}

func TestEmptyCatalogueSaysSo(t *testing.T) {
	withdrawn := newStore(700)
	for i := range withdrawn.items {
		withdrawn.items[i].Available = false
	}
	for name, s := range map[string]*fakeStore{"no items": newStore(0), "none available": withdrawn} {
		list := rankOnce(t, newRanker(t, s, byRef(s)), Request{})
		if list.Items == nil || len(list.Items) != 0 || !slices.Equal(list.Degraded, []string{"empty catalogue"}) {
			t.Errorf("%s: got %+v", name, list)
		}
	}
	s := newStore(1)
	if list := rankOnce(t, newRanker(t, s, byRef(s)), Request{Exclude: []string{"i0"}}); len(list.Items) != 0 || list.Degraded != nil {
		t.Errorf("a catalogue that is excluded is not empty: got %+v", list)
	}
}

func TestUnfitItemsNeverAppear(t *testing.T) {
	s := newStore(100)
	s.items[99].Available = false
	s.items[0].Available = false
	filter, err := CompileFilter(`"even" in item.categories`)
	if err != nil {
		t.Fatal(err)
	}
	s.similar[6] = []ScoredItem{{Ref: 99, Score: 1}, {Ref: 98, Score: 0.9}, {Ref: 96, Score: 0.8}}
	for _, epsilon := range []float64{0, 1} {
		r := newRanker(t, s, byRef(s), Scene{Name: "default", Epsilon: epsilon})
		list := rankOnce(t, r, Request{N: 500, Item: "i6", Filter: filter, Exclude: []string{"i98", "i96"}})
		if len(list.Items) != 50-1-3 {
			t.Errorf("ε=%v: got %d items, want every even one but i0, i6, i96, i98", epsilon, len(list.Items))
		}
		seen := map[string]bool{}
		for _, it := range list.Items {
			ref := s.refs[it.Item]
			if ref%2 == 1 || ref == 0 || ref == 6 || ref >= 96 || seen[it.Item] {
				t.Errorf("ε=%v: %s is unfit, or there twice", epsilon, it.Item)
			}
			seen[it.Item] = true
		}
	}
}

func TestExplorationIsAFunctionOfTheRequestID(t *testing.T) {
	s := newStore(50)
	r := newRanker(t, s, byRef(s), Scene{Name: "default", Epsilon: 0.5})
	a := rankOnce(t, r, Request{ID: "r-1", N: 20})
	if b := rankOnce(t, r, Request{ID: "r-1", N: 20}); !reflect.DeepEqual(a, b) {
		t.Error("the same id gave two lists")
	}
	if c := rankOnce(t, r, Request{ID: "r-2", N: 20}); slices.Equal(ids(a), ids(c)) {
		t.Error("two ids gave the same draw")
	}
	other, err := New(s, byRef(s), Options{Seed: 9, Scenes: []Scene{{Name: "default", Epsilon: 0.5}}})
	if err != nil {
		t.Fatal(err)
	}
	if d := rankOnce(t, other, Request{ID: "r-1", N: 20}); slices.Equal(ids(a), ids(d)) {
		t.Error("the server's seed has no effect")
	}
}

// The whole pass, from recall on: over many lists, the frequency of what holds the first slot matches the
// propensity with which it was logged.
func TestFirstSlotsMatchTheirPropensities(t *testing.T) {
	s := newStore(8)
	r := newRanker(t, s, byRef(s), Scene{Name: "default", Epsilon: 0.4})
	const rounds = 20_000
	count, logged := map[string]int{}, map[string]float64{}
	for i := range rounds {
		first := rankOnce(t, r, Request{ID: fmt.Sprint("r-", i), N: 1}).Items[0]
		count[first.Item]++
		logged[first.Item] = first.Propensity
	}
	sum := 0.0
	for id, p := range logged {
		sum += p
		sigma := math.Sqrt(p * (1 - p) / rounds)
		if got := float64(count[id]) / rounds; math.Abs(got-p) > 5*sigma {
			t.Errorf("%s stood first with frequency %v, logged %v", id, got, p)
		}
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("the propensities of the first slot sum to %v", sum)
	}
}

func TestCallersCandidatesAreRankedAndNothingElse(t *testing.T) {
	s := newStore(30)
	s.items[5].Available = false
	s.seen["u1"] = []SeenItem{{Ref: 9, Times: 5, Last: now, Acted: true}}
	r := newRanker(t, s, byRef(s), Scene{Name: "default", Seen: SeenPolicy{Mode: SeenHide, Acted: true}})
	list := rankOnce(t, r, Request{User: "u1", Candidates: []string{"i3", "i9", "i3", "i5", "new to me", "i1"}})
	if got, want := ids(list), []string{"i9", "i3", "i1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !slices.Equal(list.Degraded, []string{"candidates"}) || !slices.Equal(list.Items[0].Channels, []string{"candidates"}) {
		t.Errorf("got %+v", list)
	}
	if list := rankOnce(t, r, Request{Candidates: []string{}}); len(list.Items) != 0 || list.Degraded != nil {
		t.Errorf("no candidates: got %+v", list)
	}
}

func TestScoresThatAreNotFiniteComeLast(t *testing.T) {
	s := newStore(5)
	scorer := byRef(s)
	scorer.weights[4] = float32(math.NaN())
	scorer.weights[3] = float32(math.Inf(1))
	list := rankOnce(t, newRanker(t, s, scorer), Request{Explain: true})
	if got, want := ids(list), []string{"i2", "i1", "i0"}; !slices.Equal(got[:3], want) {
		t.Errorf("got %v, want %v first", got, want)
	}
	for _, it := range list.Items {
		if math.IsNaN(it.Score) || math.IsInf(it.Score, 0) {
			t.Errorf("%s was answered with the score %v", it.Item, it.Score)
		}
	}
	if rules := list.Items[3].Explain.Rules; !slices.Equal(rules, []string{RuleUnscored}) {
		t.Errorf("got rules %v", rules)
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	s := newStore(3)
	r := newRanker(t, s, byRef(s))
	for name, req := range map[string]Request{
		"n":          {N: MaxN + 1, Now: now},
		"negative n": {N: -1, Now: now},
		"scene":      {Scene: "nowhere", Now: now},
		"candidates": {Candidates: make([]string, MaxCandidates+1), Now: now},
		"now":        {},
	} {
		if _, err := r.Rank(t.Context(), req); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Rank(ctx, Request{Now: now}); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller has gone: got %v", err)
	}
}

func TestWrongScenesAreRefused(t *testing.T) {
	for want, scenes := range map[string][]Scene{
		"name is empty":           {{}},
		"twice":                   {{Name: "a"}, {Name: "a"}},
		"no channel \"x\"":        {{Name: "a", Recall: []Quota{{"x", 1}}}},
		"no channel \"backfill\"": {{Name: "a", Recall: []Quota{{"backfill", 1}}}},
		"named twice":             {{Name: "a", Recall: []Quota{{"new", 1}, {"new", 2}}}},
		"quota of \"new\" is 0":   {{Name: "a", Recall: []Quota{{"new", 0}}}},
		"epsilon is NaN":          {{Name: "a", Epsilon: math.NaN()}},
		"epsilon is 1.5":          {{Name: "a", Epsilon: 1.5}},
		"min_pool":                {{Name: "a", MinPool: -1}},
		"at least 1":              {{Name: "a", Seeds: -1}},
		"positive":                {{Name: "a", Budget: -1}},
		"mode is \"gone\"":        {{Name: "a", Seen: SeenPolicy{Mode: "gone"}}},
		"needs times or acted":    {{Name: "a", Seen: SeenPolicy{Mode: SeenHide}}},
		"must not be negative":    {{Name: "a", Seen: SeenPolicy{Mode: SeenHide, Times: -1}}},
	} {
		if _, err := New(newStore(0), nil, Options{Scenes: scenes}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want … %s …", err, want)
		}
	}
}

func TestServedHoldsWhatWasAnswered(t *testing.T) {
	s := newStore(10)
	r := newRanker(t, s, byRef(s), Scene{Name: "home", Epsilon: 0.2})
	where := event.Attributes{{Key: "device", Value: str("ios")}}
	list := rankOnce(t, r, Request{
		User: "u1", Scene: "home", N: 4, Context: where,
		Variants: []Variant{{"ranker", "control"}, {"size", "big"}},
	})
	got := list.Served()
	want := &event.Served{
		Request: list.Request, User: "u1", Scene: "home", Time: now, Model: "ctr@7",
		Variant: "ranker=control,size=big", Context: where,
	}
	for _, it := range list.Items {
		want.Items = append(want.Items, event.ServedItem{Item: it.Item, Score: it.Score, Propensity: it.Propensity})
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !strings.HasPrefix(list.Request, "r-") {
		t.Errorf("request id %q", list.Request)
	}
}

func TestListsAreCounted(t *testing.T) {
	s := newStore(10)
	reg := prometheus.NewRegistry()
	r, err := New(s, nil, Options{Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	rankOnce(t, r, Request{N: 4})
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
	}
	if got["recsvc_rank_slots_total"] != 4 || got["recsvc_rank_degraded_total"] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestBrowsingShowsAvailableItemsOnly(t *testing.T) {
	s := newStore(10)
	s.items[2].Available = false
	s.similar[1] = []ScoredItem{{Ref: 2, Score: 0.9}, {Ref: 3, Score: 0.8}, {Ref: 4, Score: 0.7}}
	r := newRanker(t, s, nil)
	got, err := r.Similar("i1", 1)
	want := []Ranked{{Item: "i3", Position: 1, Score: 0.8, Propensity: 1, Channels: []string{"similar"}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := r.Similar("nothing", 1); !errors.Is(err, ErrUnknownItem) {
		t.Errorf("got %v", err)
	}
	if got := ids(List{Items: r.Trending("even", 0, now, 2)}); !slices.Equal(got, []string{"i0", "i4"}) {
		t.Errorf("trending: got %v", got)
	}
	if got := r.Trending("no such", 0, now, 2); got == nil || len(got) != 0 {
		t.Errorf("got %v, want an empty list", got)
	}
}

func TestAUserWhoCannotBeReadGetsTheListOfSomebodyUnknown(t *testing.T) {
	s := personal()
	s.unreadable = map[string]error{"u1": errors.New("a flipped bit")}
	r := newRanker(t, s, byRef(s))
	got := rankOnce(t, r, Request{ID: "1", User: "u1", N: 9})
	if !slices.Equal(got.Degraded, []string{"user"}) {
		t.Errorf("degraded %v", got.Degraded)
	}
	want := rankOnce(t, r, Request{ID: "1", User: "nobody", N: 9})
	if !slices.Equal(ids(got), ids(want)) || want.Degraded != nil {
		t.Errorf("got %v, want %v as for nobody", ids(got), ids(want))
	}
}

func TestRankerIsSafeBesideAWriter(t *testing.T) {
	s := newStore(300)
	scorer := byRef(s)
	scorer.store = nil // other requests hold the lock
	r := newRanker(t, s, scorer, Scene{Name: "default", Epsilon: 0.3, Seen: SeenPolicy{Mode: SeenDemote, Times: 1}})
	stop := make(chan struct{})
	var writer, readers sync.WaitGroup
	writer.Go(func() {
		rng := rand.New(rand.NewPCG(1, 1))
		for {
			select {
			case <-stop:
				return
			default:
			}
			s.mu.Lock()
			i := rng.IntN(len(s.items))
			s.items[i].Available = !s.items[i].Available
			s.seen["u0"] = append(s.seen["u0"][:0:0], SeenItem{Ref: ItemRef(i), Times: 1, Last: now})
			s.mu.Unlock()
		}
	})
	for g := range 4 {
		readers.Go(func() {
			for range 100 {
				list := rankOnce(t, r, Request{User: fmt.Sprint("u", g), N: 20, Explain: g == 0})
				seen := map[string]bool{}
				for _, it := range list.Items {
					if seen[it.Item] {
						t.Errorf("%s appears twice", it.Item)
					}
					seen[it.Item] = true
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writer.Wait()
}
