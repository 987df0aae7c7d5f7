package features

import (
	"cmp"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// matcher is what a pattern remembers of one key: an entry of the state, there as long as it remembers something.
type matcher struct {
	key       uint64 // of the pattern and the scope together; 0: the slot is free
	p         *pattern
	fed       uint64  // events that runs were moved by, since the entry was made
	runs      []run   // oldest first
	held      []sight // of a pattern in event time: what the watermark has not passed, in order
	heldBytes int     // about what held takes in a checkpoint

	shown []event.Time // matches that the feature may still show, ascending; the newest alone unless it counts them
	timer event.Time   // when the entry is looked at next: it may be too early; 0: never
	waits bool         // for time to pass: see matcher.waiting
}

// matcherTable holds the matchers of all patterns.
type matcherTable struct {
	byKey  map[uint64]uint32
	chunks [][]matcher
	n      uint32 // slots ever used
	free   []uint32
	set    *dirty.Set
	timers timerHeap
	now    event.Time // what is before it has come: events in event time that are older are too late
	counts []patternCounts
	waits  int // entries that wait for time to pass

	byName  map[uint64]*pattern // by seed, for loading
	mv      moving
	sight   sight       // scratch of the event at hand
	joined  event.Event // scratch: the event with the context that it was joined with
	at      Position
	ordinal []uint32 // by pattern: events of the present record that it was given
	queue   []derived
}

// patternCounts are figures since the process began, by pattern.
type patternCounts struct {
	matches, givenUp, late uint64
	keys                   int // that something is remembered of
}

func (t *matcherTable) init(p *program) {
	*t = matcherTable{
		byKey: map[uint64]uint32{}, counts: make([]patternCounts, len(p.patterns)), ordinal: make([]uint32, len(p.patterns)),
		byName: map[uint64]*pattern{},
	}
	for _, one := range p.patterns {
		t.byName[one.seed] = one
	}
	t.set = dirty.NewSet(t)
}

func (t *matcherTable) slot(i uint32) *matcher { return &t.chunks[i>>chunkBits][i&(1<<chunkBits-1)] }

// find returns the matcher of a key, nil where nothing is remembered, and its number.
func (t *matcherTable) find(key uint64) (*matcher, uint32) {
	if i, ok := t.byKey[key]; ok {
		return t.slot(i), i
	}
	return nil, 0
}

// create makes room for a key that has none.
func (t *matcherTable) create(p *pattern, key uint64) (*matcher, uint32) {
	var i uint32
	if last := len(t.free) - 1; last >= 0 {
		i, t.free = t.free[last], t.free[:last]
	} else {
		if i = t.n; i>>chunkBits == uint32(len(t.chunks)) {
			t.chunks = append(t.chunks, make([]matcher, 1<<chunkBits))
		}
		t.n++
	}
	m := t.slot(i)
	m.key, m.p = key, p
	t.byKey[key] = i
	t.counts[p.index].keys++
	return m, i
}

// remove frees an entry that remembers nothing. Its memory serves the next one.
func (t *matcherTable) remove(m *matcher, i uint32) {
	t.set.Remove(i)
	delete(t.byKey, m.key)
	t.counts[m.p.index].keys--
	clear(m.held[:cap(m.held)])
	*m = matcher{runs: m.runs[:0], held: m.held[:0], shown: m.shown[:0]}
	t.free = append(t.free, i)
}

func (m *matcher) empty() bool { return len(m.runs) == 0 && len(m.held) == 0 && len(m.shown) == 0 }

// due is when time will next do something to the entry; 0: never.
func (m *matcher) due() event.Time {
	var d event.Time
	earlier := func(t event.Time) {
		if d == 0 || t < d {
			d = t
		}
	}
	for i := range m.runs {
		earlier(m.runs[i].lo + m.p.within)
	}
	if len(m.held) > 0 {
		earlier(m.held[0].time + 1)
	}
	if n := len(m.shown); n > 0 {
		earlier(m.shown[n-1] + m.p.shows.ttl)
	}
	return d
}

// waiting reports whether a match may come, or an event be seen, by nothing but time.
func (m *matcher) waiting() bool {
	if len(m.held) > 0 {
		return true
	}
	for i := range m.runs {
		if int(m.runs[i].step) == len(m.p.steps) {
			return true
		}
	}
	return false
}

// settled ends a change of an entry: what remembers nothing goes, anything else is looked at again in time.
func (t *matcherTable) settled(m *matcher, i uint32) {
	if w := m.waiting(); w != m.waits {
		if m.waits = w; w {
			t.waits++
		} else {
			t.waits--
		}
	}
	if m.empty() {
		t.remove(m, i)
		return
	}
	if d := m.due(); m.timer == 0 || d < m.timer {
		m.timer = d
		t.timers.push(timer{d, m.key, i})
		t.sweep()
	}
}

// sweep throws timers of entries that are gone away, once they are the most.
func (t *matcherTable) sweep() {
	if len(t.timers) <= 2*len(t.byKey)+1024 {
		return
	}
	live := t.timers[:0]
	for _, x := range t.timers {
		if m := t.slot(x.slot); m.key == x.key && m.timer == x.due {
			live = append(live, x)
		}
	}
	t.timers = live
	t.timers.order()
}

// timer says when to look at an entry.
type timer struct {
	due  event.Time
	key  uint64
	slot uint32
}

// timerHeap is a binary heap by due time and, among equals, by key: one leap of time does what many steps would, in their order.
type timerHeap []timer

func (h timerHeap) before(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].due, h[j].due), cmp.Compare(h[i].key, h[j].key)) < 0
}

func (h *timerHeap) push(t timer) {
	*h = append(*h, t)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.before(i, up) {
			break
		}
		s[i], s[up] = s[up], s[i]
		i = up
	}
}

func (h *timerHeap) pop() timer {
	s := *h
	top, last := s[0], len(s)-1
	s[0] = s[last]
	*h = s[:last]
	h.down(0)
	return top
}

func (h timerHeap) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// order makes a heap of what is in no order.
func (h timerHeap) order() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}
