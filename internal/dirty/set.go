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
// What it has emitted it takes for stored: if the checkpoint then fails, the table has to be loaded again.
type Set struct {
	table Table

	// A mark is an epoch shifted left by one; the low bit says that the entry was removed again, though its
	// id still stands in the epoch's list. 0: not dirty.
	now   uint32   // the mark of an entry that is dirty in the present epoch
	marks []uint32 // by id
	sums  []Sum    // by id: as last emitted; zero: never

	list   []uint32 // ids touched in the present epoch
	graves graves   // keys removed in the present epoch

	cut       []uint32 // ids of the cut that is being flushed
	cutGraves graves
	done      int  // how far Flush has gone through cut and then cutGraves
	sink      Sink // nil: no cut is being flushed

	digest Sum
	count  int64
	buf    []byte
}

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
	if s.marks[id] != s.now|1 { // else it is in the list already
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
		s.graves.dig(s.buf, sum)
		s.sums[id] = Sum{}
	}
	if s.marks[id] == s.now {
		s.marks[id] = s.now | 1
	}
}

// Cut begins a cut of what is dirty, to be emitted to sink, in O(1). It panics when the previous cut is not flushed.
func (s *Set) Cut(sink Sink) {
	if s.sink != nil {
		panic(fmt.Sprintf("dirty: cut before the previous one is flushed (%d of %d entries done)",
			s.done, len(s.cut)+len(s.cutGraves.keys)))
	}
	s.cut, s.list = s.list, s.cut[:0]
	s.cutGraves, s.graves = s.graves, s.cutGraves
	s.done, s.sink = 0, sink
	s.now += 2
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
	for ; n > 0 && s.done < len(s.cut)+len(s.cutGraves.keys); n-- {
		s.bury(s.done - len(s.cut))
		s.done++
	}
	if s.done < len(s.cut)+len(s.cutGraves.keys) {
		return false
	}
	s.cutGraves.clear()
	s.sink = nil
	return true
}

// Pending returns the number of entries that Flush has still to go through.
func (s *Set) Pending() int {
	if s.sink == nil {
		return 0
	}
	return len(s.cut) + len(s.cutGraves.keys) - s.done
}

// Dirty returns an upper bound of the number of entries that the next cut will emit.
func (s *Set) Dirty() int { return len(s.list) + len(s.graves.keys) }

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
	s.marks[id] = 0
	s.sink(key, value, sum)
}

// bury emits the deletion of the i-th removed key of the cut, unless a new entry has it.
func (s *Set) bury(i int) {
	key, sum := s.cutGraves.at(i)
	if sum == (Sum{}) {
		return
	}
	s.digest.Sub(sum)
	s.count--
	s.sink(key, nil, Sum{})
}
