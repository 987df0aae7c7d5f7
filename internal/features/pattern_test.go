package features

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// onePattern is a pattern of a user's events.
func onePattern(name string, within time.Duration, emit Emit, steps ...Step) Pattern {
	return Pattern{Name: name, Scope: []string{"user"}, Within: within, Steps: steps, Emit: emit}
}

func flagFor(ttl time.Duration) Emit { return Emit{Feature: &MatchFeature{TTL: ttl}} }

// act plays one event of u1 some seconds after t0, with the watermark 3 s behind.
func (p *patternPlayer) act(i int, typ string, seconds float64) {
	at := t0 + event.Time(seconds*1e9)
	p.play(i, &event.Event{Type: typ, User: "u1", Item: "i1", Time: at}, at-twinLateness)
}

func (p *patternPlayer) read(name string, seconds float64) float64 {
	for _, v := range p.s.Values("u1", nil, NoItem, t0+event.Time(seconds*1e9)) {
		if v.Name == name {
			return v.Number
		}
	}
	p.t.Fatalf("no feature %s", name)
	return 0
}

func TestAMatchShowsInEachFormUntilItsTimeIsOver(t *testing.T) {
	form := func(name, as string) Pattern {
		return onePattern(name, time.Minute, Emit{Feature: &MatchFeature{TTL: 10 * time.Second, As: as}},
			Step{On: On("a")}, Step{FollowedBy: On("b")})
	}
	p := newPatternPlayer(t, []Definition{{Name: "twice", Kind: "expr", Expr: "flag * 2"}}, form("flag", ""), form("since", "time_since"), form("count", "count"))
	for i, typ := range []string{"a", "b", "a", "b", "a"} {
		p.act(i, typ, float64(i))
	}
	for _, tc := range []struct{ at, flag, since, count float64 }{
		{4, 1, 1, 2}, {10.9, 1, 7.9, 2}, {11, 1, 8, 1}, {12.999999999, 1, 9.999999999, 1}, {13, 0, math.NaN(), 0},
	} {
		for name, want := range map[string]float64{"flag": tc.flag, "twice": 2 * tc.flag, "since": tc.since, "count": tc.count} {
			if got := p.read(name, tc.at); math.Abs(got-want) > 1e-9 || math.IsNaN(got) != math.IsNaN(want) {
				t.Errorf("%s is %v %v s after the beginning, want %v", name, got, tc.at, want)
			}
		}
	}
	if p.act(5, "x", 100); len(p.s.matchers.byKey) != 0 {
		t.Errorf("%d keys are remembered when all is over", len(p.s.matchers.byKey))
	}
}

func TestACountKnowsTheNewestMatches(t *testing.T) {
	p := newPatternPlayer(t, nil, onePattern("n", time.Second, Emit{Feature: &MatchFeature{TTL: time.Hour, As: "count"}}, Step{On: On("a")}))
	for i := range 3 * maxShown {
		p.act(i, "a", float64(i))
	}
	if got := p.read("n", 3*maxShown); got != maxShown {
		t.Errorf("%v matches show, want %d", got, maxShown)
	}
}

func TestTheOldestUnfinishedMatchGivesWay(t *testing.T) {
	spec := onePattern("p", time.Hour, flagFor(time.Minute), Step{On: On("a")}, Step{FollowedBy: On("b")})
	spec.Runs, spec.Skip = 3, SkipNone
	p := newPatternPlayer(t, nil, spec)
	for i := range 5 {
		p.act(i, "a", float64(i))
	}
	p.act(5, "b", 5)
	want := "first 2000000000 at 5000000000 last 5|first 3000000000 at 5000000000 last 5|first 4000000000 at 5000000000 last 5"
	if got := strings.Join(p.out["p"], "|"); got != want {
		t.Errorf("matches\n%s\nwant\n%s", got, want)
	}
	if stats := p.s.PatternStats()[0]; stats.GivenUp != 2 || stats.Matches != 3 {
		t.Errorf("%+v, want 2 given up and 3 matches", stats)
	}
}

// A pattern over events that another one makes when time passes sees each of them, in event time too: none is late.
func TestWhatPatternsMakeIsSeenByPatternsInTheSameStep(t *testing.T) {
	quiet := onePattern("quiet", 10*time.Second, Emit{Event: &MatchEvent{Type: "silence", Value: "first.value"}}, Step{On: On("a")}, Step{NotFollowedBy: On("b")})
	for _, order := range []string{OrderArrival, OrderEventTime} {
		twice := onePattern("twice", 45*time.Second, flagFor(time.Hour), Step{On: On("silence"), Times: 2})
		twice.Order, twice.Skip = order, SkipNone
		p := newPatternPlayer(t, []Definition{{Name: "silences", Kind: "count", Scope: []string{"user"}, On: On("silence")}}, quiet, twice)
		for i := range 3 {
			p.act(i, "a", float64(i))
		}
		p.act(3, "c", 60) // all three waits end at once
		if got := p.read("silences", 60); got != 3 {
			t.Errorf("%s: %v silences were counted, want 3", order, got)
		}
		p.act(4, "a", 61)
		p.act(5, "c", 100)
		if got := p.read("silences", 100); got != 4 || len(p.out["quiet"]) != 4 || len(p.out["twice"]) != 2 {
			t.Errorf("%s: %v silences, %v and %v, want 4, 4 and 2: the last is almost a minute apart", order, got, p.out["quiet"], p.out["twice"])
		}
		p.act(6, "a", 101)
		p.act(7, "c", 130)
		if got := p.out["twice"]; len(got) != 3 {
			t.Errorf("%s: %v, want the silences at 71 s and 111 s to match", order, got)
		}
		if n := p.s.PatternStats()[1].Late; n != 0 {
			t.Errorf("%s: %d events were late", order, n)
		}
	}
}

func TestADerivedEventHasWhatItsStepHas(t *testing.T) {
	spec := onePattern("p", time.Hour, Emit{Event: &MatchEvent{Type: "made", Value: "duration + x.value", From: "x"}},
		Step{Name: "x", On: On("a")}, Step{FollowedBy: On("b")})
	p := newPatternPlayer(t, []Definition{
		{Name: "made_by_room", Kind: "sum", Scope: []string{"context.room"}, On: On("made")},
		{Name: "made_by_item", Kind: "count", Scope: []string{"item"}, On: On("made")},
		{Name: "made_by_session", Kind: "count", Scope: []string{"session"}, On: On("made")},
	}, spec)
	room := func(s string) event.Attributes { return event.Attributes{{Key: "room", Value: text(s)}} }
	p.play(0, &event.Event{Type: "a", User: "u1", Item: "i1", Session: "s1", Time: t0, Value: 5, HasValue: true, Context: room("r1")}, t0)
	p.play(1, &event.Event{Type: "b", User: "u1", Item: "i2", Session: "s2", Time: t0 + 3e9, Context: room("r2")}, t0)
	for _, tc := range []struct {
		item, room, session   string
		byRoom, byItem, bySes float64
	}{{"i1", "r1", "s1", 8, 1, 1}, {"i2", "r2", "s2", 0, 0, 0}} {
		ref, _ := p.s.LookupItem(tc.item)
		context := append(room(tc.room), event.Attribute{Key: "session", Value: text(tc.session)})
		for _, v := range p.s.Values("u1", context, ref, t0+4e9) {
			want := map[string]float64{"made_by_room": tc.byRoom, "made_by_item": tc.byItem, "made_by_session": tc.bySes}[v.Name]
			if v.Number != want {
				t.Errorf("%s of %s, %s and %s is %v, want %v", v.Name, tc.item, tc.room, tc.session, v.Number, want)
			}
		}
	}
	if recent := p.s.NewQuery(); true {
		recent.Begin("u1", nil, t0+4e9)
		if got := recent.Recent(nil, 10); len(got) != 2 {
			t.Errorf("recall remembers %d events, want the two of the log", len(got))
		}
	}
}

func TestWrongPatternsNameTheirKey(t *testing.T) {
	a, b := Step{Name: "x", On: On("a")}, Step{FollowedBy: On("b")}
	minute := flagFor(time.Minute)
	where := func(text string) Step { return Step{FollowedBy: Selection{Types: []string{"b"}, Where: text}} }
	for _, tc := range []struct {
		name string
		spec Pattern
		want string
	}{
		{"no name", onePattern("", time.Minute, minute, a, b), "name: a pattern needs a name"},
		{"no time", onePattern("p", 0, minute, a, b), "within: must be longer than 0"},
		{"a negative time", onePattern("p", -1, minute, a, b), "within: must be longer than 0"},
		{"another order", Pattern{Name: "p", Within: 1, Order: "reverse"}, `order: "reverse" is none of arrival, event_time`},
		{"another strategy", Pattern{Name: "p", Within: 1, Skip: "all"}, `skip: "all" is none of past_last, to_next, none`},
		{"too many runs", Pattern{Name: "p", Within: 1, Runs: 5000}, "runs: must lie between 1 and 1024"},
		{"a wrong scope", Pattern{Name: "p", Within: 1, Scope: []string{"people"}}, `scope: "people" is not`},
		{"no steps", onePattern("p", time.Minute, minute), "steps: a pattern needs a step"},
		{"too many steps", onePattern("p", time.Minute, minute, make([]Step, 33)...), "steps: at most 32"},
		{"no beginning", onePattern("p", time.Minute, minute, Step{Name: "x"}), "steps[0]: the first step needs on"},
		{"a first step that follows", onePattern("p", time.Minute, minute, b), "steps[0].followed_by: the first step follows nothing: write on"},
		{"a first step that must not come", onePattern("p", time.Minute, minute, Step{NotFollowedBy: On("b")}), "steps[0].not_followed_by: the first step"},
		{"a second beginning", onePattern("p", time.Minute, minute, a, Step{On: On("b")}), "steps[1].on: on is for the first step"},
		{"an empty step", onePattern("p", time.Minute, minute, a, Step{Name: "y"}), "steps[1]: a step needs next, followed_by or not_followed_by"},
		{"two in one", onePattern("p", time.Minute, minute, a, Step{Next: On("b"), FollowedBy: On("c")}), "steps[1].followed_by: a step has one of"},
		{"a condition without types", onePattern("p", time.Minute, minute, Step{On: Selection{Where: "value > 1"}}), "steps[0].on: name the event types"},
		{"negative times", onePattern("p", time.Minute, minute, Step{On: On("a"), Times: -1}), "steps[0].times: must lie between 1 and 1000"},
		{"times of what must not come", onePattern("p", time.Minute, minute, a, Step{NotFollowedBy: On("b"), Times: 2}), "steps[1].times: what must not come"},
		{"consecutive alone", onePattern("p", time.Minute, minute, Step{On: On("a"), Consecutive: true}), "steps[0].consecutive: is about several events"},
		{"a name that is no name", onePattern("p", time.Minute, minute, Step{Name: "my step", On: On("a")}), `steps[0].name: "my step" must consist of letters`},
		{"a name that is taken", onePattern("p", time.Minute, minute, Step{Name: "item", On: On("a")}), `steps[0].name: "item" means something else`},
		{"two of a name", onePattern("p", time.Minute, minute, a, Step{Name: "x", Next: On("b")}), `steps[1].name: "x" is the name of a step above`},
		{"a mistake in a condition", onePattern("p", time.Minute, minute, a, where("value >")), "steps[1].followed_by.where: 1:"},
		{"a field that is none", onePattern("p", time.Minute, minute, a, where("valu > 1")), `steps[1].followed_by.where: 1:1: no "valu" here`},
		{"a field of a step that is none", onePattern("p", time.Minute, minute, a, where("value > x.valu")), `steps[1].followed_by.where: 1:9: no "valu" here`},
		{"a step that is none", onePattern("p", time.Minute, minute, a, where("value > y.value && x.item == item")), "or say before a dot whose: first, x"},
		{"a comparison of a number with a text", onePattern("p", time.Minute, minute, a, where("value == x.item")), "steps[1].followed_by.where: 1:"},
		{"no output", onePattern("p", time.Minute, Emit{}, a, b), "emit: give feature, event or webhook"},
		{"no time to live", onePattern("p", time.Minute, Emit{Feature: &MatchFeature{As: "flag"}}, a, b), "emit.feature.ttl: must be longer than 0"},
		{"another form", onePattern("p", time.Minute, Emit{Feature: &MatchFeature{TTL: 1, As: "rate"}}, a, b), `emit.feature.as: "rate" is none of flag, time_since, count`},
		{"an event without a type", onePattern("p", time.Minute, Emit{Event: &MatchEvent{Value: "1"}}, a, b), "emit.event.type: must name the type"},
		{"an event of all types", onePattern("p", time.Minute, Emit{Event: &MatchEvent{Type: "*"}}, a, b), "emit.event.type: must name the type"},
		{"an event from nowhere", onePattern("p", time.Minute, Emit{Event: &MatchEvent{Type: "c", From: "y"}}, a, b), `emit.event.from: "y" is not the name of a step`},
		{"a value that is a text", onePattern("p", time.Minute, Emit{Event: &MatchEvent{Type: "c", Value: "x.item"}}, a, b), "must be a number, not a string"},
		{"a circle of one", onePattern("p", time.Minute, Emit{Event: &MatchEvent{Type: "a"}}, a, b), "emit.event.type: a match would lead to itself: p -> p"},
		{"a circle through all types", onePattern("p", time.Minute, Emit{Event: &MatchEvent{Type: "new"}}, a, Step{Next: On(AnyType)}), "a match would lead to itself: p -> p"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(nil, Options{Patterns: []Pattern{onePattern("before", 1, minute, a), tc.spec}})
			var e *PatternError
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *PatternError", err)
			}
			if got := e.Key + ": " + e.Reason(); !strings.HasPrefix(got, tc.want) && !strings.Contains(got, tc.want) || e.Index != 1 || e.Name != tc.spec.Name {
				t.Errorf("pattern %d, %q: %s\nwant %s", e.Index, e.Name, got, tc.want)
			}
		})
	}
}

func TestPatternsThatLeadToEachOtherAreRefused(t *testing.T) {
	p := func(name, on, makes string) Pattern {
		return onePattern(name, time.Minute, Emit{Event: &MatchEvent{Type: makes}}, Step{On: On(on)})
	}
	_, err := New(nil, Options{Patterns: []Pattern{p("start", "a", "b"), p("p", "b", "c"), p("q", "c", "d"), p("r", "d", "b")}})
	if err == nil || !strings.Contains(err.Error(), "p -> q -> r -> p") {
		t.Errorf("got %v", err)
	}
	if _, err := New(nil, Options{Patterns: []Pattern{p("start", "a", "b"), p("p", "b", "c"), p("q", "b", "c"), p("r", "c", "d")}}); err != nil {
		t.Errorf("a lattice is refused: %v", err)
	}
	_, err = New([]Definition{{Name: "p", Kind: "count", On: On("a")}}, Options{Patterns: []Pattern{onePattern("p", 1, flagFor(1), Step{On: On("a")})}})
	if err == nil || !strings.Contains(err.Error(), `"p" is defined twice`) {
		t.Errorf("a feature with a pattern's name: %v", err)
	}
}

// busyPattern has everything that an entry can hold.
func busyPattern() Pattern {
	spec := onePattern("busy", time.Hour, Emit{Feature: &MatchFeature{TTL: time.Hour, As: "count"}, Event: &MatchEvent{Type: "made", From: "x"}},
		Step{Name: "x", On: On("a")}, Step{Name: "y", FollowedBy: Selection{Types: []string{"b"}, Where: "value > x.value"}}, Step{NotFollowedBy: On("c")})
	spec.Order = OrderEventTime
	return spec
}

func busyEntries(t testing.TB) map[string][]byte {
	p := newPatternPlayer(t, nil, busyPattern())
	for i, typ := range []string{"a", "b", "a", "d", "b", "a", "a"} {
		at := t0 + event.Time(i)*1e9
		p.play(i, &event.Event{Type: typ, User: "u1", Item: "i1", Time: at, Value: float64(i), HasValue: true, Context: device("ios")}, at-twinLateness)
	}
	p.save()
	return p.disk
}

func FuzzLoadOfAMatcher(f *testing.F) {
	for key, value := range busyEntries(f) {
		if key[0] == prefixMatch {
			f.Add([]byte(key), value)
			f.Add([]byte(key), value[:len(value)/2])
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		s, err := New(nil, Options{Patterns: []Pattern{busyPattern()}})
		if err != nil {
			t.Fatal(err)
		}
		key = append([]byte{prefixMatch}, key...)
		if ok, err := s.Load(key, value, dirty.SumOf(key, value)); !ok || err != nil {
			return
		}
		// What could be loaded can be lived with.
		s.Advance(math.MaxInt64 / 2)
		_ = fmt.Sprint(s.PatternStats())
	})
}

func hookPattern() Pattern {
	return onePattern("p", time.Minute, Emit{Webhook: true}, Step{Name: "x", On: On("a")}, Step{Name: "y", FollowedBy: On("b")}, Step{FollowedBy: On("c")})
}

func TestOutputsAreStateFromTheRecordThatOpensTheOutboxToTheOneThatSaysTheyAreDelivered(t *testing.T) {
	p := newPatternPlayer(t, nil, hookPattern())
	three := func(from int) {
		for i, typ := range []string{"a", "b", "c"} {
			p.act(from+i, typ, float64(from+i))
		}
	}
	outputs := func() (ids []string) {
		for _, o := range p.s.Outputs(100, func(string) bool { return false }) {
			ids = append(ids, o.ID)
		}
		slices.Sort(ids)
		return ids
	}
	want := func(when string, ids ...string) {
		t.Helper()
		for range 2 {
			if got := outputs(); !slices.Equal(got, ids) {
				t.Errorf("%s: %v, want %v", when, got, ids)
			}
			p.reopen() // and after a restart
		}
	}
	three(0)
	want("not open")
	p.s.SetOutbox([]string{"p 000000000000"})
	three(3)
	want("open for another version")
	p.s.SetOutbox([]string{hookPattern().Hook()})
	three(6)
	three(9)
	want("open", "0-11-p-0", "0-8-p-0")
	body := string(p.s.Outputs(1, func(id string) bool { return id != "0-8-p-0" })[0].Body)
	event := func(typ, second string) string {
		return `{"type":"` + typ + `","user":"u1","item":"i1","ts":"2023-11-14T22:13:` + second + `Z"}`
	}
	if want := `{"id":"0-8-p-0","pattern":"p","time":"2023-11-14T22:13:28Z","first":"2023-11-14T22:13:26Z","event":` + event("c", "28") +
		`,"steps":{"x":` + event("a", "26") + `,"y":` + event("b", "27") + `}}`; body != want {
		t.Errorf("body\n%s\nwant\n%s", body, want)
	}
	p.s.RemoveOutputs([]string{"0-8-p-0", "0-1-q-0"})
	want("one delivered", "0-11-p-0")
	p.s.SetOutbox(nil)
	three(12)
	want("shut", "0-11-p-0")
	p.s.DiscardOutputs()
	want("discarded")
	if p.save(); len(p.disk) != 3 { // the user, the item, the type
		for k := range p.disk {
			if k[0] == prefixOut {
				t.Errorf("%q is stored, though nothing is open nor waits", k)
			}
		}
	}
}

func TestAnAdoptedStoreHasTheOutboxThatTheLogSays(t *testing.T) {
	v := newVault()
	was := hookPattern()
	before := storeOf(t, nil, Options{Patterns: []Pattern{was}})
	is := was
	is.Within = time.Hour
	kept := onePattern("kept", time.Minute, Emit{Webhook: true}, Step{On: On("a")})
	next := storeOf(t, nil, Options{Patterns: []Pattern{is, kept}})
	for _, s := range []*Store{before, next} {
		q := s.NewQuery()
		s.SetOutbox([]string{was.Hook(), kept.Hook()})
		for i, typ := range []string{"a", "b", "c", "a"} {
			s.At(0, int64(i))
			do(s, q, typ, "u1", "i1", t0.Add(time.Duration(i)*time.Second))
		}
	}
	c := v.cut(before)
	c.flush(1000)
	c.commit()
	if err := before.Adopt(next, 0); err != nil {
		t.Fatal(err)
	}
	c = v.cut(before)
	c.flush(1000)
	c.commit()
	var ids []string
	for key := range v.entries {
		if key[0] == prefixOut && len(key) > 1 {
			ids = append(ids, key[1:])
		}
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"0-0-kept-0", "0-3-kept-0"}) {
		t.Errorf("stored are %v: the changed pattern's match belongs to nobody", ids)
	}
	if got := before.OutboxStats(); !slices.Equal(got.Wanted, []string{kept.Hook(), is.Hook()}) || slices.Equal(got.Open, got.Wanted) {
		t.Errorf("%+v: the new version is to be opened", got)
	}
}
