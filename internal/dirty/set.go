package dirty

import "fmt"

// Sink receives the entries of a cut, each key at most once per cut, in no particular order. A nil value says
// that the key is deleted (an empty value that is not nil is a value). sum is SumOf(key, value), and zero for a
// deletion. A sink must not keep key or value beyond the call.
type Sink func(key, value []byte, sum Sum)

// Table is what a Set asks of its owner: the canonical bytes of an entry, appended to dst. The first byte of a
// key is the table's own prefix. Equal entries must give equal bytes: no map order, no addresses, no spare
// capacity. Both are called on the writer's goroutine, from Touch, Remove and Flush.
type Table interface {
	AppendKey(dst []byte, id uint32) []byte
	AppendValue(dst []byte, id uint32) []byte
}

// Set tracks the entries of one table. All its methods belong to the goroutine that writes the table.
//
// What a cut has emitted is stored when [Set.Stored] says so. When its checkpoint fails instead, [Set.Abandon] makes it
// dirty again, and the next cut emits it.
type Set struct {
	table  Table
	prefix byte // of the keys; 0: not known yet

	// A mark is an epoch shifted left by one; the low bit says that the entry was removed again, though its
	// id still stands in the epoch's list, and the high bit that the cut of the epoch has emitted it. 0: as stored, or free.
	now   uint32   // the mark of an entry that is dirty in the present epoch
	marks []uint32 // by id
	sums  []Sum    // by id: as last emitted; zero: never

	list   []uint32 // ids touched in the present epoch
	graves graves   // keys removed in the present epoch

	cut       []uint32 // ids of the last cut, until it is stored
	cutGraves graves
	done      int  // how far Flush has gone through cut and then cutGraves
	sink      Sink // nil: no cut is being flushed

	digest Sum
	count  int64
	buf    []byte
}

const (
	removed = 1       // bit of a mark
	emitted = 1 << 31 // bit of a mark
)

// NewSet returns a Set for t, in which nothing is dirty.
func NewSet(t Table) *Set { return &Set{table: t, now: 2} }

// Touch says that entry id is about to be changed, or created. It must be called before the change: if the entry
// belongs to a cut that is not flushed yet, it is encoded and emitted first, as it is now. O(1), and a compare
// when the entry is dirty already.
func (s *Set) Touch(id uint32) {
	if int(id) < len(s.marks) && s.marks[id] == s.now {
		return
	}
	s.touch(id)
}

func (s *Set) touch(id uint32) {
	s.grow(id)
	s.settle(id)
	if s.marks[id] != s.now|removed { // else it is in the list already
		s.list = append(s.list, id)
	}
	s.marks[id] = s.now
}

// Remove says that entry id is about to be freed. It must be called while the entry still gives its key. If the
// cut in progress needs the entry it is emitted first; if the entry was ever emitted, its deletion belongs to the
// next cut. The id may then be used for another entry, after a Touch.
func (s *Set) Remove(id uint32) {
	if int(id) >= len(s.marks) {
		return
	}
	s.settle(id)
	if sum := s.sums[id]; sum != (Sum{}) {
		s.buf = s.table.AppendKey(s.buf[:0], id)
		s.graves.dig(s.buf, sum, graveCounted)
		s.sums[id] = Sum{}
	}
	if s.marks[id] == s.now {
		s.marks[id] = s.now | removed
	} else {
		s.marks[id] = 0
	}
}

// Cut begins a cut of what is dirty, to be emitted to sink, in O(1). It panics when the previous cut is not flushed, and takes
// that one for stored.
func (s *Set) Cut(sink Sink) {
	if s.sink != nil {
		panic(fmt.Sprintf("dirty: cut before the previous one is flushed (%d of %d entries done)",
			s.done, len(s.cut)+len(s.cutGraves.list)))
	}
	s.Stored()
	s.cut, s.list = s.list, s.cut
	s.cutGraves, s.graves = s.graves, s.cutGraves
	s.done, s.sink = 0, sink
	s.now += 2
}

// Stored says that the last cut, which is flushed, is in a committed checkpoint.
func (s *Set) Stored() {
	if s.sink != nil {
		panic("dirty: stored before it is flushed")
	}
	s.cut = s.cut[:0]
	s.cutGraves.clear()
}

// Abandon says that the last cut, flushed or not, is in no checkpoint and never will be: what belonged to it is dirty again.
// The digest keeps what was emitted; together with the next cut it is true again.
func (s *Set) Abandon() {
	cut := s.now - 2
	for _, id := range s.cut {
		if s.marks[id] == cut || s.marks[id] == cut|emitted {
			s.marks[id] = s.now
			s.list = append(s.list, id)
		}
	}
	for i, g := range s.cutGraves.list {
		if g.state != graveRisen {
			s.graves.dig(s.cutGraves.key(i), g.sum, g.state)
		}
	}
	s.sink = nil
	s.Stored()
}

// Clean reports whether the entry is in a committed checkpoint just as it is: then it may leave memory, by Evict, and be read
// from the store when it is needed again.
func (s *Set) Clean(id uint32) bool {
	if int(id) >= len(s.marks) || s.sums[id] == (Sum{}) {
		return false
	}
	m := s.marks[id]
	switch {
	case m == 0:
		return true
	case m&emitted == 0:
		return false // dirty
	}
	return m != (s.now-2)|emitted || len(s.cut) == 0 // emitted by a cut that is stored
}

// Evict says that a clean entry is about to leave memory; it still gives its key. It stays in the digest and in the store; the
// id may then be used for another.
func (s *Set) Evict(id uint32) {
	if !s.Clean(id) {
		panic(fmt.Sprintf("dirty: entry %d is not in the store as it is", id))
	}
	s.Prefix() // it may be the last one that tells
	s.marks[id], s.sums[id] = 0, Sum{}
}

// Revive says that an entry was read back from the store, where it has the given sum, and now has this id, which is free.
func (s *Set) Revive(id uint32, sum Sum) {
	s.grow(id)
	if s.sums[id] != (Sum{}) || s.marks[id] == s.now {
		panic(fmt.Sprintf("dirty: id %d of a revived entry is in use", id))
	}
	s.sums[id], s.marks[id] = sum, 0
}

// Assume says that the store has n entries of the table with the given digest and prefix, beside those that are loaded: they are
// read when they are needed.
func (s *Set) Assume(prefix byte, digest Sum, n int64) {
	s.prefix = prefix
	s.digest.Add(digest)
	s.count += n
}

// Flush goes through up to n entries of the cut, emits those that Touch and Remove have not, and says whether
// the cut is complete. Without a cut it returns true.
func (s *Set) Flush(n int) bool {
	if s.sink == nil {
		return true
	}
	for ; n > 0 && s.done < len(s.cut); n-- {
		s.settle(s.cut[s.done])
		s.done++
	}
	for ; n > 0 && s.done < len(s.cut)+len(s.cutGraves.list); n-- {
		s.bury(s.done - len(s.cut))
		s.done++
	}
	if s.done < len(s.cut)+len(s.cutGraves.list) {
		return false
	}
	s.sink = nil
	return true
}

// Pending returns the number of entries that Flush has still to go through.
func (s *Set) Pending() int {
	if s.sink == nil {
		return 0
	}
	return len(s.cut) + len(s.cutGraves.list) - s.done
}

// Dirty returns an upper bound of the number of entries that the next cut will emit.
func (s *Set) Dirty() int { return len(s.list) + len(s.graves.list) }

// Loaded says that entry id was read from the store, where it has the given sum. It belongs to recovery, before
// anything is touched; it panics when the id is in use.
func (s *Set) Loaded(id uint32, sum Sum) {
	s.grow(id)
	if s.marks[id] != 0 || s.sums[id] != (Sum{}) {
		panic(fmt.Sprintf("dirty: entry %d loaded twice, or after it was touched", id))
	}
	s.sums[id] = sum
	s.digest.Add(sum)
	s.count++
}

// Digest returns the sum over all live entries, as of the last cut; while a cut is being flushed it lies between
// two cuts and means nothing.
func (s *Set) Digest() Sum { return s.digest }

// Count returns the number of entries in the digest.
func (s *Set) Count() int64 { return s.count }

// Prefix returns the first byte of the table's keys, or 0 when it has never had an entry.
func (s *Set) Prefix() byte {
	if s.prefix != 0 {
		return s.prefix
	}
	for id, sum := range s.sums {
		if sum != (Sum{}) {
			s.buf = s.table.AppendKey(s.buf[:0], uint32(id))
			s.prefix = s.buf[0]
			break
		}
	}
	return s.prefix
}

func (s *Set) grow(id uint32) {
	if n := int(id) + 1; n > len(s.marks) {
		s.marks = append(s.marks, make([]uint32, n-len(s.marks))...)
		s.sums = append(s.sums, make([]Sum, n-len(s.sums))...)
	}
}

// settle emits entry id if the cut in progress still needs it.
func (s *Set) settle(id uint32) {
	if s.sink == nil || s.marks[id] != s.now-2 {
		return
	}
	s.buf = s.table.AppendKey(s.buf[:0], id)
	n := len(s.buf)
	s.buf = s.table.AppendValue(s.buf, id)
	key, value := s.buf[:n:n], s.buf[n:]
	sum := SumJoined(s.buf, n)

	old := s.sums[id]
	if old == (Sum{}) {
		// A new entry may have the key of one that was removed in the same epoch: then it replaces it.
		old = s.cutGraves.rise(key)
	}
	if old == (Sum{}) {
		s.count++
	}
	s.digest.Sub(old)
	s.digest.Add(sum)
	s.sums[id] = sum
	s.marks[id] |= emitted
	s.prefix = key[0]
	s.sink(key, value, sum)
}

// bury emits the deletion of the i-th removed key of the cut, unless a new entry has it.
func (s *Set) bury(i int) {
	g := &s.cutGraves.list[i]
	switch g.state {
	case graveRisen:
		return
	case graveCounted:
		s.digest.Sub(g.sum)
		s.count--
		g.state = graveSettled
	}
	s.sink(s.cutGraves.key(i), nil, Sum{})
}
