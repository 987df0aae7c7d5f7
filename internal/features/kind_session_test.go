package features

import (
	"math"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
)

// sessionTwins recount runs of activity, and days.
func sessionTwins() []twinKind {
	user, all, days := []string{"user"}, On(AnyType), 24*time.Hour
	return []twinKind{
		{
			kind: "session_length",
			defs: []Definition{
				{Kind: "session_length", Scope: user, On: all, Gap: 30 * time.Minute, N: 1024},
				{Kind: "session_length", Scope: user, On: all, Gap: 30 * time.Minute, N: 1024, As: "last"},
				{Kind: "session_length", Scope: user, On: On("click", "like"), Gap: 10 * time.Second, N: 1024, Window: days, As: "mean"},
				{Kind: "session_length", Scope: user, On: all, Gap: time.Minute, N: 1024, As: "total"},
				{Kind: "session_length", Scope: []string{"context.room"}, On: all, Gap: 5 * time.Second, N: 250, Window: time.Hour, As: "total"},
				{Kind: "session_length", Scope: []string{"session"}, On: all, Gap: time.Minute, TTL: time.Hour, As: "mean"},
			},
			recount: recountSessions,
		},
		{
			kind: "session_count",
			defs: []Definition{
				{Kind: "session_count", Scope: user, On: all, Gap: 30 * time.Minute, N: 1024},
				{Kind: "session_count", Scope: user, On: On("click"), Gap: time.Minute, N: 1024, Windows: []time.Duration{time.Hour, 7 * days}, As: "log"},
				{Kind: "session_count", Scope: []string{"user", "context.room"}, On: all, Gap: time.Minute, TTL: 2 * time.Hour},
			},
			recount: recountSessions,
		},
		{
			kind: "retention",
			defs: []Definition{
				{Kind: "retention", Scope: user, On: all, Window: 64 * days},
				{Kind: "retention", Scope: user, On: On("click"), Windows: []time.Duration{days, 7 * days}, As: "share"},
				{Kind: "retention", Scope: user, On: all, Window: 64 * days, As: "streak"},
				{Kind: "retention", Scope: []string{"context.device"}, On: all, Window: 3 * days, As: "streak"},
				{Kind: "retention", Scope: []string{"item.categories[0]"}, On: On("like"), Window: 3 * days, As: "days_since_first"},
				{Kind: "retention", Scope: []string{"context.room"}, On: On("like"), Window: 3 * days, As: "days"},
			},
			recount: recountRetention,
		},
	}
}

// twinSessions sorts all instants, and cuts where the silence is longer than the gap.
func twinSessions(r *twinRead) (out []session) {
	var times []event.Time
	for _, s := range r.chosen(r.def.On, "1") {
		times = append(times, s.Time)
	}
	slices.Sort(times)
	for _, t := range times {
		if n := len(out); n > 0 && t.Sub(out[n-1].end) <= r.def.Gap {
			out[n-1].end = t
		} else {
			out = append(out, session{t, t})
		}
	}
	return out
}

func recountSessions(r *twinRead) twinValue {
	all := twinSessions(r)
	n, total := 0.0, 0.0
	for _, s := range all {
		if young(r, s.end) {
			n, total = n+1, total+s.length()
		}
	}
	if r.def.Kind == "session_count" {
		return twinNumber(twinForm(r.def.As, n))
	}
	under := len(all) > 0 && r.now.Sub(all[len(all)-1].end) <= r.def.Gap
	switch r.def.As {
	case "total":
		return twinNumber(total)
	case "mean":
		return twinNumber(total / n)
	case "last":
		if under {
			all = all[:len(all)-1]
		}
		if len(all) == 0 {
			return twinNumber(math.NaN())
		}
		return twinNumber(all[len(all)-1].length())
	}
	if !under {
		return twinNumber(math.NaN())
	}
	return twinNumber(r.now.Sub(all[len(all)-1].start).Seconds())
}

func recountRetention(r *twinRead) twinValue {
	const day = 24 * time.Hour
	today, active, first := r.now.Time().Truncate(day), map[time.Time]bool{}, math.NaN()
	for _, s := range r.chosen(r.def.On, "1") {
		that := s.Time.Time().Truncate(day)
		active[that] = true
		if since := today.Sub(that).Hours() / 24; !(since <= first) {
			first = since
		}
	}
	days, streak, ended := 0.0, 0.0, false
	for i := range int(r.def.Window / day) {
		switch on := active[today.AddDate(0, 0, -i)]; {
		case on:
			days++
			if !ended {
				streak++
			}
		case i > 0:
			ended = true
		}
	}
	switch r.def.As {
	case "share":
		return twinNumber(days / float64(r.def.Window/day))
	case "streak":
		return twinNumber(streak)
	case "days_since_first":
		return twinNumber(first)
	}
	return twinNumber(days)
}

// The first sessions are forgotten one by one, and still count in what has no window.
func TestSessionsBeyondTheBoundCountInTotalsOnly(t *testing.T) {
	v := sessions{gap: 10, n: 3}
	s := slot{make([]uint64, 3), new(bags)}
	for i := range event.Time(5) {
		v.add(s, 1000+i*100)
		v.add(s, 1000+i*100+4)
	}
	v.add(s, 500)  // older than what is kept
	v.add(s, 1214) // joins the first one that is
	if n, seconds := v.total(s, 2000, 0); n != 5 || math.Abs(seconds-30e-9) > 1e-15 {
		t.Errorf("%v sessions of %v s, want 5 of 30e-9", n, seconds)
	}
	if n, _ := v.total(s, 2000, 1500); n != 3 {
		t.Errorf("%v sessions in the window, want the 3 that are kept", n)
	}
}

func TestALateEventMakesOneSessionOfTwo(t *testing.T) {
	s := storeOf(t, []Definition{
		{Name: "n", Kind: "session_count", Scope: []string{"user"}, On: On("click"), Gap: 10 * time.Second},
		{Name: "now", Kind: "session_length", Scope: []string{"user"}, On: On("click"), Gap: 10 * time.Second},
	}, Options{})
	q := s.NewQuery()
	for _, tc := range []struct {
		at       time.Duration
		sessions float64
		current  float64 // at 30 s
	}{
		{0, 1, math.NaN()},
		{20*time.Second + 1, 2, 10 - 1e-9},
		{25 * time.Second, 2, 10 - 1e-9},
		{10 * time.Second, 2, 10 - 1e-9}, // 10 s after the first: still in its session, and 10 s and 1 ns before the second
		{15 * time.Second, 1, 30},
	} {
		do(s, q, "click", "ann", "mug", t0.Add(tc.at))
		n, now := value(t, s, "ann", "", "n", t0.Add(30*time.Second)), value(t, s, "ann", "", "now", t0.Add(30*time.Second))
		if n != tc.sessions || math.Abs(now-tc.current) > 1e-12 || (now == now) != (tc.current == tc.current) {
			t.Errorf("after the event at %v: %v sessions, the present one for %v s, want %v and %v", tc.at, n, now, tc.sessions, tc.current)
		}
	}
}

func TestWrongSessionsAreRefused(t *testing.T) {
	length := Definition{Kind: "session_length", On: On("click"), Gap: time.Minute}
	days := Definition{Kind: "retention", On: On("click"), Window: 24 * time.Hour}
	with := func(d Definition, change func(*Definition)) Definition { change(&d); return d }
	for _, tc := range []struct {
		name string
		def  Definition
		key  string
		want string
	}{
		{"no gap", with(length, func(d *Definition) { d.Gap = 0 }), "gap",
			"is missing: a session_length needs it, silence that ends a session: events that are further apart belong to two"},
		{"negative gap", with(length, func(d *Definition) { d.Gap = -1 }), "gap", "must be longer than 0"},
		{"too many", with(length, func(d *Definition) { d.N = 2000 }), "n", "must be 1 to 1024"},
		{"negative window", with(length, func(d *Definition) { d.Window, d.As = -1, "mean" }), "window", "must be longer than 0"},
		{"window of one", with(length, func(d *Definition) { d.Window = time.Hour }), "window", "is read as mean or total only: current is about one session"},
		{"no days", with(days, func(d *Definition) { d.Window = 0 }), "window",
			"is missing: a retention needs it, how many days are looked at, in whole days, 1d to 64d"},
		{"half a day", with(days, func(d *Definition) { d.Window = 36 * time.Hour }), "window", "must be whole days, 1d to 64d"},
		{"too many days", with(days, func(d *Definition) { d.Window = 65 * 24 * time.Hour }), "window", "must be whole days, 1d to 64d"},
		{"unknown form", with(days, func(d *Definition) { d.As = "mean" }), "as", `"mean" is none of days, share, streak, days_since_first`},
	} {
		t.Run(tc.name, func(t *testing.T) { refused(t, tc.def, tc.key, tc.want) })
	}
}
