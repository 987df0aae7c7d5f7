package feedback

import "math/bits"

// index maps 64-bit hashes, of which 0 is none, to numbers, at 14 to 17 bytes each. It consists of small tables, of
// which one at a time is split or merged as the index grows or shrinks (linear hashing: Litwin 1980): no call ever
// moves more than the entries of two.
//
// Hashes are expected to be spread over all 64 bits.
type index struct {
	dir    [][]shelf // of dirShelves each
	inUse  int       // shelves, at least 1 once there is an entry
	live   int       // entries
	cells  int64     // allocated
	merged []cell    // scratch
	other  []cell    // scratch
}

// shelf is a sorted array with gaps: open addressing by the high bits of the hash, probed linearly, in which the entries
// of a run stand in the order of their hashes (Amble and Knuth 1974). So a look-up in vain ends as soon as one that hits.
type shelf struct {
	cells []cell
	homes uint32 // an entry stands at its home or behind it; cells beyond the last home take what has no place before
	count uint32
}

// cell is an entry; it has no 64-bit field, so as to be no larger than 12 bytes.
type cell struct{ low, high, value uint32 }

const (
	dirShelves = 256 // allocated together
	splitAt    = 512 // entries a shelf, on average, above which there is another one
	mergeAt    = 192 // below which there is one less
	overrun    = 8   // free cells behind the last one, at least, in a shelf that is written anew
	cellBytes  = 12
	shelfBytes = 32
)

func (c *cell) key() uint64 { return uint64(c.high)<<32 | uint64(c.low) }

// get returns the number of key, or 0.
func (x *index) get(key uint64) uint32 {
	if x.live == 0 {
		return 0
	}
	s := x.shelf(x.place(key))
	if i, ok := s.seek(key); ok {
		return s.cells[i].value
	}
	return 0
}

// put sets the number of key.
func (x *index) put(key uint64, value uint32) {
	if x.inUse == 0 {
		x.add()
	}
	s := x.shelf(x.place(key))
	i, ok := s.seek(key)
	if ok {
		s.cells[i].value = value
		return
	}
	if 100*(s.count+1) > 85*s.homes || !s.insert(i, key, value) {
		x.merged = s.take(x.merged[:0])
		x.fill(s, x.merged, 1)
		i, _ = s.seek(key)
		s.insert(i, key, value)
	}
	x.live++
	if x.live > splitAt*x.inUse {
		x.split()
	}
}

// remove forgets key.
func (x *index) remove(key uint64) {
	if x.live == 0 {
		return
	}
	s := x.shelf(x.place(key))
	i, ok := s.seek(key)
	if !ok {
		return
	}
	s.remove(i)
	x.live--
	switch {
	case x.inUse > 1 && x.live < mergeAt*x.inUse:
		x.merge()
	case s.homes > 32 && 100*s.count < 40*s.homes:
		x.merged = s.take(x.merged[:0])
		x.fill(s, x.merged, 0)
	}
}

// all yields every entry, in no order that means anything. The index must not change meanwhile.
func (x *index) all(yield func(key uint64, value uint32) bool) {
	for i := range x.inUse {
		for _, c := range x.shelf(i).cells {
			if c.key() != 0 && !yield(c.key(), c.value) {
				return
			}
		}
	}
}

func (x *index) bytes() int64 {
	return (x.cells+int64(cap(x.merged)+cap(x.other)))*cellBytes + int64(len(x.dir)*dirShelves*shelfBytes)
}

// place returns the shelf of key: with 2^n to 2^(n+1) shelves, those that have been split go by n+1 bits, others by n.
func (x *index) place(key uint64) int {
	n := bits.Len(uint(x.inUse))
	i := int(key & (1<<n - 1))
	if i >= x.inUse {
		i &= 1<<(n-1) - 1
	}
	return i
}

func (x *index) shelf(i int) *shelf { return &x.dir[i/dirShelves][i%dirShelves] }

func (x *index) add() {
	if x.inUse == len(x.dir)*dirShelves {
		x.dir = append(x.dir, make([]shelf, dirShelves))
	}
	x.inUse++
}

// buddy returns the shelf that shelf i was split from.
func buddy(i int) int { return i &^ (1 << (bits.Len(uint(i)) - 1)) }

func (x *index) split() {
	x.add()
	last := x.inUse - 1
	from := x.shelf(buddy(last))
	x.merged = from.take(x.merged[:0])
	stay := x.merged[:0]
	x.other = x.other[:0]
	for _, c := range x.merged {
		if x.place(c.key()) == last {
			x.other = append(x.other, c)
		} else {
			stay = append(stay, c)
		}
	}
	x.fill(from, stay, 0)
	x.fill(x.shelf(last), x.other, 0)
}

func (x *index) merge() {
	last := x.inUse - 1
	into, from := x.shelf(buddy(last)), x.shelf(last)
	x.inUse--
	x.other = append(x.other[:0], make([]cell, into.count+from.count)...)
	x.merged = into.take(x.merged[:0])
	middle := len(x.merged)
	x.merged = from.take(x.merged)
	a, b := x.merged[:middle], x.merged[middle:]
	for i := range x.other {
		if len(b) == 0 || len(a) > 0 && a[0].key() < b[0].key() {
			x.other[i], a = a[0], a[1:]
		} else {
			x.other[i], b = b[0], b[1:]
		}
	}
	x.cells -= int64(cap(from.cells))
	*from = shelf{}
	x.fill(into, x.other, 0)
	if x.inUse%dirShelves == 0 && x.inUse > 0 {
		x.dir = x.dir[:x.inUse/dirShelves]
	}
}

// fill makes sorted entries the content of s, with room for more.
func (x *index) fill(s *shelf, entries []cell, more int) {
	x.cells -= int64(cap(s.cells))
	s.homes = uint32((len(entries)+more)*100/72 + 4)
	s.count = uint32(len(entries))
	end := 0
	for i := range entries {
		end = max(end, s.home(entries[i].key())) + 1
	}
	n := max(int(s.homes), end) + overrun
	if n > cap(s.cells) || 4*n < 3*cap(s.cells) {
		s.cells = append([]cell(nil), make([]cell, n)...) // what the allocator rounds up to is used as well
	}
	s.cells = s.cells[:cap(s.cells)]
	clear(s.cells)
	at := 0
	for i := range entries {
		at = max(at, s.home(entries[i].key()))
		s.cells[at] = entries[i]
		at++
	}
	x.cells += int64(cap(s.cells))
}

func (s *shelf) home(key uint64) int {
	high, _ := bits.Mul64(key, uint64(s.homes))
	return int(high)
}

// seek returns where key stands, or where it is to be put.
func (s *shelf) seek(key uint64) (i int, ok bool) {
	for i = s.home(key); i < len(s.cells); i++ {
		if k := s.cells[i].key(); k >= key || k == 0 {
			return i, k == key
		}
	}
	return i, false
}

// insert puts an entry at i and moves the rest of its run on. It reports whether there was room.
func (s *shelf) insert(i int, key uint64, value uint32) bool {
	end := i
	for end < len(s.cells) && s.cells[end].key() != 0 {
		end++
	}
	if end == len(s.cells) {
		return false
	}
	copy(s.cells[i+1:end+1], s.cells[i:end])
	s.cells[i] = cell{uint32(key), uint32(key >> 32), value}
	s.count++
	return true
}

// remove takes the entry at i out and moves those of its run back that can stand nearer to their homes.
func (s *shelf) remove(i int) {
	end := i + 1
	for end < len(s.cells) && s.cells[end].key() != 0 && s.home(s.cells[end].key()) < end {
		end++
	}
	copy(s.cells[i:], s.cells[i+1:end])
	s.cells[end-1] = cell{}
	s.count--
}

// take appends the entries of s, which are sorted.
func (s *shelf) take(entries []cell) []cell {
	for _, c := range s.cells {
		if c.key() != 0 {
			entries = append(entries, c)
		}
	}
	return entries
}
