package feedback

import "math/bits"

// arena hands out blocks of 32-bit words from large chunks without pointers, so that the garbage collector has
// nothing to follow however many impressions are pending. Each size class has chunks of its own, which are given back
// when they are empty; a large block is its own chunk.
type arena struct {
	pools  [arenaClasses]pool
	large  slab[[]uint32]
	used   int64 // words of blocks in use
	carved int64 // words of chunks and of large blocks
}

// pool is the blocks of one size class.
type pool struct {
	chunks [][]uint32 // nil: given back
	ids    numbers
	shift  uint // of the number of blocks in a chunk
	words  int  // of a block
}

// ref names a block: its class, and its number there. The zero ref is no block.
type ref uint64

const (
	chunkWords   = 1 << 14 // 64 KiB
	smallWords   = 64      // up to here classes are 4 words apart
	mediumWords  = 256     // up to here 16; a block above is large
	smallStep    = 4
	mediumStep   = 16
	smallClasses = smallWords / smallStep
	arenaClasses = smallClasses + (mediumWords-smallWords)/mediumStep + 1
	largeClass   = arenaClasses
)

// classOf returns the size class of n words, n > 0, and the words that a block of it has.
func classOf(n int) (class, words int) {
	if n <= smallWords {
		class = (n + smallStep - 1) / smallStep
		return class, class * smallStep
	}
	class = (n - smallWords + mediumStep - 1) / mediumStep
	return class + smallClasses, class*mediumStep + smallWords
}

// alloc returns a block of n words, n > 0. Its content is arbitrary.
func (a *arena) alloc(n int) (ref, []uint32) {
	if n > mediumWords {
		id := a.large.alloc()
		block := make([]uint32, n)
		*a.large.at(id) = block
		a.used += int64(n)
		a.carved += int64(n)
		return makeRef(largeClass, id), block
	}
	class, words := classOf(n)
	p := &a.pools[class]
	if p.ids.size == 0 {
		p.words = words
		p.shift = max(6, min(10, uint(bits.Len(uint(chunkWords/words))-1)))
		p.ids.size = 1 << p.shift
	}
	id := p.ids.take()
	chunk := int(id >> p.shift)
	for chunk >= len(p.chunks) {
		p.chunks = append(p.chunks, nil)
	}
	if p.chunks[chunk] == nil {
		p.chunks[chunk] = make([]uint32, words<<p.shift)
		a.carved += int64(words << p.shift)
	}
	a.used += int64(words)
	return makeRef(class, id), p.block(id)[:n:n]
}

// release takes a block back.
func (a *arena) release(r ref) {
	if r == 0 {
		return
	}
	class, id := r.split()
	if class == largeClass {
		n := int64(len(*a.large.at(id)))
		a.used -= n
		a.carved -= n
		a.large.release(id)
		return
	}
	p := &a.pools[class]
	a.used -= int64(p.words)
	if chunk, drop := p.ids.give(id); drop {
		p.chunks[chunk] = nil
		a.carved -= int64(p.words << p.shift)
	}
}

// words returns the block at r, which may have some words more than it was asked for with.
func (a *arena) words(r ref) []uint32 {
	class, id := r.split()
	if class == largeClass {
		return *a.large.at(id)
	}
	return a.pools[class].block(id)
}

func (a *arena) bytes() int64 { return 4*a.carved + a.large.bytes() }

func (p *pool) block(id uint32) []uint32 {
	at := int(id&(1<<p.shift-1)) * p.words
	return p.chunks[id>>p.shift][at : at+p.words]
}

func makeRef(class int, id uint32) ref { return ref(uint64(class)<<32 | uint64(id)) }

func (r ref) split() (class int, id uint32) { return int(r >> 32), uint32(r) }
