package model

import (
	"math"
	"sync/atomic"
)

// The slots of a table are kept, tracked and stored in pages.
const (
	pageBits  = 10
	pageSlots = 1 << pageBits
)

// table holds the weights of all heads of a model. A row has one place per head, next to each other: heads look up
// the same slots, and what the first has fetched the next finds in the cache (docs/adr/0004-weight-tables.md).
//
// acc belongs to the writer. w is published: the writer stores, anyone loads.
type table struct {
	bits  int
	heads uint
	mask  uint32
	w     []atomic.Uint32       // float32 bits, [slot][head]
	acc   []coordinate[float32] // [slot][head]
}

func newTable(bits, heads int) *table {
	t := &table{
		bits: bits, heads: uint(heads), mask: 1<<bits - 1,
		w:   make([]atomic.Uint32, heads<<bits),
		acc: make([]coordinate[float32], heads<<bits),
	}
	adviseHuge(t.w)
	adviseHuge(t.acc)
	return t
}

func (t *table) pages() int { return 1 << (t.bits - pageBits) }

// dot returns s plus the products of v with the weights of a head, summed in order. A product of two float32 is
// exact in float64, so it makes no difference whether a compiler fuses it with the sum.
func (t *table) dot(s float64, head uint, v Vector) float64 {
	w, mask, heads := t.w, t.mask, t.heads
	valued, values, ones := v.split()
	for i, slot := range valued {
		s += float64(math.Float32frombits(w[uint(slot&mask)*heads+head].Load())) * float64(values[i])
	}
	for _, slot := range ones {
		s += float64(math.Float32frombits(w[uint(slot&mask)*heads+head].Load()))
	}
	return s
}

// dotPair is dot for two heads that are neighbours, to the bit, for little more than the price of one.
func (t *table) dotPair(s0, s1 float64, head uint, v Vector) (float64, float64) {
	w, mask, heads := t.w, t.mask, t.heads
	valued, values, ones := v.split()
	for i, slot := range valued {
		at, x := uint(slot&mask)*heads+head, float64(values[i])
		s0 += float64(math.Float32frombits(w[at].Load())) * x
		s1 += float64(math.Float32frombits(w[at+1].Load())) * x
	}
	for _, slot := range ones {
		at := uint(slot&mask)*heads + head
		s0 += float64(math.Float32frombits(w[at].Load()))
		s1 += float64(math.Float32frombits(w[at+1].Load()))
	}
	return s0, s1
}

func (t *table) weight(slot uint32, head uint) float32 {
	return math.Float32frombits(t.w[uint(slot&t.mask)*t.heads+head].Load())
}

// cell is everything about one weight, as it is stored.
type cell struct{ w, z, n float32 }

// blank is true only for the bits that a new table has.
func (c cell) blank() bool {
	return math.Float32bits(c.w)|math.Float32bits(c.z)|math.Float32bits(c.n) == 0
}

func (t *table) cell(slot int, head uint) cell {
	i := uint(slot)*t.heads + head
	return cell{w: math.Float32frombits(t.w[i].Load()), z: t.acc[i].z, n: t.acc[i].n}
}

func (t *table) setCell(slot int, head uint, c cell) {
	i := uint(slot)*t.heads + head
	t.acc[i] = coordinate[float32]{z: c.z, n: c.n}
	t.w[i].Store(math.Float32bits(c.w))
}
