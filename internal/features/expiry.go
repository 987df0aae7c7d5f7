package features

import (
	"cmp"

	"recsvc/internal/event"
)

// due says when a row of a group may be removed, as far as was known when it was entered: it may have been prolonged since.
type due struct {
	at     event.Time
	key    uint64
	number uint32
}

func (d due) before(o due) bool {
	return cmp.Or(cmp.Compare(d.at, o.at), cmp.Compare(d.key, o.key)) < 0
}

// expiry is a heap of the rows that will not stay for ever, each once, the first one due at its root. Since what it knows of a row is never too late,
// a root that is up to date is the first of all.
type expiry []due

func (h *expiry) push(d due) {
	*h = append(*h, d)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if !s[i].before(s[parent]) {
			return
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

// sink moves the root, which is due later than it was, to its place.
func (h expiry) sink() {
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(h) && h[child].before(h[least]) {
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

func (h *expiry) pop() {
	s := *h
	last := len(s) - 1
	s[0] = s[last]
	*h = s[:last]
	h.sink()
}

// watch enters a row in the heap, unless it stays for ever.
func (t *groupTable) watch(i uint32) {
	if row := t.rows[i]; row[len(row)-1] != 0 {
		t.expiry.push(due{event.Time(row[len(row)-1]), t.keys[i], i})
	}
}

// first is the row that is due first, if that is before the watermark.
func (t *groupTable) first(watermark event.Time) (number uint32, ok bool) {
	for len(t.expiry) > 0 && t.expiry[0].at < watermark {
		root := &t.expiry[0]
		row := t.rows[root.number]
		now := event.Time(row[len(row)-1])
		if now == root.at {
			return root.number, true
		}
		root.at = now
		t.expiry.sink()
	}
	return 0, false
}

// maxRemovals bounds how many rows go at one step of the watermark, so that a leap of time does not hold the writer up.
const maxRemovals = 64

// Advance says how far event time has come, before the record that has moved the watermark is applied. Patterns in event time see what was
// held back, and waits for what must not come end: one leap does what many steps would. Rows that belong to no user or item, in which
// nothing can count any more, are removed, up to 64 at a time: which ones is a function of the calls made. It belongs to the writer,
// between two records.
func (s *Store) Advance(watermark event.Time) {
	s.passTime(watermark)
	s.removeRows(watermark)
}

func (s *Store) removeRows(watermark event.Time) {
	t := &s.groups
	if _, ok := t.first(watermark); !ok {
		return
	}
	s.Lock()
	defer s.Unlock()
	s.version++
	for range maxRemovals {
		i, ok := t.first(watermark)
		if !ok {
			return
		}
		t.expiry.pop()
		t.remove(i)
	}
}
