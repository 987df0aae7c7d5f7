package features

import (
	"slices"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

// sight is what a pattern sees of one event. What is kept of it is never changed again, and may be shared by runs.
type sight struct {
	time   event.Time
	place  Position
	mask   uint64        // selections that it meets, by their bits, as far as they are about it alone
	values []event.Value // of pattern.sees
	event  *event.Event  // nil where the pattern needs none
	whole  int           // bytes of the event as a record, of what is kept
}

// run is an unfinished match. Each run has one way to go on, so that none ever splits.
type run struct {
	lo, hi event.Time // of the events taken
	start  uint64     // number of its first event among those of its key
	step   uint16     // the step that it waits for; as many as there are: it waits for the time to pass
	taken  uint16     // events of that step that it has
	trail  *trail     // nil where nothing needs it
}

// trail is what a run needs beside its times.
type trail struct {
	end   uint64   // waiting: number of its last event
	place Position // and where that stands
	n     uint32   // and its number among the runs that waited from that event on
	kept  []*sight // by slot
}

// keptAt is the event that a run, which may be nil, keeps in a slot; nil: none yet.
func (r *run) keptAt(slot int) *sight {
	if r == nil || r.trail == nil || r.trail.kept == nil {
		return nil
	}
	return r.trail.kept[slot]
}

// moving is the scratch of moving the runs of one key by one event.
type moving struct {
	p     *pattern
	now   *sight
	kept  *sight // the copy of now that may be kept; nil: none made yet
	n     uint32 // runs that now has brought to their last step
	link  link
	state expression.State
	done  []run // complete with now
}

// feed moves all runs of a key by one event. What is complete afterwards stands in mv.done, oldest first, before any is skipped.
func (mv *moving) feed(m *matcher, s *sight) {
	p := mv.p
	mv.now, mv.kept, mv.n, mv.done = s, nil, 0, mv.done[:0]
	mv.link = link{p: p}
	m.fed++
	left := m.runs[:0]
	for i := range m.runs {
		r := &m.runs[i]
		switch mv.move(m, r) {
		case stays:
			left = append(left, *r)
		case completes:
			mv.done = append(mv.done, *r)
		}
	}
	if p.first.holds(mv, nil) {
		r := run{lo: s.time, hi: s.time, start: m.fed}
		switch mv.take(m, &r) {
		case stays:
			left = append(left, r)
		case completes:
			mv.done = append(mv.done, r)
		}
	}
	clear(m.runs[min(len(left), len(m.runs)):]) // lets go of what they kept
	m.runs = left
}

// fate is what an event does to a run.
type fate uint8

const (
	stays fate = iota
	dies
	completes
)

// move lets an event act on a run.
func (mv *moving) move(m *matcher, r *run) fate {
	p, fits := mv.p, mv.p.fits(r, mv.now.time)
	if int(r.step) == len(p.steps) {
		if fits && mv.any(p.trailing, r) {
			return dies
		}
		return stays
	}
	st := &p.steps[r.step]
	switch {
	case fits && r.taken == 0 && mv.any(st.not, r):
		return dies
	case fits && st.take.holds(mv, r):
		return mv.take(m, r)
	case r.taken == 0 && st.strict || r.taken > 0 && st.consecutive:
		return dies
	}
	return stays
}

// fits reports whether the run would still be within its time with an event of that time.
func (p *pattern) fits(r *run, t event.Time) bool { return max(r.hi, t)-min(r.lo, t) < p.within }

func (mv *moving) any(checks []check, r *run) bool {
	for i := range checks {
		if checks[i].holds(mv, r) {
			return true
		}
	}
	return false
}

// take adds the event to a run that waits for it.
func (mv *moving) take(m *matcher, r *run) fate {
	p := mv.p
	r.lo, r.hi = min(r.lo, mv.now.time), max(r.hi, mv.now.time)
	step := int(r.step)
	first := step == 0 && r.taken == 0
	if r.taken++; int(r.taken) == p.steps[step].times {
		r.step, r.taken = r.step+1, 0
	}
	if p.anyKept {
		mv.keep(r, step, first)
	}
	if int(r.step) < len(p.steps) {
		return stays
	}
	mv.n++
	if len(p.trailing) == 0 {
		return completes
	}
	if r.trail == nil {
		r.trail = &trail{}
	}
	r.trail.end, r.trail.place, r.trail.n = m.fed, mv.now.place, mv.n-1
	return stays
}

// keep puts the event into the slots of a run that are for it.
func (mv *moving) keep(r *run, step int, first bool) {
	keeps := mv.p.keeps
	if !keeps[slotOf(step)] && !(first && keeps[slotFirst]) {
		return
	}
	if mv.kept == nil {
		mv.kept = mv.now.clone(mv.p.events)
	}
	if r.trail == nil {
		r.trail = &trail{}
	}
	if r.trail.kept == nil {
		r.trail.kept = make([]*sight, len(keeps))
	}
	if first && keeps[slotFirst] {
		r.trail.kept[slotFirst] = mv.kept
	}
	if keeps[slotOf(step)] {
		r.trail.kept[slotOf(step)] = mv.kept
	}
}

// clone copies a sight out of the memory of its record, with its event or without.
func (s *sight) clone(whole bool) *sight {
	c := *s
	c.event = nil
	c.values = make([]event.Value, len(s.values))
	for i, v := range s.values {
		c.values[i] = v.Clone()
	}
	if whole {
		c.event, c.whole = cloneEvent(s.event)
	}
	return &c
}

// cloneEvent copies an event through its binary form, so that it lies in memory of its own, and says how long that form is.
func cloneEvent(e *event.Event) (*event.Event, int) {
	var r event.Record
	encoded := event.AppendRecord(nil, &event.Record{Kind: event.KindEvent, Event: e})
	if err := event.DecodeRecord(encoded, &r); err != nil {
		panic(err) // our own encoding
	}
	return r.Event, len(encoded)
}

// drop drops the runs that a match leaves no room for; first and end are the numbers of its first and last event.
func (p *pattern) drop(runs []run, first, end uint64) []run {
	switch p.skip {
	case SkipPastLast:
		return slices.DeleteFunc(runs, func(r run) bool { return r.start <= end })
	case SkipToNext:
		return slices.DeleteFunc(runs, func(r run) bool { return r.start == first })
	}
	return runs
}
