package rank

import (
	"context"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
)

// channelsOf lists, by channel, the items that it stands beside.
func channelsOf(l List) map[string][]string {
	out := map[string][]string{}
	for _, it := range l.Items {
		for _, ch := range it.Channels {
			out[ch] = append(out[ch], it.Item)
		}
	}
	for _, items := range out {
		slices.Sort(items)
	}
	return out
}

// personal is a store in which u1 likes i10 and then i20, and odd items.
func personal() *fakeStore {
	s := newStore(40)
	s.recent["u1"] = []RecentEvent{
		{Item: 20, Type: "click", Time: now - 1, Positive: true},
		{Item: 20, Type: "exposure", Time: now - 2},
		{Item: 20, Type: "click", Time: now - 3, Positive: true},
		{Item: 30, Type: "exposure", Time: now - 4},
		{Item: 10, Type: "like", Time: now - 5, Positive: true},
	}
	s.similar[20] = []ScoredItem{{Ref: 21, Score: 0.5}, {Ref: 22, Score: 0.4}}
	s.similar[10] = []ScoredItem{{Ref: 22, Score: 0.3}, {Ref: 11, Score: 0.2}}
	s.similar[30] = []ScoredItem{{Ref: 31, Score: 1}}
	s.similar[5] = []ScoredItem{{Ref: 6, Score: 0.9}, {Ref: 5, Score: 0.8}}
	s.liked["u1"] = []CategoryScore{{Category: "odd", Score: 3}, {Category: "even", Score: 1}, {Category: "hated", Score: -1}}
	return s
}

func TestChannelsKeepToTheirQuotasAndNameThemselves(t *testing.T) {
	s := personal()
	r := newRanker(t, s, byRef(s), Scene{Name: "default", MinPool: 1, Recall: []Quota{
		{ChannelSimilar, 2}, {ChannelTrending, 3}, {ChannelCategories, 4}, {ChannelNew, 2},
	}})
	got := channelsOf(rankOnce(t, r, Request{User: "u1", N: 9}))
	want := map[string][]string{
		"similar":    {"i21", "i22"}, // i22 is near both positives: .4 + .9·.3
		"trending":   {"i0", "i1", "i2"},
		"categories": {"i0", "i1", "i3", "i5"}, // three odd ones for one even
		"new":        {"i38", "i39"},
	}
	for ch, items := range want {
		if !slices.Equal(got[ch], items) {
			t.Errorf("%s: got %v, want %v", ch, got[ch], items)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got channels %v", got)
	}
}

func TestItemsFoundTwiceAppearOnceWithBothChannels(t *testing.T) {
	s := newStore(5)
	r := newRanker(t, s, byRef(s), Scene{Name: "default", Recall: []Quota{{ChannelTrending, 5}, {ChannelNew, 5}}})
	list := rankOnce(t, r, Request{N: 10, Explain: true})
	if len(list.Items) != 5 {
		t.Fatalf("got %v", ids(list))
	}
	top := list.Items[0]
	if !slices.Equal(top.Channels, []string{"trending", "new"}) {
		t.Errorf("got channels %v", top.Channels)
	}
	if by := top.Explain.Channels; by["trending"] != 1 || by["new"] != 4 || len(by) != 2 {
		t.Errorf("got channel scores %v, want each channel's own", by)
	}
}

func TestMoreLikeThisStartsFromTheItemAndLeavesItOut(t *testing.T) {
	s := personal()
	r := newRanker(t, s, byRef(s), Scene{Name: "default", MinPool: 1, Recall: []Quota{{ChannelSimilar, 10}}})
	got := ids(rankOnce(t, r, Request{Item: "i5", N: 1}))
	if !slices.Equal(got, []string{"i6"}) {
		t.Errorf("got %v, want what is similar to i5", got)
	}
}

func TestShortRecallIsFilledWithTheNewestAndThenWithAnything(t *testing.T) {
	s := newStore(200)
	for i := 150; i < 200; i++ {
		s.items[i].Available = false
	}
	r := newRanker(t, s, &fakeScorer{version: "empty@0"}, Scene{Name: "default", MinPool: 5, Recall: []Quota{}})
	list := rankOnce(t, r, Request{N: 8})
	want := []string{"i149", "i148", "i147", "i146", "i145", "i144", "i143", "i142"}
	if got := ids(list); !slices.Equal(got, want) {
		t.Errorf("got %v, want the newest available, %v", got, want)
	}
	if !slices.Equal(list.Items[0].Channels, []string{"backfill"}) || list.Degraded != nil {
		t.Errorf("got %+v", list)
	}
}

func TestRareFilterIsFoundByWalkingTheCatalogue(t *testing.T) {
	s := newStore(3000)
	filter, err := CompileFilter("item.price < 3")
	if err != nil {
		t.Fatal(err)
	}
	s.trending[""] = s.trending[""][100:] // no channel offers them
	r := newRanker(t, s, byRef(s), Scene{Name: "default", Budget: time.Hour})
	list := rankOnce(t, r, Request{Filter: filter})
	if got, want := ids(list), []string{"i2", "i1", "i0"}; !slices.Equal(got, want) || list.Degraded != nil {
		t.Errorf("got %v, %v, want %v", got, list.Degraded, want)
	}
	r = newRanker(t, s, byRef(s), Scene{Name: "default", ScanLimit: 1000, Budget: time.Hour})
	list = rankOnce(t, r, Request{Filter: filter})
	if len(list.Items) != 0 || !slices.Equal(list.Degraded, []string{"recall:backfill"}) {
		t.Errorf("beyond the scan limit: got %v, %v", ids(list), list.Degraded)
	}
}

func TestSeenPolicy(t *testing.T) {
	hour := event.Time(time.Hour)
	for _, tc := range []struct {
		name   string
		policy SeenPolicy
		seen   SeenItem
		want   bool
	}{
		{"shown often enough", SeenPolicy{Times: 2}, SeenItem{Times: 2, Last: now}, true},
		{"shown too rarely", SeenPolicy{Times: 2}, SeenItem{Times: 1, Last: now}, false},
		{"shown, but only actions count", SeenPolicy{Acted: true}, SeenItem{Times: 9, Last: now}, false},
		{"acted on", SeenPolicy{Acted: true}, SeenItem{Acted: true, Last: now}, true},
		{"acted on, but only exposures count", SeenPolicy{Times: 2}, SeenItem{Times: 1, Acted: true, Last: now}, false},
		{"within the time", SeenPolicy{Times: 1, Within: time.Hour}, SeenItem{Times: 1, Last: now - hour}, true},
		{"too long ago", SeenPolicy{Times: 1, Within: time.Hour}, SeenItem{Times: 1, Last: now - hour - 1}, false},
		{"acted on too long ago", SeenPolicy{Acted: true, Within: time.Hour}, SeenItem{Acted: true, Last: now - 2*hour}, false},
		{"long ago, without a limit", SeenPolicy{Times: 1}, SeenItem{Times: 1, Last: 1}, true},
	} {
		if got := tc.policy.applies(tc.seen, now); got != tc.want {
			t.Errorf("%s: got %v", tc.name, got)
		}
	}
}

func TestSeenItemsAreHiddenOrComeLast(t *testing.T) {
	s := newStore(6)
	s.seen["u1"] = []SeenItem{{Ref: 5, Times: 3, Last: now}, {Ref: 4, Times: 1, Last: now}, {Ref: 3, Acted: true, Last: now}, {Ref: 0, Times: 2, Last: now}}
	for mode, want := range map[SeenMode][]string{
		SeenOff:    {"i5", "i4", "i3", "i2", "i1", "i0"},
		"":         {"i5", "i4", "i3", "i2", "i1", "i0"},
		SeenHide:   {"i4", "i2", "i1"},
		SeenDemote: {"i4", "i2", "i1", "i5", "i3", "i0"},
	} {
		for _, quotas := range [][]Quota{nil, {}} { // by channel and by backfill alike
			r := newRanker(t, s, byRef(s), Scene{Name: "default", Recall: quotas, Seen: SeenPolicy{Mode: mode, Times: 2, Acted: true}})
			list := rankOnce(t, r, Request{User: "u1", Explain: true})
			if got := ids(list); !slices.Equal(got, want) {
				t.Errorf("%q: got %v, want %v", mode, got, want)
			}
			if last := list.Items[len(list.Items)-1].Explain; mode == SeenDemote && !slices.Equal(last.Rules, []string{RuleDemoted}) {
				t.Errorf("got rules %v", last.Rules)
			}
			if got := len(rankOnce(t, r, Request{User: "u2"}).Items); got != 6 {
				t.Errorf("%q: somebody else gets %d items", mode, got)
			}
		}
	}
}

// ticker is a clock that goes on by a step each time it is read.
type ticker struct {
	at   time.Time
	step time.Duration
}

func (c *ticker) now() time.Time { c.at = c.at.Add(c.step); return c.at }

func slow(t *testing.T, s Store, sc Scorer, step time.Duration, scene Scene) *Ranker {
	t.Helper()
	clock := &ticker{at: time.Unix(0, 0), step: step}
	r, err := New(s, sc, Options{Scenes: []Scene{scene}, Clock: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatCannotBeScoredInTimeFollowsByRecall(t *testing.T) {
	s := newStore(200)
	scene := Scene{Name: "default", Recall: []Quota{{ChannelTrending, 200}}, Budget: 100 * time.Millisecond}
	// Recall reads the clock twice, and each chunk of 32 once: 15 ms a reading leaves time for four chunks.
	list := rankOnce(t, slow(t, s, byRef(s), 15*time.Millisecond, scene), Request{N: 200, Explain: true})
	if !slices.Equal(list.Degraded, []string{"deadline"}) || list.Model != "ctr@7" || len(list.Items) != 200 {
		t.Fatalf("got %d items, model %q, degraded %v", len(list.Items), list.Model, list.Degraded)
	}
	scored := 0
	for scored < 200 && len(list.Items[scored].Explain.Rules) == 0 {
		scored++
	}
	if scored == 0 || scored == 200 || scored%chunk != 0 {
		t.Fatalf("%d were scored, want some whole chunks", scored)
	}
	if got, want := list.Items[0].Item, s.items[scored-1].ID; got != want {
		t.Errorf("first is %s, want the best of those scored, %s", got, want)
	}
	for i := scored; i < 200; i++ {
		if got, want := list.Items[i].Item, s.items[i].ID; got != want {
			t.Fatalf("slot %d: got %s, want %s, as recalled", i, got, want)
		}
	}
}

func TestLateChannelsAreNamed(t *testing.T) {
	s := personal()
	list := rankOnce(t, slow(t, s, byRef(s), 20*time.Millisecond, Scene{Name: "default"}), Request{User: "u1", N: 3})
	for _, want := range []string{"recall:categories", "recall:new", "deadline"} {
		if !slices.Contains(list.Degraded, want) {
			t.Errorf("%s is missing from %v", want, list.Degraded)
		}
	}
	if len(list.Items) != 3 {
		t.Errorf("got %v", ids(list))
	}
}

func TestListWithoutAnyTimeIsStillAList(t *testing.T) {
	s := personal()
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	list, err := newRanker(t, s, byRef(s)).Rank(ctx, Request{User: "u1", N: 10, Now: now})
	if err != nil || len(list.Items) != 10 {
		t.Fatalf("got %v, %v", ids(list), err)
	}
	want := []string{"recall:similar", "recall:trending", "recall:categories", "recall:new", "deadline"}
	if !slices.Equal(list.Degraded, want) {
		t.Errorf("got %v, want %v", list.Degraded, want)
	}
	if got := list.Items[0].Item; got != "i39" {
		t.Errorf("first is %s, want the newest", got)
	}
}
