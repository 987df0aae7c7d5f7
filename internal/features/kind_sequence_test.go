package features

import (
	"math"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
)

// sequenceTwins recount what is remembered in order.
func sequenceTwins() []twinKind {
	user, ios := []string{"user"}, Selection{Types: []string{AnyType}, Where: `context.device == "ios"`}
	return []twinKind{
		{
			kind: "last", reads: "value",
			defs: []Definition{
				{Kind: "last", Scope: user, On: On("dwell")},
				{Kind: "last", Scope: user, On: On("dwell", "like"), Window: time.Minute, As: "log"},
				{Kind: "last", Scope: []string{"user", "context.room"}, On: On("click"), Value: "item.categories[0]", TTL: time.Hour},
				{Kind: "last", Scope: []string{"context.room"}, On: On(AnyType), Value: "item"},
				{Kind: "last", Scope: user, On: On("purchase"), Value: "value * item.price"},
				{Kind: "last", Scope: []string{"session"}, On: On(AnyType), Value: "user", Window: 20 * time.Minute},
				{Kind: "last", Scope: []string{"session", "item.categories[0]"}, On: On(AnyType), Value: "item", TTL: 2 * time.Hour},
				{Kind: "last", Scope: []string{"item"}, On: On("click"), Value: "context.device", Windows: []time.Duration{time.Minute, time.Hour}},
			},
			recount: recountLast,
		},
		{
			kind: "last_k", reads: "entry",
			defs: []Definition{
				{Kind: "last_k", Scope: user, On: On("click"), N: 3},
				{Kind: "last_k", Scope: user, On: On("exposure"), Outcomes: []string{"click", "like"}, N: 5, As: "outcomes"},
				{Kind: "last_k", Scope: []string{"user", "context.room"}, On: On("exposure"), Outcomes: []string{"click"}, N: 4, As: "pattern", TTL: time.Hour},
				{Kind: "last_k", Scope: user, On: ios, N: 8, TTL: 10 * time.Minute},
				{Kind: "last_k", Scope: user, On: On("click"), N: 20, Windows: []time.Duration{10 * time.Second, 5 * time.Minute, 24 * time.Hour}, As: "sequence"},
				{Kind: "last_k", Scope: user, On: On("dwell"), Value: "value", N: 8, As: "values"},
				{Kind: "last_k", Scope: []string{"item"}, On: On("purchase"), Value: "value * item.price", N: 6, Window: time.Hour, As: "mean"},
				{Kind: "last_k", Scope: user, On: On("enter", "exposure"), Value: "context.room", N: 12, Window: 30 * time.Minute, As: "shares"},
				{Kind: "last_k", Scope: []string{"context.device"}, On: On("like"), N: 64, Window: time.Minute, As: "count"},
				{Kind: "last_k", Scope: []string{"item.categories[0]"}, On: On("click"), N: 6, Window: time.Minute, As: "sequence"},
				{Kind: "last_k", Scope: []string{"session"}, On: On("exposure"), Outcomes: []string{"click"}, N: 6, TTL: time.Hour, As: "outcomes"},
			},
			recount: recountSequence,
		},
		{
			kind: "first_k", reads: "entry",
			defs: []Definition{
				{Kind: "first_k", Scope: user, On: On("click"), N: 3},
				{Kind: "first_k", Scope: user, On: On("click"), N: 4, Window: 5 * time.Minute, As: "sequence"},
				{Kind: "first_k", Scope: user, On: On("exposure"), Outcomes: []string{"click"}, N: 4, Window: time.Hour, TTL: 10 * time.Minute, As: "outcomes"},
				{Kind: "first_k", Scope: []string{"context.room"}, On: On("dwell"), Value: "value", N: 5, Window: 20 * time.Second, As: "values"},
				{Kind: "first_k", Scope: user, On: On("dwell"), Value: "item.categories[0]", N: 9, Window: 24 * time.Hour, As: "shares"},
			},
			recount: recountSequence,
		},
	}
}

func recountLast(r *twinRead) twinValue {
	samples := r.chosen(r.def.On, r.def.Value)
	numeric := r.def.Value == "" || r.def.Value == "value * item.price"
	if numeric {
		samples = numbers(samples)
	}
	slices.SortStableFunc(samples, func(a, b twinSample) int { return int(a.Time - b.Time) })
	if len(samples) == 0 || !young(r, samples[len(samples)-1].Time) {
		return twinValue{number: math.NaN()}
	}
	if last := samples[len(samples)-1]; !numeric {
		return twinCategory(last.id())
	}
	return twinNumber(twinForm(r.def.As, samples[len(samples)-1].x))
}

// young reports whether an instant is within the definition's window, exactly.
func young(r *twinRead, t event.Time) bool {
	return r.def.Window == 0 || r.now.Sub(t) < r.def.Window
}

// twinEntry is an entry of a sequence with what became of it.
type twinEntry struct {
	twinSample
	outcome uint32
}

// twinEntries goes through the log: each entry is put in order by time, and the first or the last n stay.
func twinEntries(r *twinRead) (kept []twinEntry) {
	value := r.def.Value
	if value == "" {
		value = "item"
	}
	first, newest := r.def.Kind == "first_k", event.Time(0)
	for _, e := range r.log {
		for _, s := range sample([]*twinEvent{e}, r.def.On, value) {
			if (r.def.As == "values" || r.def.As == "mean") && s.x != s.x {
				continue
			}
			newest = max(newest, e.Time)
			kept = append(kept, twinEntry{twinSample: s})
			slices.SortFunc(kept, func(a, b twinEntry) int {
				if a.Time != b.Time {
					return int(a.Time - b.Time)
				}
				return a.place - b.place
			})
			if first && r.def.Window > 0 {
				kept = slices.DeleteFunc(kept, func(x twinEntry) bool { return newest.Sub(x.Time) >= r.def.Window })
			}
			if extra := len(kept) - r.def.N; extra > 0 && first {
				kept = kept[:r.def.N]
			} else if extra > 0 {
				kept = kept[extra:]
			}
		}
		for bit, typ := range r.def.Outcomes {
			for i := len(kept) - 1; i >= 0 && e.Type == typ && e.Item != ""; i-- {
				if kept[i].Item == e.Item {
					kept[i].outcome |= 1 << bit
					break
				}
			}
		}
	}
	kept = slices.DeleteFunc(kept, func(x twinEntry) bool { return !young(r, x.Time) })
	if !first {
		slices.Reverse(kept)
	}
	return kept
}

func recountSequence(r *twinRead) (out twinValue) {
	entries := twinEntries(r)
	out.number = math.NaN()
	pattern := uint64(1)
	sum := 0.0
	for i, e := range entries {
		pattern = join(pattern, uint64(e.outcome)+1)
		sum += e.x
		switch r.def.As {
		case "", "ids":
			if !slices.Contains(out.list, e.id()) {
				out.list = append(out.list, e.id())
			}
		case "sequence":
			out.list = append(out.list, join(uint64(i+1), e.id()))
		case "outcomes":
			out.list = append(out.list, join(uint64(i+1), uint64(e.outcome)))
		case "shares":
			at := slices.Index(out.list, e.id())
			if at < 0 {
				at = len(out.list)
				out.list, out.weights = append(out.list, e.id()), append(out.weights, 0)
			}
			out.weights[at] += 1 / float32(len(entries))
		}
	}
	switch r.def.As {
	case "pattern":
		out.list = []uint64{pattern}
	case "count":
		out.number = float64(len(entries))
	case "mean":
		out.number = sum / float64(len(entries))
	case "values":
		for i := 0; i < r.def.N && len(entries) > 0; i++ {
			x := float32(0)
			if i < len(entries) {
				x = float32(entries[i].x)
			}
			out.list, out.weights = append(out.list, placeID(i)), append(out.weights, x)
		}
	}
	return out
}

// The click sequence of the last five minutes: a declared sequence, as a scientist would read it.
func TestTheClickSequenceOfTheLastFiveMinutes(t *testing.T) {
	s := storeOf(t, []Definition{
		{Name: "clicks", Kind: "last_k", Scope: []string{"user"}, On: On("click"), N: 20, Window: 5 * time.Minute, As: "sequence"},
		{Name: "of_them", Kind: "last_k", Scope: []string{"user"}, On: On("click"), N: 20, Window: 5 * time.Minute, As: "count"},
	}, Options{})
	q := s.NewQuery()
	for i, item := range []string{"boots", "tent", "boots", "stove"} {
		do(s, q, "click", "ann", item, t0.Add(time.Duration(i)*time.Minute))
	}
	do(s, q, "click", "ann", "lamp", t0.Add(90*time.Second)) // comes late, into its place
	for _, tc := range []struct {
		after time.Duration
		want  []string
	}{
		{3 * time.Minute, []string{"stove", "boots", "lamp", "tent", "boots"}},
		{5*time.Minute - 1, []string{"stove", "boots", "lamp", "tent", "boots"}},
		{5 * time.Minute, []string{"stove", "boots", "lamp", "tent"}},
		{7 * time.Minute, []string{"stove"}},
		{8 * time.Minute, nil},
	} {
		q.Begin("ann", nil, t0.Add(tc.after))
		q.prepare()
		var want []uint64
		for i, item := range tc.want {
			want = append(want, join(uint64(i+1), hashString(item)))
		}
		if got := q.cats[0].list; !slices.Equal(got, want) {
			t.Errorf("after %v: %x, want %x: %v", tc.after, got, want, tc.want)
		}
		if n := q.nums[1]; n != float64(len(tc.want)) {
			t.Errorf("after %v: %v clicks, want %d", tc.after, n, len(tc.want))
		}
	}
}

// The distribution over channels of the last three stays that were longer than half a minute.
func TestTheChannelDistributionOfTheLastThreeStaysOverHalfAMinute(t *testing.T) {
	s := storeOf(t, []Definition{{
		Name: "channels", Kind: "last_k", Scope: []string{"user"}, On: Selection{Types: []string{"stay"}, Where: "value > 30"},
		Value: "context.channel", N: 3, As: "shares",
	}}, Options{})
	q := s.NewQuery()
	for i, stay := range []struct {
		channel string
		seconds float64
	}{{"news", 400}, {"music", 31}, {"games", 30}, {"sport", 65}, {"music", 3600}, {"news", 2}} {
		e := &event.Event{
			Type: "stay", User: "ann", Time: t0.Add(time.Duration(i) * time.Hour), Value: stay.seconds, HasValue: true,
			Context: event.Attributes{{Key: "channel", Value: text(stay.channel)}},
		}
		q.Begin("ann", e.Context, e.Time)
		s.Apply(q, e, NoItem)
	}
	q.Begin("ann", nil, t0.Add(24*time.Hour))
	q.prepare()
	got := map[uint64]float32{}
	for i, id := range q.cats[0].list {
		got[id] = q.cats[0].weights[i]
	}
	if len(got) != 2 || got[hashString("music")] != 2./3 || got[hashString("sport")] != 1./3 {
		t.Errorf("distribution %v, want music 2/3 and sport 1/3", got)
	}
}

func TestAValueBeyondAWeightsRangeStaysFinite(t *testing.T) {
	s := storeOf(t, []Definition{{Name: "v", Kind: "last_k", On: On("dwell"), Value: "value * 1e300", N: 2, As: "values"}}, Options{})
	q := s.NewQuery()
	do(s, q, "dwell", "ann", "", t0)
	q.Begin("ann", nil, t0)
	for _, x := range q.Shared().Values {
		if math.IsInf(float64(x), 0) || x != x {
			t.Errorf("a weight is %v", x)
		}
	}
}

func TestWrongSequencesAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		def  Definition
		key  string
		want string
	}{
		{"no entries", Definition{Kind: "last_k", On: On("click"), N: 65}, "n", "must be 1 to 64"},
		{"n is needed", Definition{Kind: "first_k", On: On("click")}, "n", "is missing: a first_k needs it, entries kept, 1–64: 24 bytes each"},
		{"negative window", Definition{Kind: "first_k", On: On("click"), N: 2, Window: -1}, "window", "must be longer than 0"},
		{"negative window of last", Definition{Kind: "last", On: On("click"), Window: -1}, "window", "must be longer than 0"},
		{"tiles", Definition{Kind: "last_k", On: On("click"), N: 2, Window: time.Hour, Slide: time.Minute}, "slide",
			"is not read by last_k, which reads on, n, value, outcomes, scope, window, windows, ttl, scale, shift, as"},
		{"mean of items", Definition{Kind: "last_k", On: On("click"), N: 2, Value: "item", As: "mean"}, "value",
			`"item" is no number: name a field or an expression, such as item.price`},
		{"number of items", Definition{Kind: "last", On: On("click"), Value: "item", As: "number"}, "value",
			`"item" is no number: name a field or an expression, such as item.price`},
		{"unknown form", Definition{Kind: "last", On: On("click"), As: "vector"}, "as", `"vector" is none of auto, number, log, sqrt, id`},
		{"no events", Definition{Kind: "last"}, "on", "is missing: a last needs it, events remembered"},
	} {
		t.Run(tc.name, func(t *testing.T) { refused(t, tc.def, tc.key, tc.want) })
	}
}

// refused checks that a definition is, with that key and message.
func refused(t *testing.T, d Definition, key, want string) {
	t.Helper()
	d.Name = "x"
	_, err := New([]Definition{d}, Options{})
	if de, ok := err.(*DefinitionError); !ok || de.Key != key || de.Reason() != want {
		t.Errorf("error %v, want %s: %s", err, key, want)
	}
}
