package features

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
)

// presenceTwins recount who is where.
func presenceTwins() []twinKind {
	inRoom, room := []string{"user", "context.room"}, []string{"context.room"}
	enter, exit := On("enter"), On("exit")
	return []twinKind{
		{
			kind: "presence",
			defs: []Definition{
				{Kind: "presence", Scope: []string{"user"}, On: enter, Off: exit},
				{Kind: "presence", Scope: inRoom, On: enter, Off: exit, Timeout: 10 * time.Minute},
				{Kind: "presence", Scope: inRoom, On: On("enter", "click"), Timeout: 24 * time.Hour},
				{Kind: "presence", N: 10, Scope: room, On: enter, Off: exit},
				{Kind: "presence", N: 10, Scope: room, On: On("enter", "click"), Off: Selection{Types: []string{"exit", "dwell"}, Where: `context.device == "ios"`}, Timeout: 10 * time.Minute, As: "log"},
				{Kind: "presence", N: 10, On: On("click"), Off: On("exit"), Timeout: time.Hour},
				{Kind: "presence", N: 10, Scope: []string{"item"}, On: On("exposure"), Timeout: 2 * time.Hour},
				{Kind: "presence", N: 10, Scope: []string{"session"}, On: enter, Off: exit, TTL: time.Hour},
			},
			recount: recountPresence,
		},
		{
			kind: "stay",
			defs: []Definition{
				{Kind: "stay", Scope: inRoom, On: enter, Off: exit},
				{Kind: "stay", Scope: inRoom, On: enter, Off: exit, As: "last"},
				{Kind: "stay", Scope: inRoom, On: enter, Off: exit, Timeout: 2 * time.Hour},
				{Kind: "stay", Scope: inRoom, On: enter, Off: exit, Timeout: 2 * time.Hour, As: "last"},
				{Kind: "stay", Scope: []string{"user", "item"}, On: On("click"), Timeout: 24 * time.Hour, As: "last"},
				{Kind: "stay", Scope: []string{"user", "item"}, On: On("click"), Timeout: 12 * time.Hour},
			},
			recount: recountStay,
		},
	}
}

// twinMotions are the events of each user from the first entry or exit on, in the order of the log.
func twinMotions(r *twinRead) map[string][]*twinEvent {
	out := map[string][]*twinEvent{}
	for _, e := range r.log {
		told := e.in(r.def.On) || e.in(r.def.Off)
		if told || r.def.Timeout > 0 && len(out[e.User]) > 0 {
			out[e.User] = append(out[e.User], e)
		}
	}
	return out
}

func recountPresence(r *twinRead) twinValue {
	n := 0.0
	for _, log := range twinMotions(r) {
		var last, told *twinEvent // the newest, and the newest entry or exit
		for _, e := range log {
			long := r.def.Timeout + 24*time.Hour
			if told != nil && r.def.Timeout > 0 && !told.in(r.def.Off) && e.Time.Sub(last.Time) > long {
				told, last = nil, nil
			}
			if e.in(r.def.On) || e.in(r.def.Off) {
				if told == nil || e.Time >= told.Time {
					told = e
				}
			} else if told == nil {
				continue
			}
			if last == nil || e.Time >= last.Time {
				last = e
			}
		}
		if told != nil && !told.in(r.def.Off) && (r.def.Timeout == 0 || r.now.Sub(last.Time) <= r.def.Timeout) {
			n++
		}
	}
	return twinNumber(twinForm(r.def.As, n))
}

func recountStay(r *twinRead) twinValue {
	log := slices.Clone(twinMotions(r)[r.at.User])
	slices.SortStableFunc(log, func(a, b *twinEvent) int { return int(a.Time - b.Time) })
	last, since, active := math.NaN(), event.Time(0), event.Time(0) // since 0: not there
	for i := 0; i <= len(log); i++ {
		at := r.now
		if i < len(log) {
			at = log[i].Time
		}
		silence := at.Sub(active)
		lost := since != 0 && r.def.Timeout > 0 && silence > r.def.Timeout
		if lost {
			last, since = active.Sub(since).Seconds(), 0
		}
		if i == len(log) {
			break
		}
		e := log[i]
		switch {
		case e.in(r.def.Off) && since != 0:
			last, since = e.Time.Sub(since).Seconds(), 0
		case e.in(r.def.On) && since == 0, lost && !e.in(r.def.Off) && silence <= r.def.Timeout+24*time.Hour:
			since = e.Time
		}
		active = e.Time
	}
	switch {
	case r.def.As == "last":
		return twinNumber(last)
	case since == 0:
		return twinNumber(math.NaN())
	}
	return twinNumber(r.now.Sub(since).Seconds())
}

// Only the last marks are kept: as long as what is late is not older than they are, it makes no difference.
func TestAStayOfManyEventsEqualsItsRecount(t *testing.T) {
	def := Definition{Name: "x", Kind: "stay", Scope: []string{"user"}, On: On("enter"), Off: On("exit"), Timeout: 20 * time.Second}
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 5))
		v := visits{event.Time(def.Timeout)}
		s := slot{make([]uint64, 6), new(bags)}
		w := newTwin()
		now := t0
		for range 400 {
			now += event.Time(rng.Int64N(int64(12 * time.Second)))
			e := event.Event{User: "ann", Type: []string{"like", "enter", "exit", "like"}[rng.IntN(4)], Time: now - event.Time(rng.Int64N(int64(20*time.Second)))}
			w.log = append(w.log, w.at(e))
			v.mark(s, e.Time, map[string]motion{"like": acted, "enter": entered, "exit": left}[e.Type])
			for _, as := range []string{"current", "last"} {
				def.As = as
				at := now + event.Time(rng.Int64N(int64(30*time.Second)))
				want := recountStay(&twinRead{def: def, at: w.at(event.Event{User: "ann"}), now: at, twin: w, log: w.log}).number
				got, c := math.NaN(), v.now(s, at)
				if as == "current" && c.there {
					got = float64(at-c.since) / 1e9
				} else if as == "last" && c.over {
					got = float64(c.last) / 1e9
				}
				if math.Abs(got-want) > 1e-9 || (got == got) != (want == want) {
					t.Fatalf("seed %d, after %d events: %s %v, a recount %v", seed, len(w.log), as, got, want)
				}
			}
		}
		if n := len(s.bag(0)); n > maxMarks*markWords {
			t.Errorf("%d words of marks", n)
		}
	}
}

func TestACrowdBeyondItsBoundKeepsWhoWasActiveLast(t *testing.T) {
	c := crowd{n: 3, timeout: event.Time(time.Hour)}
	s := slot{make([]uint64, 1), new(bags)}
	second := event.Time(time.Second)
	for i := range event.Time(5) {
		c.move(s, uint64(100-i), t0+i*second, entered)
	}
	c.move(s, 7, t0-second, entered) // older than all who are remembered
	c.move(s, 98, t0+9*second, left)
	if n := c.count(s, t0+10*second); n != 2 {
		t.Errorf("%d people, want 2 of the last 3", n)
	}
	c.move(s, 50, t0+100*event.Time(time.Hour), entered)
	if b := s.bag(0); len(b) != memberWords || b[0] != 50 {
		t.Errorf("after days of silence there are %d words", len(b))
	}
}

func TestARoomIsLeftByExitAndBySilence(t *testing.T) {
	s := storeOf(t, []Definition{
		{Name: "here", Kind: "presence", Scope: []string{"user", "context.room"}, On: On("enter"), Off: On("exit"), Timeout: time.Minute},
		{Name: "people", Kind: "presence", Scope: []string{"context.room"}, On: On("enter"), Off: On("exit"), Timeout: time.Minute},
		{Name: "for", Kind: "stay", Scope: []string{"user", "context.room"}, On: On("enter"), Off: On("exit"), Timeout: time.Minute},
		{Name: "was", Kind: "stay", Scope: []string{"user", "context.room"}, On: On("enter"), Off: On("exit"), Timeout: time.Minute, As: "last"},
	}, Options{})
	q := s.NewQuery()
	context := event.Attributes{{Key: "room", Value: text("chess")}}
	at := func(seconds int) event.Time { return t0.Add(time.Duration(seconds) * time.Second) }
	step := func(user, typ string, seconds int) {
		e := &event.Event{Type: typ, User: user, Time: at(seconds), Context: context}
		q.Begin(user, context, e.Time)
		s.Apply(q, e, NoItem)
	}
	nan := math.NaN()
	check := func(seconds int, want ...float64) {
		t.Helper()
		q.Begin("ann", context, at(seconds))
		q.prepare()
		for i, x := range want {
			if got := q.nums[i]; got != x && (got == got || x == x) {
				t.Errorf("at %d s %s is %v, want %v", seconds, s.Columns()[i].Name, got, x)
			}
		}
	}
	check(0, 0, 0, nan, nan)
	step("ann", "enter", 0)
	step("bob", "enter", 5)
	step("ann", "comment", 40)
	check(50, 1, 2, 50, nan)
	check(65, 1, 2, 65, nan)
	check(66, 1, 1, 66, nan)
	check(100, 1, 1, 100, nan)
	check(101, 0, 0, nan, 40)
	step("ann", "comment", 200) // she never left
	check(210, 1, 1, 10, 40)
	step("ann", "exit", 220)
	check(221, 0, 0, nan, 20)
	step("ann", "comment", 90) // late: the silence was none, and is from 90 to 200
	check(221, 0, 0, nan, 20)
	step("ann", "comment", 145)
	check(221, 0, 0, nan, 220)
	step("ann", "enter", 210) // before the exit
	check(221, 0, 0, nan, 220)
}

func TestWrongPresencesAreRefused(t *testing.T) {
	presence := Definition{Kind: "presence", N: 10, On: On("enter"), Off: On("exit")}
	stay := Definition{Kind: "stay", On: On("enter"), Off: On("exit"), Scope: []string{"user"}}
	with := func(d Definition, change func(*Definition)) Definition { change(&d); return d }
	for _, tc := range []struct {
		name string
		def  Definition
		key  string
		want string
	}{
		{"nobody leaves", with(presence, func(d *Definition) { d.Off = Selection{} }), "off",
			"is missing, and so is timeout: nobody would ever leave; give one of them or both"},
		{"negative timeout", with(presence, func(d *Definition) { d.Timeout = -1 }), "timeout", "must be longer than 0"},
		{"exits of no type", with(presence, func(d *Definition) { d.Off = Selection{Where: "value > 1"} }), "off", `name the event types, or "*" for all`},
		{"too many people", with(presence, func(d *Definition) { d.N = 5000 }), "n", "must be 1 to 4000"},
		{"people of one", with(presence, func(d *Definition) { d.N, d.Scope = 10, []string{"user"} }), "n",
			"bounds the people of a scope without the user: there is one here"},
		{"a stay of a room", with(stay, func(d *Definition) { d.Scope = []string{"context.room"} }), "scope",
			"a stay is that of one user: name the user, as in [user, context.room]"},
		{"a stay of the world", with(stay, func(d *Definition) { d.Scope = nil }), "scope",
			"is missing: a stay needs it, a key that the user is part of, such as `[user, context.room]`"},
		{"a window", with(stay, func(d *Definition) { d.Window = time.Hour }), "window",
			"is not read by stay, which reads on, off, timeout, scope, ttl, scale, shift, as"},
	} {
		t.Run(tc.name, func(t *testing.T) { refused(t, tc.def, tc.key, tc.want) })
	}
}
