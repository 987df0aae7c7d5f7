package feedback

import (
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

// op is one call of a random stream. Exactly one field is set.
type op struct {
	event     *event.Event
	served    *event.Served
	erase     string
	watermark event.Time
}

// stream makes n calls: exposures and outcomes of few users, items and requests, out of order, some far too
// late, with and without requests, some of them served, some repeated.
func stream(seed uint64, n int) []op {
	g := generator{Rand: rand.New(rand.NewPCG(seed, 1)), clock: event.Time(100 * time.Second)}
	var ops []op
	for len(ops) < n {
		quiet := len(ops)*8/n == 3 // outcomes are lost
		g.clock += event.Time(g.IntN(2000)) * event.Time(time.Millisecond)
		if g.IntN(400) == 0 {
			g.clock += event.Time(40 * time.Minute)
		}
		switch k := g.IntN(10); {
		case k == 0 && g.IntN(20) == 0:
			ops = append(ops, op{erase: fmt.Sprint("u", g.IntN(2))})
		case k == 0:
			ops = append(ops, op{served: g.served()})
		case k == 1: // a list that someone else has ranked
			e := g.event(exposureType)
			for _, item := range g.Perm(4) {
				next := *e
				next.Item = fmt.Sprint("i", item)
				ops = append(ops, op{event: &next})
			}
		case k < 4:
			ops = append(ops, op{event: g.event(exposureType)})
		case quiet && k < 9:
			ops = append(ops, op{event: g.event(exposureType)})
		case quiet:
			ops = append(ops, op{event: g.event("zoom")})
		default:
			ops = append(ops, op{event: g.event([]string{"click", "click", "dwell", "dwell", "buy", "zoom"}[g.IntN(6)])})
		}
		if g.IntN(3) > 0 {
			ops = append(ops, op{watermark: g.clock - event.Time(5*time.Second)})
		}
	}
	return append(ops, op{watermark: g.clock + event.Time(2*time.Minute)})
}

type generator struct {
	*rand.Rand
	clock event.Time
}

// when returns a time: most often now, sometimes some seconds ago, rarely minutes.
func (g *generator) when() event.Time {
	switch k := g.IntN(12); {
	case k < 7:
		return g.clock
	case k < 11:
		return g.clock - event.Time(g.IntN(8000))*event.Time(time.Millisecond)
	default:
		return g.clock - event.Time(g.IntN(300))*event.Time(time.Second)
	}
}

// request returns one of the few requests of the present minutes.
func (g *generator) request() string {
	return fmt.Sprint("r", int64(g.clock)/int64(50*time.Second), g.IntN(3))
}

func (g *generator) context() event.Attributes {
	return []event.Attributes{nil, nil, parseContext("tab:1"), parseContext("tab:2,city:Bern"), parseContext("zoom:3")}[g.IntN(5)]
}

func (g *generator) event(kind string) *event.Event {
	e := &event.Event{Type: kind, User: fmt.Sprint("u", g.IntN(2)), Item: fmt.Sprint("i", g.IntN(4)), Time: g.when(), Context: g.context()}
	if g.IntN(3) > 0 {
		e.Request = g.request()
	}
	if g.IntN(2) > 0 {
		e.Position = int32(g.IntN(4))
	}
	if g.IntN(3) == 0 {
		e.Propensity = float64(1+g.IntN(10)) / 10
	}
	if kind == "dwell" || kind == exposureType && g.IntN(3) == 0 || kind == "buy" && g.IntN(2) == 0 {
		e.Value, e.HasValue = float64(g.IntN(30)), true
	}
	return e
}

func (g *generator) served() *event.Served {
	s := &event.Served{
		Request: g.request(), User: []string{"", "u0", "u1"}[g.IntN(3)], Scene: []string{"", "home", "live"}[g.IntN(3)],
		Time: g.when(), Context: g.context(), Variant: []string{"", "a=1", "a=2"}[g.IntN(3)],
	}
	for range 1 + g.IntN(3) {
		s.Items = append(s.Items, event.ServedItem{Item: fmt.Sprint("i", g.IntN(4)), Propensity: float64(g.IntN(5)) / 4})
	}
	return s
}

// streamOptions returns a configuration by number.
func streamOptions(n int) Options {
	least, short := 15.0, 8.0
	delay := []Delay{Correct, Close}
	o := Options{
		Heads: []HeadOptions{
			{Name: "click", Positive: []Label{{Type: "click"}}, Window: 30 * time.Second, Delay: delay[n&1], Examination: ExaminePBM},
			{Name: "dwell", Positive: []Label{{Type: "dwell", Min: &least}, {Type: "buy"}}, Window: time.Minute, Delay: delay[n>>1&1], Raw: true},
			{Name: "buy", Positive: []Label{{Type: "buy"}}, Window: 10 * time.Second, Delay: delay[n>>2&1], Examination: ExamineSoft},
		},
		LateMemory:       time.Minute,
		Positions:        []float64{0.9, 0.5},
		ScenePositions:   map[string][]float64{"home": {0.7, 0.6, 0.3}},
		ShownClip:        float64(n>>3&1) * 4,
		ServedIsExposure: map[string]bool{"live": true},
	}
	if n&1 != 0 {
		o.MinVisible, o.MaxOutcomes = 10, 7
	}
	if n&2 != 0 {
		o.Heads[0].Confirm = &Label{Type: "dwell", Min: &short}
		o.Heads[1].Sampling = Sampling{Keep: 0.5, Odds: true}
		o.Heads[1].ValueCap = 3
	}
	if n&4 != 0 {
		o.Heads[0].Sampling.Keep = 0.25
		o.Heads[2].Sampling.Keep = 0.5
		o.Heads[2].ValueCap = 2.5
	}
	if n%3 == 1 {
		o.Stalls = StallOptions{Missing: 6, After: 10 * time.Second, HalfLife: 10 * time.Minute}
	}
	if n%5 == 2 {
		o.Heads[1].Delay, o.Heads[1].ValueCap, o.Heads[1].Sampling.Odds = FakeNegative, 0, false
	}
	if n%7 == 3 {
		o.Heads[1].Delay, o.Heads[1].ValueCap, o.Heads[1].Sampling.Odds = FakeCalibrated, 0, false
	}
	if n%5 == 1 {
		o.Heads[0].Unseen, o.Heads[2].Unseen = UnseenOptions{N: 1, Weight: 2}, UnseenOptions{N: 1, Weight: 0.5}
	}
	if n%4 == 1 {
		o.Heads[0].Sampling.Pool, o.Heads[0].Sampling.Slice = 3, 45*time.Second
	}
	if n%3 == 2 {
		o.Heads[2].Sampling.Pool, o.Heads[2].Sampling.Slice = 2, time.Minute
	}
	return o
}

func (r *rig) apply(o op) Match {
	var m Match
	switch {
	case o.event != nil:
		m = r.observe(o.event)
	case o.served != nil:
		r.serve(o.served)
	case o.erase != "":
		r.j.Erase(o.erase)
	default:
		r.j.Advance(o.watermark)
	}
	return m
}

func TestRandomStreamsAgreeWithTheTwin(t *testing.T) {
	all := map[string]int{}
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("stream ", seed), func(t *testing.T) {
			o := streamOptions(int(seed))
			r, w := newRig(t, o), newTwin(o)
			r.wide, r.full = true, true
			captures := 0
			for i, op := range stream(seed, 3000) {
				tm := w.apply(op, &captures)
				m := r.apply(op)
				r.check()
				if op.event != nil && (m.Joined != (tm.s != nil) || m.Capture != tm.capture || m.Late != tm.late ||
					m.Duplicate != tm.duplicate || m.Position != tm.position || showContext(r.context) != tm.context) {
					t.Fatalf("call %d, %+v: match %+v, twin %+v", i, *op.event, m, tm)
				}
				if !slices.Equal(r.log, w.log) {
					t.Fatalf("call %d, %+v: logs differ: %s", i, op, firstDifference(r.log, w.log))
				}
				r.log, w.log = r.log[:0], w.log[:0]
				if r.j.Pending() != len(w.all) {
					t.Fatalf("call %d: %d pending, twin %d", i, r.j.Pending(), len(w.all))
				}
			}
			if n := r.j.Pending(); n != 0 {
				t.Errorf("%d pending after the closing tick", n)
			}
			compareTally(t, r.j.Counters(), w)
			for what, n := range w.tally {
				all[what] += n
			}
		})
	}
	for _, what := range []string{
		"captured late", "duplicate exposure", "unexposed", "implied", "brief", "unseen", "over quota", "drawn", "click unconfirmed",
		"click dropped", "dwell dropped", "buy dropped", "click left out", "dwell left out", "buy left out", "click stalls",
		"click positive", "dwell negative", "buy late", "click erased", "dwell duplicate",
	} {
		if all[what] == 0 {
			t.Errorf("no stream has %q: they prove nothing about that", what)
		}
	}
}

func (w *twin) apply(o op, captures *int) (m twinMatch) {
	switch {
	case o.event != nil:
		m = w.match(o.event)
		if m.capture {
			*captures++
		}
		w.observe(o.event, m, *captures)
	case o.served != nil:
		w.served(o.served, *captures+1)
		*captures += len(o.served.Items)
	case o.erase != "":
		w.erase(o.erase)
	default:
		w.advance(o.watermark)
	}
	return m
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d: %q, twin %q", i, a[i], b[i])
		}
	}
	return fmt.Sprintf("joiner %q, twin %q", a, b)
}

func compareTally(t *testing.T, c Counters, w *twin) {
	t.Helper()
	want := map[string]int{
		"captured late": int(c.CapturedLate), "duplicate exposure": int(c.DuplicateExposures), "unexposed": int(c.Unexposed),
		"implied": int(c.ImpliedExposures - c.CapturedLate), "brief": int(c.BriefExposures), "unseen": int(c.Unseen),
		"over quota": int(c.OverQuota), "drawn": int(c.Unseens),
	}
	for _, h := range c.Heads {
		want[h.Name+" positive"] = int(h.Positive)
		want[h.Name+" negative"] = int(h.Negative)
		want[h.Name+" late"] = int(h.LateOutcomes)
		want[h.Name+" erased"] = int(h.Erased)
		want[h.Name+" duplicate"] = int(h.DuplicateOutcomes)
		for what, n := range map[string]int64{"unconfirmed": h.Unconfirmed, "left out": h.LeftOut, "stalls": h.Stalls, "dropped": h.Dropped} {
			want[h.Name+" "+what] = int(n)
		}
	}
	maps.DeleteFunc(want, func(what string, n int) bool { return n == 0 && w.tally[what] == 0 })
	if !maps.Equal(want, w.tally) || int(c.Exposures) != w.exposures {
		t.Errorf("%d exposures, %v\ntwin %d, %v", c.Exposures, want, w.exposures, w.tally)
	}
}

// store is what a checkpoint holds.
type store map[string]stored

type stored struct {
	value []byte
	sum   dirty.Sum
}

func (s store) sink(key, value []byte, sum dirty.Sum) {
	if value == nil {
		delete(s, string(key))
		return
	}
	s[string(key)] = stored{slices.Clone(value), sum}
}

func cutAll(j *Joiner, s store) {
	for _, set := range j.Sets() {
		set.Cut(s.sink)
	}
}

// flushSome flushes some entries and reports whether the cut is complete.
func flushSome(j *Joiner, n int) bool {
	done := true
	for _, set := range j.Sets() {
		done = set.Flush(n) && done
	}
	return done
}

func digests(j *Joiner) (out []string) {
	for _, set := range j.Sets() {
		out = append(out, fmt.Sprintf("%d entries %x", set.Count(), set.Digest()))
	}
	return out
}

// load returns a rig that starts from s, in random order of its entries.
func load(t testing.TB, o Options, s store, captures int) *rig {
	t.Helper()
	r := newRig(t, o)
	r.wide, r.full = true, true
	r.captures = captures
	for key, e := range s {
		if err := r.j.Load([]byte(key), e.value, e.sum); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.j.EndLoad(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAJoinerThatWasSavedAndLoadedAtAnyPointDoesWhatOneThatNeverStoppedDoes(t *testing.T) {
	for seed := range uint64(16) {
		t.Run(fmt.Sprint("stream ", seed), func(t *testing.T) {
			o := streamOptions(int(seed))
			g := rand.New(rand.NewPCG(seed, 2))
			ops := stream(seed, 3000)
			whole, r := newRig(t, o), newRig(t, o)
			whole.wide, r.wide, whole.full, r.full = true, true, true, true
			disk := store{}
			for i := 0; i < len(ops); {
				cutAll(r.j, disk)
				saved, captures := i, r.captures
				wholeLog := whole.log
				for done := false; !done && i < len(ops); i++ { // the cut is flushed while the stream goes on
					r.apply(ops[i])
					whole.apply(ops[i])
					done = flushSome(r.j, g.IntN(3))
				}
				for !flushSome(r.j, 100) {
				}
				again := load(t, o, disk, captures)
				for _, o := range ops[saved:i] {
					again.apply(o)
				}
				again.check()
				if got, want := again.log, whole.log[len(wholeLog):]; !slices.Equal(got, want) {
					t.Fatalf("calls %d to %d: %s", saved, i, firstDifference(got, want))
				}
				r = again
				r.log = nil
			}
			for _, x := range []*rig{whole, r} {
				cutAll(x.j, disk)
				for !flushSome(x.j, 100) {
				}
			}
			if got, want := digests(r.j), digests(whole.j); !slices.Equal(got, want) {
				t.Errorf("digests %s; never stopped: %s", strings.Join(got, ", "), strings.Join(want, ", "))
			}
		})
	}
}
