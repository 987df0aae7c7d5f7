package prints

import (
	"math/bits"
	"unsafe"
)

const (
	blockCells = 7
	blockBytes = int64(unsafe.Sizeof(block{}))
	tableBytes = int64(unsafe.Sizeof(table{}))
)

// table is open addressing with linear probing over blocks. Cells are never emptied one by one: a table that holds too
// much, or something dead, is written anew.
type table struct {
	blocks []block
	count  int    // cells in use, dead ones among them
	swept  uint64 // Set.drops when it was last written anew: all that lived then lives in it, or has died since
}

// block is a cache line. Its cells are filled from the first on; a print stands in its home, or in a later block if all
// between are full.
type block struct {
	prints [blockCells]uint64
	slots  [blockCells]uint8
	used   uint8 // cells
}

type item struct {
	print uint64
	slot  uint8
}

// mix spreads a fingerprint over the bits that choose the table (the low ones) and the block (the high ones).
func mix(print uint64) uint64 {
	h := (print ^ print>>32) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

func (t *table) home(h uint64) int {
	hi, _ := bits.Mul64(h, uint64(len(t.blocks)))
	return int(hi)
}

// find returns where the slot of print stands, dead or alive; nil when it is not there.
func (t *table) find(h, print uint64) *uint8 {
	if len(t.blocks) == 0 {
		return nil
	}
	for i := t.home(h); ; {
		b := &t.blocks[i]
		for c := range b.prints[:b.used] {
			if b.prints[c] == print {
				return &b.slots[c]
			}
		}
		if b.used < blockCells {
			return nil
		}
		if i++; i == len(t.blocks) {
			i = 0
		}
	}
}

// put adds a print that is not there; there is room for it.
func (t *table) put(h, print uint64, slot uint8) {
	i := t.home(h)
	for t.blocks[i].used == blockCells {
		if i++; i == len(t.blocks) {
			i = 0
		}
	}
	b := &t.blocks[i]
	b.prints[b.used], b.slots[b.used] = print, slot
	b.used++
	t.count++
}

// fits reports whether n cells in use leave enough empty ones: 15 %.
func (t *table) fits(n int) bool { return 100*n <= 85*blockCells*len(t.blocks) }

// size gives t empty blocks for n prints. The old ones are used again unless they are too few, or three quarters
// of them would do.
func (t *table) size(n int) {
	want := (100*n + 75*blockCells - 1) / (75 * blockCells)
	if t.fits(n) && 4*want >= 3*len(t.blocks) {
		clear(t.blocks)
		return
	}
	// What the allocator would round up to is used in full.
	blocks := append([]block(nil), make([]block, want)...)
	t.blocks = blocks[:cap(blocks)]
}
