package features

import "recsvc/internal/event"

// sequence is the last n entries by event time, newest first (of equal times the one later in the log), in one bag:
//
//	instant | item reference plus one << 32 | outcome bits | value , repeated
//
// The value is what its kind wants remembered: float64 bits, or the hash of a category.
type sequence struct{ n int }

// entry is one of a sequence.
type entry struct {
	time    event.Time
	item    ItemRef // NoItem: the event named none
	outcome uint32  // bits of the outcomes that came
	value   uint64
}

const entryWords = 3

// push enters an entry in its place. Where n stand already, the oldest goes, which may be the new one.
func (q sequence) push(s slot, e entry) {
	b := s.bag(0)
	at := 0
	for at < len(b) && event.Time(b[at]) > e.time {
		at += entryWords
	}
	if at >= q.n*entryWords {
		return
	}
	if len(b) < q.n*entryWords {
		b = append(b, 0, 0, 0)
	}
	copy(b[at+entryWords:], b[at:])
	b[at], b[at+1], b[at+2] = uint64(e.time), uint64(e.item+1)<<32|uint64(e.outcome), e.value
	s.keep(0, b)
}

// mark sets an outcome bit of the newest entry of that item, if it is still remembered.
func (q sequence) mark(s slot, ref ItemRef, bit uint) {
	b := s.bag(0)
	for i := 0; i < len(b); i += entryWords {
		if b[i+1]>>32 == uint64(ref+1) {
			b[i+1] |= 1 << bit
			return
		}
	}
}

// entryOf reads the i-th newest entry of a bag; ok is false where there is none.
func entryOf(b []uint64, i int) (e entry, ok bool) {
	if i *= entryWords; i >= len(b) {
		return e, false
	}
	return entry{event.Time(b[i]), ItemRef(b[i+1]>>32) - 1, uint32(b[i+1]), b[i+2]}, true
}
