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

// table holds what all heads of a model have learned. In a row each head has a seat of some words, next to each other: heads look up
// the same slots, and what the first has fetched the next finds in the cache (docs/adr/0004-weight-tables.md).
//
// acc belongs to the writer. w is published: the writer stores, anyone loads.
type table struct {
	bits  int
	mask  uint32
	width uint                  // words of a row
	depth uint                  // coordinates of a row
	w     []atomic.Uint32       // float32 bits, [slot][word]
	acc   []coordinate[float32] // [slot][coordinate]
	alone bool                  // nobody but the writer uses w: see LearnBatch
}

func newTable(bits int) *table { return &table{bits: bits, mask: 1<<bits - 1} }

// seat takes places of every row, before alloc.
func (t *table) seat(s shape) seat {
	out := seat{table: t, firstWord: t.width, firstCoordinate: t.depth, words: uint(s.words), coordinates: uint(s.coordinates)}
	t.width += out.words
	t.depth += out.coordinates
	return out
}

func (t *table) alloc() {
	t.w = make([]atomic.Uint32, t.width<<t.bits)
	t.acc = make([]coordinate[float32], t.depth<<t.bits)
	adviseHuge(t.w)
	adviseHuge(t.acc)
}

func (t *table) pages() int { return 1 << (t.bits - pageBits) }

// seat is the place of one head in the rows of a table.
type seat struct {
	*table
	firstWord, words             uint
	firstCoordinate, coordinates uint
}

// word is the i-th published word of a row.
func (s *seat) word(row uint32, i uint) *atomic.Uint32 { return &s.w[uint(row)*s.width+s.firstWord+i] }

// published returns the words of a row.
func (s *seat) published(row uint32) []atomic.Uint32 {
	at := uint(row)*s.width + s.firstWord
	return s.w[at : at+s.words : at+s.words]
}

// own returns the coordinates of a row.
func (s *seat) own(row uint32) []coordinate[float32] {
	at := uint(row)*s.depth + s.firstCoordinate
	return s.acc[at : at+s.coordinates : at+s.coordinates]
}

// cellWords is how many words everything about one slot has.
func (s *seat) cellWords() int { return int(s.words + 2*s.coordinates) }

// cell appends everything about one slot to dst: the published words, then z and n of each coordinate.
func (s *seat) cell(dst []float32, row uint32) []float32 {
	w := s.published(row)
	for i := range w {
		dst = append(dst, math.Float32frombits(w[i].Load()))
	}
	for _, c := range s.own(row) {
		dst = append(dst, c.z, c.n)
	}
	return dst
}

func (s *seat) setCell(row uint32, cell []float32) {
	own := s.own(row)
	for i := range own {
		at := int(s.words) + 2*i
		own[i] = coordinate[float32]{z: cell[at], n: cell[at+1]}
	}
	w := s.published(row)
	for i := len(w) - 1; i >= 0; i-- {
		w[i].Store(math.Float32bits(cell[i]))
	}
}

// learned says whether a learner that keeps so many coordinates has changed anything in a row.
func (s *seat) learned(row uint32, coordinates int) bool {
	var or uint32
	w := s.published(row)
	for i := range w {
		or |= w[i].Load()
	}
	for _, c := range s.own(row)[:coordinates] {
		or |= math.Float32bits(c.z) | math.Float32bits(c.n)
	}
	return or != 0
}

// blank says whether a row is as a new table has it.
func (s *seat) blank(row uint32) bool { return !s.learned(row, int(s.coordinates)) }

// pages is a dirty set with the number of a head's first page.
type pages struct {
	*tracker
	first uint32
}

// changedRows tells the tracker of rows whose pages its set has been told of.
func (p *pages) changedRows(rows []uint32) {
	if p.changed == nil {
		return
	}
	for _, row := range rows {
		p.note(p.first + row>>pageBits)
	}
}
