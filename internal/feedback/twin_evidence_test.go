package feedback

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"recsvc/internal/event"
)

// told is what a twin knows of an impression for a head.
type told struct {
	outcome, confirmed     *event.Event // the first of each
	positive, done         bool
	at                     event.Time
	weight                 float64 // of the outcome
	held, leftOut, settled bool
}

// rhythm is what a head has seen of exposures and outcomes outside of stalls: how many exposures came before each outcome.
type rhythm struct {
	beats          []beat
	since, back    int
	gap            int // exposures in a stall since the last outcome in it
	stalled        bool
	held, answered int
	last           event.Time
}

type beat struct {
	at                  event.Time
	exposures, outcomes float64
}

// confirms reports whether e confirms outcomes of a head.
func (w *twin) confirms(e *event.Event, h int) bool {
	c := w.heads[h].Confirm
	return c != nil && c.Type == e.Type && (c.Min == nil || e.HasValue && e.Value >= *c.Min)
}

// hear takes e into what is known of s, and reports whether it completes an outcome.
func (w *twin) hear(s *shown, h int, e *event.Event, hit bool) bool {
	t := &s.heads[h]
	switch {
	case hit && t.outcome != nil:
		w.count(h, "duplicate")
		return false
	case hit:
		t.outcome = e
	case w.confirms(e, h) && t.confirmed == nil:
		t.confirmed = e
	default:
		return false
	}
	if t.positive || t.outcome == nil || w.heads[h].Confirm != nil && t.confirmed == nil {
		return false
	}
	t.positive, t.at, t.weight = true, t.outcome.Time, 1
	if t.confirmed != nil {
		t.at = max(t.at, t.confirmed.Time)
		w.answer(h)
	}
	if c := w.heads[h].ValueCap; c > 0 && t.outcome.HasValue && t.outcome.Value > 0 {
		t.weight = 1 + math.Round(256*min(math.Log(1+t.outcome.Value), c-1))/256 // as finely as it is kept
	}
	return true
}

// latestPart is the time of the last part of an outcome that came; none: none came.
func (t *told) latestPart() event.Time {
	if t.positive {
		return t.at
	}
	at := none
	for _, e := range []*event.Event{t.outcome, t.confirmed} {
		if e != nil {
			at = max(at, e.Time)
		}
	}
	return at
}

// allow counts an outcome of a user: those of the same minute that were allowed before.
func (w *twin) allow(e *event.Event) bool {
	if w.o.MaxOutcomes == 0 || e.User == "" {
		return true
	}
	minute := func(t event.Time) int64 { return int64(t) / int64(time.Minute) }
	mine := minute(max(e.Time, w.now))
	for _, o := range w.quota {
		if o.User == e.User && minute(o.Time) >= minute(max(w.now, 0)) {
			mine = max(mine, minute(o.Time))
		}
	}
	n := 0
	for _, o := range w.quota {
		if o.User == e.User && minute(o.Time) == mine {
			n++
		}
	}
	if n >= w.o.MaxOutcomes {
		return false
	}
	w.quota = append(w.quota, &event.Event{User: e.User, Time: event.Time(mine * int64(time.Minute))})
	return true
}

// rate returns the exposures and outcomes that a head's expectation rests upon, as of its last outcome.
func (w *twin) rate(h int) (exposures, outcomes float64) {
	r := &w.history[h]
	for _, b := range r.beats {
		decay := math.Exp2(-float64(r.last-b.at) / float64(w.o.Stalls.HalfLife))
		exposures += b.exposures * decay
		outcomes += b.outcomes * decay
	}
	return exposures, outcomes
}

// answer takes an outcome of a head.
func (w *twin) answer(h int) {
	r := &w.history[h]
	if w.o.Stalls.Missing == 0 {
		return
	}
	if !r.stalled {
		if r.last = max(r.last, w.clock); len(r.beats) == 0 {
			r.last = w.clock
		}
		r.beats = append(r.beats, beat{r.last, float64(r.since), 1})
		r.since = 0
		return
	}
	if r.back++; r.back == 1 {
		r.since = 0
	}
	r.gap = 0
	exposures, outcomes := w.rate(h)
	expected := float64(r.since) * outcomes / exposures
	usual := float64(r.back) >= expected/2
	if r.back < stallReturns || !usual && expected < w.o.Stalls.Missing {
		return
	}
	if !usual {
		r.beats = []beat{{w.clock, float64(r.since) * stallGrounds / float64(r.back), stallGrounds}}
	} else {
		for i := range r.beats { // no time has passed in the stall
			r.beats[i].at += w.clock - r.last
		}
	}
	r.last = w.clock
	r.stalled, r.since, r.back = false, 0, 0
}

// seen takes an exposure of a head, and reports whether it is held.
func (w *twin) seen(h int) (held bool) {
	r := &w.history[h]
	if r.since++; w.o.Stalls.Missing == 0 {
		return false
	}
	exposures, outcomes := w.rate(h)
	expected := float64(r.since) * outcomes / exposures
	switch {
	case outcomes < stallGrounds || exposures == 0:
	case r.stalled:
		if r.gap++; float64(r.gap)*outcomes/exposures >= stallSilence*w.o.Stalls.Missing {
			r.back = 0
		}
	case expected >= w.o.Stalls.Missing && w.clock-r.last >= event.Time(w.o.Stalls.After):
		r.stalled, r.held, r.answered, r.back, r.gap = true, 0, 0, 0, 0
		w.count(h, "stalls")
	}
	if r.stalled {
		r.held++
	}
	return r.stalled
}

func (w *twin) trusted(h int) bool {
	exposures, outcomes := w.rate(h)
	r := &w.history[h]
	return !r.stalled && float64(r.answered) >= float64(r.held)*outcomes/exposures/2
}

// identity is what the sample goes by.
func (s *shown) identity() uint64 {
	i := &impression{base: s.base}
	if s.user != "" {
		i.userItem = hashItem(s.item, HashUser(s.user))
	}
	if s.request != "" {
		i.key = hashItem(s.item, hashRequest(s.request))
	}
	return sampleHash(i)
}

// become says that s, which was shown, is positive.
func (w *twin) become(s *shown, h int) {
	if s.heads[h].held {
		w.history[h].answered++
		return
	}
	w.settle(s, h)
}

// first learns all that is known of s.
func (w *twin) first(s *shown, h int) {
	o, t := &w.heads[h], &s.heads[h]
	if t.positive && !o.Delay.fakes() {
		w.step(s, h, "1", t.weight)
		return
	}
	if keep := o.Sampling.Keep; keep < 1 && float64(s.identity())/(1<<63)/2 >= keep {
		t.leftOut = true
		w.count(h, "left out")
	} else if o.Sampling.Odds {
		w.step(s, h, "0", 1)
	} else if o.Sampling.Pool > 0 {
		w.offer(s, h, s.weight/keep)
	} else {
		w.step(s, h, "0", 1/keep)
	}
	if t.positive {
		w.step(s, h, "1", 1)
	}
}

// offered is a negative that waits in a pool.
type offered struct {
	s        *shown
	birth    int
	weight   float64
	priority float64
}

// offer keeps a negative for the end of its slice.
func (w *twin) offer(s *shown, h int, weight float64) {
	if slice := floorDiv(int64(w.time), int64(w.heads[h].Sampling.Slice)); slice > w.slices[h] {
		w.empty(h)
		w.slices[h] = slice
	}
	u := (float64(mix(s.identity()^poolSalt)>>11) + 1) / (1 << 53)
	next := offered{s, s.birth, float64(float32(weight)), float64(float32(weight)) / u}
	if next.priority <= w.floors[h] {
		w.count(h, "left out")
		return
	}
	all := append(w.pools[h], next)
	slices.SortFunc(all, func(a, b offered) int {
		return -cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.birth, b.birth))
	})
	if k := w.heads[h].Sampling.Pool; len(all) > k+1 {
		w.floors[h] = all[k+1].priority
		w.count(h, "left out")
		all = all[:k+1]
	}
	w.pools[h] = all
}

// empty learns the sample of a pool: those of the highest priority, by the order of their births.
func (w *twin) empty(h int) {
	all, k := w.pools[h], w.heads[h].Sampling.Pool
	slices.SortFunc(all, func(a, b offered) int { return -cmp.Compare(a.priority, b.priority) })
	threshold := w.floors[h]
	if len(all) > k {
		threshold = all[k].priority
		w.count(h, "left out")
		all = all[:k]
	}
	slices.SortFunc(all, func(a, b offered) int { return cmp.Compare(a.birth, b.birth) })
	for _, o := range all {
		w.step(o.s, h, "0", max(o.weight, threshold)/o.s.weight)
	}
	w.pools[h], w.floors[h] = nil, 0
}

// emptyBefore empties the pools whose slices end before t, or at it too.
func (w *twin) emptyBefore(t event.Time, at bool) {
	slices.SortStableFunc(w.unseen, func(a, b drawn) int { return cmp.Compare(a.at, b.at) })
	for len(w.unseen) > 0 && w.unseen[0].at < t {
		d := w.unseen[0]
		w.unseen = w.unseen[1:]
		for _, h := range d.heads {
			w.log = append(w.log, fmt.Sprintf("%s 0 #%d w=%.3g θ=1", w.heads[h].Name, d.capture, w.heads[h].Unseen.Weight))
		}
	}
	for h := range w.pools {
		if end := event.Time((w.slices[h] + 1) * int64(w.heads[h].Sampling.Slice)); len(w.pools[h]) > 0 && (end < t || at && end == t) {
			w.empty(h)
		}
	}
}

// drawn is an item that was not shown.
type drawn struct {
	user    string
	at      event.Time
	capture int
	heads   []int
}

// draw keeps an item for the heads that want one, until time has passed the exposure e.
func (w *twin) draw(e *event.Event, capture int) {
	d := drawn{user: e.User, at: e.Time, capture: capture}
	for h := range w.heads {
		if w.heads[h].Unseen.N > 0 && !w.history[h].stalled {
			d.heads = append(d.heads, h)
		}
	}
	if len(d.heads) > 0 {
		w.unseen = append(w.unseen, d)
		w.tally["drawn"]++
	}
}

// amend learns that s, which was learned as negative, is positive.
func (w *twin) amend(s *shown, h int) {
	o, t := &w.heads[h], &s.heads[h]
	switch {
	case o.Delay.fakes():
		w.step(s, h, "1", 1)
	case o.Sampling.Odds && t.leftOut:
		w.step(s, h, "1", t.weight)
	default:
		w.step(s, h, "fix", 1)
		if t.weight > 1 {
			w.step(s, h, "1", t.weight-1)
		}
	}
}
