package features

import (
	"time"

	"recsvc/internal/event"
)

// sequence is entries by event time, newest first (of equal times the one later in the log), in one bag:
//
//	instant | item reference plus one << 32 | outcome bits | value , repeated
//
// The value is what its kind wants remembered: float64 bits, or the hash of a category; 0 where that is the item. The second word of its
// cell is the newest instant seen, which only the first entries of a window need.
type sequence struct {
	n      int
	window event.Time // an entry counts while it is younger; 0: always
	first  bool       // the first n are kept, not the last
}

func newSequence(n int, window time.Duration, first bool) sequence {
	return sequence{n, event.Time(window), first}
}

// entry is one of a sequence.
type entry struct {
	time    event.Time
	item    ItemRef // NoItem: the event named none
	outcome uint32  // bits of the outcomes that came
	value   uint64
}

const entryWords = 3

// layout is that of the cell: the last entries need no second word.
func (q sequence) layout() layout {
	if q.first {
		return layout{words: 2, bagged: []int{0}, most: q.n * entryWords}
	}
	return oneBag(q.n * entryWords)
}

// push enters an entry in its place. Where n stand already one goes, which may be the new one: of the last the oldest, of the first the newest.
func (q sequence) push(s slot, e entry) {
	b := s.bag(0)
	if q.first && q.window > 0 {
		newest := max(event.Time(s.w[1]), e.time)
		s.w[1] = uint64(newest)
		if e.time <= newest-q.window {
			return
		}
		b = b[:q.within(b, newest)*entryWords]
	}
	at, full := 0, len(b) == q.n*entryWords
	for at < len(b) && event.Time(b[at]) > e.time {
		at += entryWords
	}
	switch {
	case full && q.first:
		if at == 0 {
			return
		}
		at -= entryWords
		copy(b[:at], b[entryWords:])
	case full && at == len(b):
		return
	case full:
		copy(b[at+entryWords:], b[at:])
	default:
		b = append(b, 0, 0, 0)
		copy(b[at+entryWords:], b[at:])
	}
	b[at], b[at+1], b[at+2] = uint64(e.time), uint64(e.item+1)<<32|uint64(e.outcome), e.value
	s.keep(0, b)
}

// within is how many of the entries are younger than the window, seen at t: the first ones of the bag.
func (q sequence) within(b []uint64, t event.Time) int {
	n := len(b) / entryWords
	if q.window > 0 {
		for n > 0 && event.Time(b[(n-1)*entryWords]) <= t-q.window {
			n--
		}
	}
	return n
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

// stretch is what of a sequence counts at one instant.
type stretch struct {
	b     []uint64
	n     int
	first bool
}

// read is the sequence as seen at t.
func (q sequence) read(s slot, t event.Time) stretch {
	b := s.bag(0)
	return stretch{b, q.within(b, t), q.first}
}

// at is the entry in the i-th place, of the n: the newest comes first, or (of the first entries) the oldest.
func (v stretch) at(i int) entry {
	if v.first {
		i = v.n - 1 - i
	}
	b := v.b[i*entryWords : (i+1)*entryWords]
	return entry{event.Time(b[0]), ItemRef(b[1]>>32) - 1, uint32(b[1]), b[2]}
}
