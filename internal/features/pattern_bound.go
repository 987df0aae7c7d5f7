package features

import "slices"

// What a pattern remembers of the events of one key, in bytes as a checkpoint has them: together with the runs themselves, of which each takes
// about 100, they stay below the 768 KiB of one value.
const (
	maxHeldBytes = 288 << 10 // of events held back
	maxKeptBytes = 288 << 10 // of events that unfinished matches have taken, as often as one of them did
)

// size is about what a sight takes in a checkpoint; it follows from the sight alone.
func (s *sight) size() int {
	n := 64 + s.whole
	for i := range s.values {
		v := &s.values[i]
		n += 16 + len(v.Str)
		for _, text := range v.List {
			n += 5 + len(text)
		}
	}
	return n
}

// size is that of the events that a run keeps.
func (r *run) size() (n int) {
	if r.trail == nil {
		return 0
	}
	for _, s := range r.trail.kept {
		if s != nil {
			n += s.size()
		}
	}
	return n
}

// release lets runs see the first event that is held back.
func (s *Store) release(m *matcher) {
	x := m.held[0]
	s.expire(m, x.time)
	m.held = slices.Delete(m.held, 0, 1)
	m.heldBytes -= x.size()
	s.feed(m, &x)
}

// relieve lets events that are held back be seen before their time while they take more than they may: an older one that comes yet is seen
// after them.
func (s *Store) relieve(m *matcher) {
	for m.heldBytes > maxHeldBytes {
		s.release(m)
	}
}

// admit bounds the runs of a key, and what they keep: the oldest give way. It returns how many were given up. grown says that they keep more
// than before.
func (p *pattern) admit(m *matcher, grown bool) int {
	over := max(0, len(m.runs)-p.limit)
	if grown {
		bytes := 0
		for i := over; i < len(m.runs); i++ {
			bytes += m.runs[i].size()
		}
		for ; bytes > maxKeptBytes; over++ {
			bytes -= m.runs[over].size()
		}
	}
	m.runs = slices.Delete(m.runs, 0, over)
	return over
}
