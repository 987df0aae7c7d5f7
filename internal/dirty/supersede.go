package dirty

// Supersede says that s, the set of another table with the same prefix, takes the place of old in the store: the next cut of s deletes
// what the store has of old and s has not, and replaces what both have. s must never have been cut, and old must have no cut in
// progress, its last one stored or abandoned; old is not to be used any more.
//
// What old has evicted, or has only assumed, it cannot name: s must hold an entry of its own for each such key.
func (s *Set) Supersede(old *Set) {
	if s.sink != nil || s.count != 0 || old.sink != nil {
		panic("dirty: superseded by a set that was cut before, or while a cut is in progress")
	}
	// The digest of s begins with nothing, as if the deletions were in it already.
	for id, sum := range old.sums {
		if sum != (Sum{}) {
			old.buf = old.table.AppendKey(old.buf[:0], uint32(id))
			s.graves.dig(old.buf, sum, graveSettled)
		}
	}
	for i, g := range old.graves.list {
		if g.state != graveRisen {
			s.graves.dig(old.graves.key(i), g.sum, graveSettled)
		}
	}
}
