package features

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// patternTwin is a random pattern in both forms.
type patternTwin struct {
	spec  Pattern
	naive naivePattern
}

var twinTypes = []string{"a", "b", "c"}

func randomTypes(rng *rand.Rand) []string {
	if rng.IntN(8) == 0 {
		return []string{AnyType}
	}
	types := []string{twinTypes[rng.IntN(len(twinTypes))]}
	if rng.IntN(3) == 0 {
		types = append(types, "d")
	}
	return types
}

// latest is the last event that a match has taken for the step whose events are those from begin to end.
func latest(taken []naiveEvent, begin, end int) (e naiveEvent, ok bool) {
	if last := min(len(taken), end); last > begin {
		return taken[last-1], true
	}
	return naiveEvent{}, false
}

// randomWhere is a condition in both forms; begins[i] and ends[i] bound the events of the i-th step that takes some.
func randomWhere(rng *rand.Rand, begins, ends []int) (string, func(*event.Event, []naiveEvent) bool) {
	switch rng.IntN(7) {
	case 0:
		return "value >= 2", func(e *event.Event, _ []naiveEvent) bool { return e.Value >= 2 }
	case 1:
		return "value >= first.value", func(e *event.Event, taken []naiveEvent) bool {
			return len(taken) > 0 && e.Value >= taken[0].Value
		}
	case 2:
		return "duration >= 3", func(e *event.Event, taken []naiveEvent) bool {
			lo, hi := span(append(slices.Clone(taken), naiveEvent{Event: e}))
			return hi-lo >= 3e9
		}
	case 3:
		j := rng.IntN(len(begins))
		return fmt.Sprintf("context.room == s%d.context.room", j), func(e *event.Event, taken []naiveEvent) bool {
			l, ok := latest(taken, begins[j], ends[j])
			return ok && e.Context[0].Value.Str == l.Context[0].Value.Str
		}
	}
	return "", nil
}

func randomPattern(rng *rand.Rand) patternTwin {
	within := time.Duration(3+rng.IntN(12)) * time.Second
	pt := patternTwin{
		spec:  Pattern{Name: "p", Scope: []string{"user"}, Within: within, Runs: 256, Emit: Emit{Feature: &MatchFeature{TTL: time.Hour, As: "count"}}},
		naive: naivePattern{within: event.Time(within)},
	}
	pt.spec.Skip = []string{"", SkipPastLast, SkipToNext, SkipNone}[rng.IntN(4)]
	if pt.naive.skip = pt.spec.Skip; pt.naive.skip == "" {
		pt.naive.skip = SkipPastLast
	}
	pt.spec.Order = []string{OrderArrival, OrderEventTime}[rng.IntN(2)]
	n := 1 + rng.IntN(3)
	var begins, ends, times []int
	for i := range n {
		times = append(times, 1)
		if rng.IntN(3) == 0 {
			times[i] = 2 + rng.IntN(2)
		}
		begins = append(begins, 0)
		if i > 0 {
			begins[i] = ends[i-1]
		}
		ends = append(ends, begins[i]+times[i])
	}
	add := func(name, way string, times int) {
		types := randomTypes(rng)
		where, naive := randomWhere(rng, begins, ends)
		st := Step{Name: name, Consecutive: times > 1 && rng.IntN(3) == 0}
		if times > 1 {
			st.Times = times
		}
		sel := Selection{Types: types, Where: where}
		switch way {
		case "on":
			st.On = sel
		case "next":
			st.Next = sel
		case "followed_by":
			st.FollowedBy = sel
		default:
			st.NotFollowedBy = sel
		}
		pt.spec.Steps = append(pt.spec.Steps, st)
		pt.naive.steps = append(pt.naive.steps, naiveStep{types: types, where: naive, step: st, negate: way == "not"})
	}
	for i := range n {
		way := "on"
		if i > 0 {
			for rng.IntN(3) == 0 {
				add("", "not", 1)
			}
			way = []string{"next", "followed_by", "followed_by"}[rng.IntN(3)]
		}
		add(fmt.Sprint("s", i), way, times[i])
	}
	if rng.IntN(3) == 0 {
		add("", "not", 1)
	}
	if rng.IntN(3) == 0 && !pt.types("made") {
		pt.spec.Emit.Event = &MatchEvent{Type: "made", Value: "duration", From: "s0"}
	}
	return pt
}

// types are those that the pattern's stream consists of.
func (pt *patternTwin) types(typ string) bool {
	return slices.ContainsFunc(pt.naive.steps, func(s naiveStep) bool { return slices.Contains(s.types, typ) || slices.Contains(s.types, AnyType) })
}

// patternTape is a random stream in disorder, some of it late, with gaps and leaps.
func patternTape(rng *rand.Rand, n int) (events []*event.Event) {
	now := t0
	for range n {
		now += event.Time(rng.IntN(4)) * 500e6 // often just the pattern's time apart
		switch rng.IntN(60) {
		case 0:
			now += 20e9
		case 1:
			now += event.Time(1+rng.IntN(300)) * 3600e9
		}
		at := now
		if rng.IntN(4) == 0 {
			at -= event.Time(rng.IntN(15)) * 500e6
		}
		events = append(events, &event.Event{
			Type: append(twinTypes, "d", "e")[rng.IntN(5)], User: fmt.Sprint("u", rng.IntN(2)), Item: fmt.Sprint("i", rng.IntN(3)), Time: at,
			Value: float64(rng.IntN(4)), HasValue: true, Context: event.Attributes{{Key: "room", Value: text(fmt.Sprint("r", rng.IntN(2)))}},
		})
	}
	return events
}

const twinLateness = event.Time(3e9)

// watermarks are those after each event.
func watermarks(events []*event.Event) (ws []event.Time) {
	newest := event.Time(0)
	for _, e := range events {
		newest = max(newest, e.Time)
		ws = append(ws, newest-twinLateness)
	}
	return ws
}

// expect lists the matches that the naive matcher finds, key by key.
func (pt *patternTwin) expect(events []*event.Event, end event.Time) (out []string) {
	ws := watermarks(events)
	for _, user := range []string{"u0", "u1"} {
		var stream []naiveEvent
		for i, e := range events {
			if e.User != user || !pt.types(e.Type) {
				continue
			}
			seen := naiveEvent{e, i, ws[i]}
			if pt.spec.Order == OrderEventTime {
				if e.Time < ws[i] || e.Time >= end { // too late, or not seen yet
					continue
				}
				seen.watermark = e.Time
			}
			stream = append(stream, seen)
		}
		if pt.spec.Order == OrderEventTime {
			slices.SortStableFunc(stream, func(a, b naiveEvent) int { return int(a.Time - b.Time) })
		}
		for _, m := range pt.naive.matches(stream, end) {
			out = append(out, m.text(user, stream))
		}
	}
	return out
}

// patternPlayer plays events to a store as the engine does, and collects its matches.
type patternPlayer struct {
	t    testing.TB
	pats []Pattern
	defs []Definition
	s    *Store
	q    *Query
	out  map[string][]string // by pattern
	ids  map[string]bool
	disk map[string][]byte
}

func newPatternPlayer(t testing.TB, defs []Definition, pats ...Pattern) *patternPlayer {
	p := &patternPlayer{t: t, pats: pats, defs: defs, out: map[string][]string{}, ids: map[string]bool{}, disk: map[string][]byte{}}
	p.open()
	return p
}

func (p *patternPlayer) open() {
	s, err := New(p.defs, Options{Patterns: p.pats, OnMatch: p.matched})
	if err != nil {
		p.t.Fatalf("%v of %+v", err, p.pats)
	}
	p.s, p.q = s, s.NewQuery()
}

// matched notes a match. Of a pattern without events the user is known by the record's number, in play.
func (p *patternPlayer) matched(m Match) {
	id := m.ID.String()
	if p.ids[id] {
		p.t.Errorf("id %s twice", id)
	}
	p.ids[id] = true
	p.out[m.Pattern] = append(p.out[m.Pattern], fmt.Sprintf("first %d at %d last %d", m.First-t0, m.Time-t0, m.ID.Offset))
}

func (p *patternPlayer) play(i int, e *event.Event, w event.Time) {
	p.s.At(0, int64(i))
	p.s.Advance(w)
	p.q.Begin(e.User, e.Context, e.Time)
	p.s.Apply(p.q, e, p.s.EnsureItem(e.Item))
}

// reopen saves the state and goes on from it in another store.
func (p *patternPlayer) reopen() {
	p.save()
	p.open()
	for key, value := range p.disk {
		if ok, err := p.s.Load([]byte(key), value, dirty.SumOf([]byte(key), value)); !ok || err != nil {
			p.t.Fatalf("load %x: %v %v", key, ok, err)
		}
	}
	p.s.LoadDone()
}

// save writes a checkpoint, and returns its digest.
func (p *patternPlayer) save() (d dirty.Sum) {
	for _, set := range p.s.Sets() {
		set.Cut(func(key, value []byte, _ dirty.Sum) {
			if p.disk[string(key)] = slices.Clone(value); value == nil {
				delete(p.disk, string(key))
			}
		})
		for !set.Flush(100) {
		}
		d.Add(set.Digest())
	}
	return d
}

// byUser gives each match, of which we know the last event's record, to its user.
func byUser(events []*event.Event, matches []string) (out []string) {
	for _, user := range []string{"u0", "u1"} {
		for _, m := range matches {
			var first, at int64
			var last int
			if _, err := fmt.Sscanf(m, "first %d at %d last %d", &first, &at, &last); err != nil {
				panic(err)
			}
			if events[last].User == user {
				out = append(out, user+" "+m)
			}
		}
	}
	return out
}

func TestPatternsAgreeWithANaiveMatcher(t *testing.T) {
	total := 0
	for seed := range uint64(800) {
		rng := rand.New(rand.NewPCG(seed, 77))
		pt, events := randomPattern(rng), patternTape(rng, 60)
		ws := watermarks(events)
		end := ws[len(ws)-1] + event.Time(rng.IntN(20))*1e9
		want := pt.expect(events, end)

		straight, broken := newPatternPlayer(t, nil, pt.spec), newPatternPlayer(t, nil, pt.spec)
		for i, e := range events {
			straight.play(i, e, ws[i])
			if rng.IntN(15) == 0 {
				broken.reopen()
			}
			if i > 0 && ws[i]-ws[i-1] > 4e9 { // in steps, where the other leaps
				for w := ws[i-1]; w < min(ws[i], ws[i-1]+60e9); w += event.Time(1 + rng.IntN(3e9)) {
					broken.s.At(0, int64(i))
					broken.s.Advance(w)
				}
			}
			broken.play(i, e, ws[i])
		}
		straight.s.Advance(end)
		broken.s.Advance(end)
		for name, p := range map[string]*patternPlayer{"straight": straight, "broken": broken} {
			if got := byUser(events, p.out["p"]); !slices.Equal(got, want) {
				t.Fatalf("seed %d, %s: pattern %+v\nevents\n%s\ngot\n  %s\nwant\n  %s", seed, name, pt.spec, tapeText(events, ws),
					strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
		}
		var sum dirty.Sum
		if a, b := straight.save(), broken.save(); a != b || !maps.EqualFunc(straight.disk, broken.disk, bytes.Equal) {
			t.Fatalf("seed %d: pattern %+v: restarts and smaller steps of time have changed the state", seed, pt.spec)
		}
		for k, v := range broken.disk {
			sum.Add(dirty.SumOf([]byte(k), v))
		}
		if sum != broken.save() {
			t.Fatalf("seed %d: pattern %+v: the digest is not that of what is stored", seed, pt.spec)
		}
		straight.s.Advance(end + event.Time(2*time.Hour))
		if n := len(straight.s.matchers.byKey); n != 0 {
			t.Fatalf("seed %d: pattern %+v: %d keys are remembered when everything is over", seed, pt.spec, n)
		}
		total += len(want)
	}
	if total < 1500 {
		t.Errorf("only %d matches: the streams do not fit the patterns", total)
	}
}

func tapeText(events []*event.Event, ws []event.Time) string {
	var b strings.Builder
	for i, e := range events {
		fmt.Fprintf(&b, "%3d %s %s %v value %v room %s watermark %v\n", i, e.User, e.Type, e.Time-t0, e.Value, e.Context[0].Value.Str, ws[i]-t0)
	}
	return b.String()
}
