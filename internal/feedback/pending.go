package feedback

import "recsvc/internal/event"

// Pending is an impression that waits, as it was captured.
type Pending struct {
	ID      uint64     // see Watcher
	Base    event.Time // when it was shown; else of its served list or its earliest outcome
	Exposed bool       // it was shown
	Vectors Captured   // good until the next one
}

// EachPending calls fn with every impression that waits, until fn returns false, in no particular order but always the same. Those
// that have left memory are read back. It is for a Joiner that does nothing else meanwhile.
func (j *Joiner) EachPending(fn func(*Pending) bool) error {
	p := Pending{Vectors: Captured{P: make([]float32, j.Columns())}}
	for id := range j.stubs.all {
		if !j.warm(id) {
			break
		}
		s := j.at(id)
		p.ID, p.Base, p.Exposed = j.birth(id), s.base, s.flags&isExposed != 0
		p.Vectors.Shared, p.Vectors.Own = j.vectors(s)
		for h := range j.heads {
			p.Vectors.P[h] = j.state(id, h).p
		}
		copy(p.Vectors.P[len(j.heads):], j.rawRow(j.stubs.at(id).slot))
		if !fn(&p) {
			break
		}
	}
	return j.err
}

// Owns reports whether entries of a checkpoint whose keys begin with a byte are those of the join.
func Owns(prefix byte) bool {
	return prefix == prefixImpression || prefix == prefixList || prefix == prefixRest
}
