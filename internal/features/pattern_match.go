package features

import (
	"slices"

	"recsvc/internal/event"
)

// derived is an event that a match has made, and its item.
type derived struct {
	event *event.Event
	item  ItemRef
}

// matched makes what comes of a match. now is the last event that it took, or nil.
func (s *Store) matched(m *matcher, r *run, now *sight, id MatchID, at event.Time) {
	p, t := m.p, &s.matchers
	t.counts[p.index].matches++
	if p.shows != nil {
		m.show(at)
	}
	if p.derives != nil {
		s.derive(p, r, now, at)
	}
	if p.hook != "" && s.outbox.open[p.hook] {
		s.outbox.put(Output{ID: id.String(), Pattern: p.name, Partition: id.Partition, Made: at, Body: matchBody(p, r, now, id, at)})
	}
	if s.opts.OnMatch != nil {
		match := Match{Pattern: p.name, ID: id, First: r.lo, Time: at}
		if now != nil {
			match.Event = now.event
		}
		s.opts.OnMatch(match)
	}
}

// show lets the feature know of a match at t.
func (m *matcher) show(t event.Time) {
	i, _ := slices.BinarySearch(m.shown, t)
	if !m.p.shows.count {
		if i == len(m.shown) {
			m.shown = append(m.shown[:0], t)
		}
		return
	}
	m.shown = slices.Insert(m.shown, i, t)
	newest := m.shown[len(m.shown)-1]
	old := max(0, len(m.shown)-maxShown)
	for old < len(m.shown) && newest-m.shown[old] >= m.p.shows.ttl {
		old++
	}
	m.shown = slices.Delete(m.shown, 0, old)
}

// derive makes the event of a match and puts it in line.
func (s *Store) derive(p *pattern, r *run, now *sight, at event.Time) {
	d, from := p.derives, now
	if k := r.keptAt(d.slot); k != nil {
		from = k
	}
	t := &s.matchers
	e := &event.Event{
		Type: d.typ, User: from.event.User, Item: from.event.Item, Session: from.event.Session, Request: from.event.Request,
		Context: from.event.Context, Time: at,
	}
	if d.value != nil {
		t.mv.link = link{p: p, run: r, now: now}
		e.Value, e.HasValue = d.value.Number(&t.mv.state, &t.mv.link)
	}
	ref := NoItem
	if found, ok := s.items.find(e.Item); ok && e.Item != "" {
		ref = found
	}
	t.queue = append(t.queue, derived{e, ref})
}

// settleDerived applies the events that matches have made, and those that come of them in turn: there is an end to it, since no pattern
// leads to itself.
func (s *Store) settleDerived() {
	t := &s.matchers
	for len(t.queue) > 0 && s.err == nil {
		d := t.queue[0]
		t.queue = slices.Delete(t.queue, 0, 1)
		if s.echo == nil {
			s.echo = s.NewQuery()
		}
		q := s.echo
		q.Begin(d.event.User, d.event.Context, d.event.Time)
		q.InSession(d.event.Session)
		if q.failed() {
			s.err = q.loan.err
			return
		}
		u := s.program.updatesOf(d.event.Type)
		s.move(q, d.event, d.item, u, false)
		s.bound(q, u)
	}
	t.queue = t.queue[:0]
}

// PatternStats are figures of one pattern: the counts are since the process began.
type PatternStats struct {
	Name    string
	Matches uint64
	GivenUp uint64 // unfinished matches that gave way, a key having too many
	Late    uint64 // events that a pattern in event time did not see, since they came after the watermark
	Keys    int    // that something is remembered of
}

// PatternStats returns the figures of all patterns. The caller holds the read lock, or is the writer.
func (s *Store) PatternStats() []PatternStats {
	t := &s.matchers
	out := make([]PatternStats, len(t.counts))
	for i, c := range t.counts {
		out[i] = PatternStats{s.program.patterns[i].name, c.matches, c.givenUp, c.late, c.keys}
	}
	return out
}

// Waiting is how many keys of patterns wait for time to pass: for an event that is held back to be seen, or for the end of the time in which
// something must not come. The caller holds the read lock, or is the writer.
func (s *Store) Waiting() int { return s.matchers.waits }
