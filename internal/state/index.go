package state

import "hash/maphash"

// index finds the records of one delta by their keys, in about 20 bytes a record. It is a table with linear probing whose
// slots ascend by hash, so that a key that is not there is missed after a look or two. The hash is seeded anew in every process:
// whoever chooses the keys cannot choose where they collide. An index does not change once it is built.
type index struct {
	slots []slot
	homes uint64 // slots that a hash can point to; those behind take what overflows
}

// slot is where one record lies. Keys may share a hash: the record says which one it is.
type slot struct {
	off  int64
	size uint32 // 0: free
	hash uint32
}

const slotBytes = 16

func keyHash(seed maphash.Seed, key []byte) uint32 { return uint32(maphash.Bytes(seed, key) >> 32) }

func (x *index) home(hash uint32) int { return int(uint64(hash) * x.homes >> 32) }

// find returns the place of the first record with this hash, the newest. Those with the same hash follow it.
func (x *index) find(hash uint32) int {
	i := x.home(hash)
	for i < len(x.slots) && x.slots[i].size != 0 && x.slots[i].hash < hash {
		i++
	}
	return i
}

// at returns slot i, if it holds a record with this hash.
func (x *index) at(i int, hash uint32) (slot, bool) {
	if i >= len(x.slots) || x.slots[i].size == 0 || x.slots[i].hash != hash {
		return slot{}, false
	}
	return x.slots[i], true
}

func (x *index) bytes() int64 { return slotBytes * int64(cap(x.slots)) }

// indexer collects the records of a delta in the order in which they were put.
type indexer struct {
	seed  maphash.Seed
	full  [][]slot // chunks: a slice that grows would be copied again and again
	chunk []slot
	count int
}

const indexChunk = 8192

func (b *indexer) add(key []byte, off int64, size int) {
	b.addSlot(slot{off: off, size: uint32(size), hash: keyHash(b.seed, key)})
}

func (b *indexer) addSlot(s slot) {
	if len(b.chunk) == cap(b.chunk) {
		b.full = append(b.full, b.chunk)
		b.chunk = make([]slot, 0, indexChunk)
	}
	b.chunk = append(b.chunk, s)
	b.count++
}

func (b *indexer) build() *index {
	homes := b.count + b.count/4 + 1
	x := &index{slots: make([]slot, homes, homes+16), homes: uint64(homes)}
	for _, chunk := range append(b.full, b.chunk) {
		for _, s := range chunk {
			x.insert(s)
		}
	}
	return x
}

// insert puts s before the records with its own hash, which are older, and moves what follows.
func (x *index) insert(s slot) {
	for i := x.find(s.hash); i < len(x.slots); i++ {
		s, x.slots[i] = x.slots[i], s
		if s.size == 0 {
			return
		}
	}
	x.slots = append(x.slots, s)
}
