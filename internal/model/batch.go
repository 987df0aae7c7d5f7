package model

import (
	"sync/atomic"
	"unsafe"
)

// ahead is how many examples lie between the one that LearnBatch learns and the one whose rows it fetches.
const ahead = 4

// LearnBatch learns examples in their order, to the bit as Learn does one by one, and faster: rows are fetched from memory before they are
// needed, and weights are stored without a fence. For that nobody else may use the model meanwhile, not even to predict.
//
// Where p is not nil it has the length of examples, and p[i] becomes what Learn returns of examples[i]. LearnBatch returns how many were learned.
func (m *Model) LearnBatch(head int, examples []Example, p []float64) (learned int) {
	h := m.heads[head]
	m.table.alone = true
	defer func() { m.table.alone = false }()
	for i := range min(ahead, len(examples)) {
		h.seat.fetch(&examples[i])
	}
	for i := range examples {
		if next := i + ahead; next < len(examples) {
			h.seat.fetch(&examples[next])
		}
		before, ok := h.Learn(&examples[i])
		if ok {
			learned++
		}
		if p != nil {
			p[i] = before
		}
	}
	return learned
}

const lineBytes = 64 // of a cache

// fetch begins to bring what the seat has in the rows of an example into the cache.
func (s *seat) fetch(ex *Example) {
	for _, slots := range [...][]uint32{ex.Shared.Slots, ex.Own.Slots} {
		prefetchRows(s.w[s.firstWord:], s.words, s.width, slots, s.mask)
		if s.coordinates > 0 {
			prefetchRows(s.acc[s.firstCoordinate:], s.coordinates, s.depth, slots, s.mask)
		}
	}
}

// prefetchRows fetches the first count, at least 1, of each row of width that slots stand for. A row may begin anywhere in a cache line: its end
// is asked for, too.
func prefetchRows[T any](table []T, count, width uint, slots []uint32, mask uint32) {
	size := uint(unsafe.Sizeof(table[0]))
	for at := uint(0); at < count; at += lineBytes / size {
		prefetch(unsafe.Pointer(&table[at]), slots, mask, uintptr(width*size))
	}
	if count > 1 {
		prefetch(unsafe.Pointer(&table[count-1]), slots, mask, uintptr(width*size))
	}
}

// store publishes a word. An atomic store is a fence on amd64, behind which loads queue; when the writer is alone a plain one does.
func store(to *atomic.Uint32, bits uint32, alone bool) {
	if alone {
		*(*uint32)(unsafe.Pointer(to)) = bits
		return
	}
	to.Store(bits)
}
