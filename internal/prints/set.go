package prints

import (
	"math/bits"
	"unsafe"
)

// MaxHours is how many hours a set tells apart.
const MaxHours = 250

const (
	splitAt  = 1024 // live fingerprints a table, on average, above which the set gets another one
	mergeAt  = 384  // below which it gives one up
	dirTable = 256  // tables that are allocated together
)

// Set is a set of fingerprints by hour. It belongs to one goroutine; Hour, Len and Bytes may be called from several at
// a time while nobody calls Add or Drop.
//
// Fingerprints are hashes: they are expected to be spread over all 64 bits.
type Set struct {
	dir    [][]table // of dirTable each
	tables int       // in use, at least 1

	hours [MaxHours + 1]hourSlot // by slot; slot 0 is none
	slots map[uint32]uint8       // of live hours
	free  []uint8                // slots of no hour
	drops uint64                 // hours forgotten so far

	live  int   // fingerprints of live hours
	bytes int64 // of tables
	spare []item
	work  int // cells moved or cleared so far; for the tests
}

// hourSlot is what a cell's byte stands for.
type hourSlot struct {
	hour  uint32
	live  bool
	born  uint64 // drops when the hour got the slot: a table that was swept before holds nothing of it
	count int    // fingerprints
}

// New returns an empty set.
func New() *Set {
	s := &Set{slots: make(map[uint32]uint8, MaxHours)}
	for slot := MaxHours; slot > 0; slot-- {
		s.free = append(s.free, uint8(slot))
	}
	s.addTable()
	return s
}

// Add puts print into an hour of Unix time, or moves it there from another one. An hour that is new when MaxHours are
// in use costs the oldest of all of them: it is returned, with everything that was in it forgotten. It may be the very
// hour that was to be added to: then the call has changed nothing.
func (s *Set) Add(print uint64, hour uint32) (dropped uint32, full bool) {
	slot, dropped, full := s.slot(hour)
	if slot == 0 {
		return dropped, full
	}
	h := mix(print)
	t := s.table(s.index(h))
	if t.swept < s.drops {
		s.rebuild(t) // whatever stands in it now lives
	}
	if cell := t.find(h, print); cell != nil {
		s.hours[*cell].count--
		*cell = slot
	} else {
		if !t.fits(t.count + 1) {
			s.rebuild(t)
		}
		t.put(h, print, slot)
		s.live++
	}
	s.hours[slot].count++
	s.resize()
	return dropped, full
}

// Hour returns the hour that print belongs to, if it is in the set.
func (s *Set) Hour(print uint64) (hour uint32, ok bool) {
	h := mix(print)
	t := s.table(s.index(h))
	cell := t.find(h, print)
	if cell == nil || !s.alive(t, *cell) {
		return 0, false
	}
	return s.hours[*cell].hour, true
}

// Drop forgets an hour and returns how many fingerprints it held. It takes the same time however many they are.
func (s *Set) Drop(hour uint32) (n int) {
	slot, ok := s.slots[hour]
	if !ok {
		return 0
	}
	n = s.hours[slot].count
	s.drops++
	s.hours[slot] = hourSlot{}
	delete(s.slots, hour)
	s.free = append(s.free, slot)
	s.live -= n
	return n
}

// Len returns the number of fingerprints in the set.
func (s *Set) Len() int { return s.live }

// Bytes returns the memory that the set takes.
func (s *Set) Bytes() int64 {
	return s.bytes + int64(cap(s.spare))*int64(unsafe.Sizeof(item{})) + int64(unsafe.Sizeof(*s))
}

// slot returns the slot of an hour, making room for it if need be; 0 when the hour is older than MaxHours others.
func (s *Set) slot(hour uint32) (slot uint8, dropped uint32, full bool) {
	if slot, ok := s.slots[hour]; ok {
		return slot, 0, false
	}
	if len(s.free) == 0 {
		oldest := hour
		for h := range s.slots {
			oldest = min(oldest, h)
		}
		if oldest == hour {
			return 0, hour, true
		}
		s.Drop(oldest)
		dropped, full = oldest, true
	}
	slot = s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	s.hours[slot] = hourSlot{hour: hour, live: true, born: s.drops}
	s.slots[hour] = slot
	return slot, dropped, full
}

// index returns the table that a mixed fingerprint belongs to. With 2^n to 2^(n+1) tables, those that have been split
// are told apart by n+1 bits of it and the others by n.
func (s *Set) index(h uint64) int {
	n := bits.Len(uint(s.tables)) // tables < 2^n
	i := int(h & (1<<n - 1))
	if i >= s.tables {
		i &= 1<<(n-1) - 1
	}
	return i
}

func (s *Set) table(i int) *table { return &s.dir[i/dirTable][i%dirTable] }

// resize splits one table or merges two, if the set has come to hold too much or too little for its tables.
func (s *Set) resize() {
	switch {
	case s.live > splitAt*s.tables:
		s.addTable()
		s.rehash(s.buddy(s.tables-1), s.tables-1)
	case s.tables > 1 && s.live < mergeAt*s.tables:
		last := s.tables - 1
		s.spare = s.take(s.spare[:0], s.table(last))
		s.tables--
		s.bytes -= int64(len(s.table(last).blocks)) * blockBytes
		*s.table(last) = table{}
		if last%dirTable == 0 && last > 0 {
			s.dir[last/dirTable] = nil
			s.dir = s.dir[:last/dirTable]
			s.bytes -= dirTable * tableBytes
		}
		i := s.buddy(last)
		s.spare = s.take(s.spare, s.table(i))
		s.fill(s.table(i), s.spare, 0)
	}
}

// buddy returns the table that table i was split from.
func (s *Set) buddy(i int) int { return i &^ (1 << (bits.Len(uint(i)) - 1)) }

func (s *Set) addTable() {
	if s.tables%dirTable == 0 {
		s.dir = append(s.dir, make([]table, dirTable))
		s.bytes += dirTable * tableBytes
	}
	s.tables++
}

// rehash parts the fingerprints of a table with those that now belong to another, empty one.
func (s *Set) rehash(from, to int) {
	s.spare = s.take(s.spare[:0], s.table(from))
	stay := 0
	for i, it := range s.spare {
		if s.index(mix(it.print)) == from {
			s.spare[i], s.spare[stay] = s.spare[stay], it
			stay++
		}
	}
	s.fill(s.table(from), s.spare[:stay], 0)
	s.fill(s.table(to), s.spare[stay:], 0)
}

// rebuild writes t anew, with nothing in it but what lives, and with room for one more.
func (s *Set) rebuild(t *table) {
	s.spare = s.take(s.spare[:0], t)
	s.fill(t, s.spare, 1)
}

// take appends what lives in t to items.
func (s *Set) take(items []item, t *table) []item {
	for i := range t.blocks {
		b := &t.blocks[i]
		for c, slot := range b.slots[:b.used] {
			if s.alive(t, slot) {
				items = append(items, item{print: b.prints[c], slot: slot})
			}
		}
	}
	s.work += len(t.blocks) * blockCells
	return items
}

// fill makes items the content of t, with room for more.
func (s *Set) fill(t *table, items []item, more int) {
	s.bytes -= int64(len(t.blocks)) * blockBytes
	t.size(len(items) + more)
	s.bytes += int64(len(t.blocks)) * blockBytes
	t.count, t.swept = 0, s.drops
	for _, it := range items {
		t.put(mix(it.print), it.print, it.slot)
	}
	s.work += len(items)
}

// alive reports whether a cell of t with that slot belongs to a live hour.
func (s *Set) alive(t *table, slot uint8) bool {
	h := &s.hours[slot]
	return h.live && h.born <= t.swept
}
