package feedback

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Seat is a head as entries know it: by its place in the list of all heads.
type Seat struct {
	Name string
	Raw  bool // it keeps a raw prediction beside the first one
}

// Seating rewrites the entries of a checkpoint for another list of heads. What is known for heads that stay comes along to the bit, what is
// known for others is dropped. A head that was not there before is closed for every impression that was captured without it: it has predicted
// nothing for them, learns nothing from them and is not judged by them.
type Seating struct {
	was      []Seat
	now      []seated
	to       []int // by head before: its place now; -1: it is gone
	raws     []int // by raw prediction now: its place before; -1: it was not there
	wasRaws  int
	absences int64 // exposures that new heads have missed
}

// seated is a head as it is now.
type seated struct {
	name string
	from int // its place before; -1: it was not there
}

// NewSeating maps the heads that were there to those that are there now. A head stays where both lists have it and keep says so.
func NewSeating(was, now []Seat, keep func(name string) bool) *Seating {
	s := &Seating{was: was, to: slices.Repeat([]int{-1}, len(was))}
	raws := slices.Repeat([]int{-1}, len(was))
	for i, seat := range was {
		if seat.Raw {
			raws[i] = s.wasRaws
			s.wasRaws++
		}
	}
	for i, seat := range now {
		from := -1
		if keep(seat.Name) {
			from = slices.Index(was, seat)
		}
		s.now = append(s.now, seated{seat.Name, from})
		if from >= 0 {
			s.to[from] = i
		}
		switch {
		case seat.Raw && from >= 0:
			s.raws = append(s.raws, raws[from])
		case seat.Raw:
			s.raws = append(s.raws, -1)
		}
	}
	return s
}

// To is the place now of the head that was at a place before, false: it is gone.
func (s *Seating) To(head int) (int, bool) {
	if head < 0 || head >= len(s.to) || s.to[head] < 0 {
		return 0, false
	}
	return s.to[head], true
}

// Absences is how many exposures new heads have missed, of the globals that were rewritten last.
func (s *Seating) Absences() int64 { return s.absences }

// errForeign reports an entry of something else.
var errForeign = errors.New("an entry of no join")

// Entry returns an entry as it is to be from now on; the key is nil when the entry is gone. What it returns may be what it was given.
func (s *Seating) Entry(key, value []byte) (newKey, newValue []byte, err error) {
	newKey = key
	switch {
	case len(key) == 9 && key[0] == prefixImpression:
		newValue, err = s.impression(value)
	case len(key) == 2 && key[0] == prefixRest && key[1] == restGlobals:
		newValue, err = s.globals(value)
	case len(key) == 11 && key[0] == prefixRest && key[1] == restSample:
		newKey, newValue, err = s.sample(key, value)
	case len(key) == 0 || key[0] != prefixRest && key[0] != prefixList:
		err = errForeign
	default:
		newValue = value
	}
	if err != nil {
		return nil, nil, fmt.Errorf("seat join entry %x: %w", key, err)
	}
	return newKey, newValue, nil
}

const (
	impressionHead = 1 + 1 + 8*8 + 4 + 2 + 8 + 2*4 // bytes of an impression's entry before its heads
	stateBytes     = 1 + 2 + 4 + 8
)

func (s *Seating) impression(value []byte) ([]byte, error) {
	r := reader{buf: value}
	r.version(impressionV4)
	r.take(impressionHead - 1)
	if n := r.u8(); r.err == nil && int(n) != len(s.was) {
		return nil, fmt.Errorf("%w: %d heads, not %d", ErrHeads, n, len(s.was))
	}
	states := r.take(uint64(stateBytes * len(s.was)))
	if n := r.u8(); r.err == nil && int(n) != s.wasRaws {
		return nil, fmt.Errorf("%w: %d raw predictions, not %d", ErrHeads, n, s.wasRaws)
	}
	raws := r.take(uint64(4 * s.wasRaws))
	if r.err != nil {
		return nil, r.err
	}
	dst := append(make([]byte, 0, len(value)+stateBytes*len(s.now)+4*len(s.raws)), value[:impressionHead]...)
	dst = append(dst, byte(len(s.now)))
	for _, h := range s.now {
		if h.from < 0 {
			dst = append(append(dst, isClosed), make([]byte, stateBytes-1)...)
			continue
		}
		dst = append(dst, states[stateBytes*h.from:][:stateBytes]...)
	}
	dst = append(dst, byte(len(s.raws)))
	for _, from := range s.raws {
		if from < 0 {
			dst = append(dst, 0, 0, 0, 0)
			continue
		}
		dst = append(dst, raws[4*from:][:4]...)
	}
	return append(dst, r.buf...), nil
}

func (s *Seating) globals(value []byte) ([]byte, error) {
	g, err := readGlobals(value)
	if err != nil {
		return nil, err
	}
	if len(g.counts.Heads) != len(s.was) {
		return nil, fmt.Errorf("%w: stored %q", ErrHeads, g.counts.names())
	}
	for i, h := range g.counts.Heads {
		if h.Name != s.was[i].Name {
			return nil, fmt.Errorf("%w: stored %q", ErrHeads, g.counts.names())
		}
	}
	out := g
	out.counts.Heads, out.pulses, out.pools = nil, nil, nil
	s.absences = g.counts.Exposures - g.counts.CapturedLate
	for _, h := range s.now {
		counts, beat, pool := HeadCounters{Name: h.name, Absent: s.absences}, pulse{}, reserve{}
		if h.from >= 0 {
			counts, beat, pool = g.counts.Heads[h.from], g.pulses[h.from], g.pools[h.from]
		}
		out.counts.Heads, out.pulses, out.pools = append(out.counts.Heads, counts), append(out.pulses, beat), append(out.pools, pool)
	}
	return out.append(nil), nil
}

// sample rewrites a negative in a pool, or an item that was not shown.
func (s *Seating) sample(key, value []byte) (newKey, newValue []byte, err error) {
	if key[10] != unseenKey {
		to, ok := s.To(int(key[10]))
		if !ok {
			return nil, nil, nil
		}
		return append(slices.Clone(key[:10]), byte(to)), value, nil
	}
	r := reader{buf: value}
	r.version(pooledV1)
	r.take(8)
	heads, seats := r.u64(), uint64(0)
	if r.err != nil {
		return nil, nil, r.err
	}
	for h := range s.was {
		if to, ok := s.To(h); ok && heads&(1<<h) != 0 {
			seats |= 1 << to
		}
	}
	if seats == 0 {
		return nil, nil, nil
	}
	value = slices.Clone(value)
	binary.LittleEndian.PutUint64(value[9:], seats)
	return key, value, nil
}
