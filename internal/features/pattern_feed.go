package features

import (
	"math"
	"slices"

	"recsvc/internal/event"
)

// At says where in the log the records to be applied stand from now on. Ids of matches follow from it. It belongs to the writer.
func (s *Store) At(partition int32, offset int64) {
	if t := &s.matchers; len(t.ordinal) > 0 {
		t.at = Position{Partition: partition, Offset: offset}
		clear(t.ordinal)
	}
}

// passTime lets patterns know how far time has come.
func (s *Store) passTime(w event.Time) {
	t := &s.matchers
	if w <= t.now {
		return
	}
	if len(t.timers) == 0 || t.timers[0].due > w {
		t.now = w
		return
	}
	s.Lock()
	defer s.Unlock()
	s.version++
	for len(t.timers) > 0 && t.timers[0].due <= w && s.err == nil {
		x := t.timers.pop()
		m := t.slot(x.slot)
		if m.key != x.key || m.timer != x.due {
			continue
		}
		m.timer = 0
		t.now = max(t.now, x.due-1)
		s.pass(m, x.slot, x.due)
		s.settleDerived()
	}
	t.now = w
}

// pass lets time go by for one key, up to an instant that its watermark has reached.
func (s *Store) pass(m *matcher, i uint32, now event.Time) {
	t := &s.matchers
	if d := m.due(); d != 0 && d <= now {
		t.set.Touch(i)
	}
	for len(m.held) > 0 && m.held[0].time < now {
		s.release(m)
	}
	s.expire(m, now)
	if n := len(m.shown); n > 0 && m.shown[n-1]+m.p.shows.ttl <= now {
		m.shown = m.shown[:0]
	}
	t.settled(m, i)
}

// expire ends the runs whose time is over at now, the earliest first: one that waits for nothing else any more is a match.
func (s *Store) expire(m *matcher, now event.Time) {
	p := m.p
	for {
		first := -1
		for i := range m.runs {
			if end := m.runs[i].lo + p.within; end <= now && (first < 0 || end < m.runs[first].lo+p.within) {
				first = i
			}
		}
		if first < 0 {
			return
		}
		r := m.runs[first]
		m.runs = slices.Delete(m.runs, first, first+1)
		if int(r.step) < len(p.steps) {
			continue
		}
		m.runs = p.drop(m.runs, r.start, r.trail.end)
		id := MatchID{Pattern: p.name, Position: r.trail.place, N: r.trail.n}
		s.matched(m, &r, r.keptAt(slotOf(len(p.steps)-1)), id, r.lo+p.within)
	}
}

// deliver gives an event to the patterns that it concerns. q stands at its user, item and context.
func (s *Store) deliver(q *Query, e *event.Event) {
	for _, d := range s.program.deliveriesOf(e.Type) {
		s.offer(q, e, d)
	}
}

// offer gives an event to one pattern.
func (s *Store) offer(q *Query, e *event.Event, d delivery) {
	p, t := d.pattern, &s.matchers
	place := t.at
	place.Ordinal = t.ordinal[p.index]
	t.ordinal[p.index]++
	var mask uint64
	for i := range d.picks {
		if x := &d.picks[i]; x.where == nil || x.where.holds(&q.touch) {
			mask |= 1 << x.bit
		}
	}
	if mask == 0 && !p.strict {
		return
	}
	key := q.matchKey(p)
	if key == 0 {
		return
	}
	m, i := t.find(key)
	if m == nil && (mask == 0 || !p.inTime && mask&(1<<p.first.bit) == 0) {
		return // nothing to begin, nothing to carry on
	}
	if p.inTime && e.Time < t.now {
		t.counts[p.index].late++
		return
	}
	if m == nil {
		m, i = t.create(p, key)
	}
	t.set.Touch(i)
	x := t.see(q, e, p, place, mask)
	if p.inTime {
		m.hold(x)
		s.relieve(m)
	} else {
		s.feed(m, x)
	}
	t.settled(m, i)
}

// see makes a sight of an event, in the scratch of the table.
func (t *matcherTable) see(q *Query, e *event.Event, p *pattern, place Position, mask uint64) *sight {
	x := &t.sight
	*x = sight{time: e.Time, place: place, mask: mask, values: x.values[:0]}
	for i := range p.sees {
		x.values = append(x.values, p.sees[i].Get(&q.touch))
	}
	if x.event = e; p.events {
		t.joined = *e
		t.joined.Context = q.context // a click was made where its item was shown
		x.event = &t.joined
	}
	return x
}

// hold keeps a sight until its time has come. Those of equal times stay in the order in which they came.
func (m *matcher) hold(x *sight) {
	at := len(m.held)
	for at > 0 && m.held[at-1].time > x.time {
		at--
	}
	c := x.clone(m.p.events)
	m.held = slices.Insert(m.held, at, *c)
	m.heldBytes += c.size()
}

// feed moves a key's runs by an event, and makes what comes of the matches.
func (s *Store) feed(m *matcher, x *sight) {
	p, t := m.p, &s.matchers
	mv := &t.mv
	mv.p = p
	mv.feed(m, x)
	for i := range mv.done {
		r := &mv.done[i]
		m.runs = p.drop(m.runs, r.start, m.fed)
		s.matched(m, r, x, MatchID{Pattern: p.name, Position: x.place, N: uint32(i)}, r.hi)
		if p.skip == SkipPastLast {
			break // all others have begun before the end of this one
		}
	}
	clear(mv.done)
	t.counts[p.index].givenUp += uint64(p.admit(m, mv.kept != nil))
}

// matchKey hashes a pattern and the key that the query stands at; 0 when part of it is missing.
func (q *Query) matchKey(p *pattern) uint64 {
	k := p.seed
	for _, part := range p.scope {
		id := q.hash
		if part != theUser {
			id = q.field(part).id
		}
		if id == 0 {
			return 0
		}
		k = join(k, id)
	}
	return max(k, 1)
}

// shown are the matches of the key that the query stands at.
func (q *Query) shown(p *pattern) []event.Time {
	key := q.matchKey(p)
	if key == 0 {
		return nil
	}
	m, _ := q.store.matchers.find(key)
	if m == nil {
		return nil
	}
	return m.shown
}

// sinceMatch is how long ago the last match was, in seconds; NaN when it shows no more.
func (q *Query) sinceMatch(p *pattern) float64 {
	shown := q.shown(p)
	if len(shown) == 0 || q.now-shown[len(shown)-1] >= p.shows.ttl {
		return math.NaN()
	}
	return float64(max(0, q.now-shown[len(shown)-1])) / 1e9
}

func (q *Query) matchFlag(p *pattern) float64 {
	if math.IsNaN(q.sinceMatch(p)) {
		return 0
	}
	return 1
}

func (q *Query) countMatches(p *pattern) float64 {
	n := 0.0
	for _, t := range q.shown(p) {
		if q.now-t < p.shows.ttl {
			n++
		}
	}
	return n
}
