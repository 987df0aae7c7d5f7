package validation

import (
	"slices"
	"time"
)

// spanSlices is how many slices of event time a span is made of.
const spanSlices = 12

// maxWait is how many spans an outcome may take at most for the span to be kept: with a window of a week, an hour says nothing.
const maxWait = 24

// span counts by slices of the time at which items were shown. Slices count when everything shown in them is final: were the
// newest taken as they are, those whose outcome came at once would stand for those that wait, and most of them are positive.
type span struct {
	length, slice int64 // nanoseconds
	wait          int64 // until what was shown is final
	ring          []spanSlice
}

// spanSlice is what was shown in one slice of time.
type spanSlice struct {
	tally
	number int64 // of slices since 1970
	used   bool
}

func newSpan(length, wait time.Duration) span {
	s := span{length: int64(length), slice: int64(length) / spanSlices, wait: int64(wait)}
	s.ring = make([]spanSlice, spanSlices+(s.wait+s.slice-1)/s.slice+2)
	for i := range s.ring {
		s.ring[i].hist.shift = coarse
	}
	return s
}

// place returns where in the ring a slice lies.
func (s *span) place(number int64) uint32 {
	n := int64(len(s.ring))
	return uint32((number%n + n) % n)
}

// number returns the slice of a time.
func (s *span) number(ns int64) int64 { return floorDiv(ns, s.slice) }

// covered returns the slices from first to last, both included, that the span covers when event time has come to now.
func (s *span) covered(now int64) (first, last int64) {
	last = s.number(now-s.wait) - 1
	return last - spanSlices + 1, last
}

// metrics merges the slices covered, from the oldest to the newest.
func (s *span) metrics(now int64) Span {
	all := tally{hist: histogram{shift: coarse}}
	first, last := s.covered(now)
	for number := first; number <= last; number++ {
		if p := &s.ring[s.place(number)]; p.used && p.number == number {
			all.merge(&p.tally)
		}
	}
	return Span{
		Length: time.Duration(s.length), End: time.Unix(0, (last+1)*s.slice).UTC(), Metrics: all.metrics(),
	}
}

// Span is the metrics of what was shown within a stretch of event time, the latest whose outcomes are all final.
type Span struct {
	Length time.Duration
	End    time.Time // exclusive
	Metrics
}

// Spans returns the metrics by span, in the order of the options; those are left out that are shorter than a 24th of the time
// that an outcome may take. The writer is let through between one and the next.
func (v *Head) Spans() []Span {
	out := make([]Span, len(v.spans))
	for i := range v.spans {
		v.mu.RLock()
		out[i] = v.spans[i].metrics(v.clock.now)
		v.mu.RUnlock()
	}
	return out
}

// observeSpans counts an outcome in the spans that its time belongs to.
func (v *Head) observeSpans(at int64, out outcome) {
	for i := range v.spans {
		s := &v.spans[i]
		number := s.number(at)
		place := s.place(number)
		p, id := &s.ring[place], v.ids.spans[i]+place
		switch {
		case !p.used:
		case p.number > number:
			continue // too long ago
		case p.number < number:
			v.set.Remove(id)
			p.reset()
		}
		v.set.Touch(id)
		p.number, p.used = number, true
		p.add(out)
	}
}

// keptSpans returns the spans that an outcome is not too slow for.
func keptSpans(lengths []time.Duration, wait time.Duration) (out []span) {
	for _, length := range slices.Compact(slices.Clone(lengths)) {
		if length >= spanSlices && wait <= maxWait*length {
			out = append(out, newSpan(length, wait))
		}
	}
	return out
}
