package feedback

// arena hands out blocks of 32-bit words from large chunks without pointers, so that the garbage collector has
// nothing to follow however many impressions are pending. Freed blocks are used again for blocks of their size
// class; memory is not given back, except that of oversized blocks.
type arena struct {
	chunks [][]uint32
	holes  []uint32 // indices in chunks of freed oversized blocks
	open   uint32   // index of the chunk being carved
	carved int      // words of it in use
	free   [arenaClasses][]ref
}

// ref names a block: chunk, and offset in words. The zero ref is no block.
type ref uint64

const (
	chunkWords   = 1 << 16 // 256 KiB
	smallWords   = 64      // up to here classes are 4 words apart
	mediumWords  = 1024    // up to here 16; above, a block has a chunk of its own
	smallStep    = 4
	mediumStep   = 16
	smallClasses = smallWords / smallStep
	arenaClasses = smallClasses + (mediumWords-smallWords)/mediumStep + 1
)

// classOf returns the size class of n words, and the words that a block of it has.
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
		return a.allocLarge(n)
	}
	class, words := classOf(n)
	if free := a.free[class]; len(free) > 0 {
		r := free[len(free)-1]
		a.free[class] = free[:len(free)-1]
		return r, a.words(r)[:n:n]
	}
	if len(a.chunks) == 0 || a.carved+words > chunkWords {
		a.open = uint32(len(a.chunks))
		a.chunks = append(a.chunks, make([]uint32, chunkWords))
		a.carved = 0
	}
	r := makeRef(a.open, a.carved)
	a.carved += words
	return r, a.words(r)[:n:n]
}

func (a *arena) allocLarge(n int) (ref, []uint32) {
	block := make([]uint32, n)
	if k := len(a.holes); k > 0 {
		i := a.holes[k-1]
		a.holes = a.holes[:k-1]
		a.chunks[i] = block
		return makeRef(i, 0), block
	}
	if len(a.chunks) == 0 { // keep a chunk open: allocLarge never opens one for small blocks
		a.chunks = append(a.chunks, make([]uint32, chunkWords))
	}
	a.chunks = append(a.chunks, block)
	return makeRef(uint32(len(a.chunks)-1), 0), block
}

// release takes a block of n words back.
func (a *arena) release(r ref, n int) {
	if r == 0 {
		return
	}
	if n > mediumWords {
		i, _ := r.split()
		a.chunks[i] = nil
		a.holes = append(a.holes, i)
		return
	}
	class, _ := classOf(n)
	a.free[class] = append(a.free[class], r)
}

// words returns what begins at r; the block's owner knows where it ends.
func (a *arena) words(r ref) []uint32 {
	chunk, offset := r.split()
	return a.chunks[chunk][offset:]
}

func makeRef(chunk uint32, offset int) ref { return ref(uint64(chunk)<<32|uint64(offset)) + 1 }

func (r ref) split() (chunk, offset uint32) { return uint32((r - 1) >> 32), uint32(r - 1) }

// slab numbers values of one type by dense ids from 1 on, and uses freed ids again.
type slab[T any] struct {
	chunks [][]T
	last   uint32 // the greatest id ever used
	free   []uint32
}

const (
	slabBits = 10
	slabSize = 1 << slabBits
)

func (s *slab[T]) at(id uint32) *T { return &s.chunks[id>>slabBits][id&(slabSize-1)] }

// alloc returns an id whose value is zero.
func (s *slab[T]) alloc() uint32 {
	if n := len(s.free); n > 0 {
		id := s.free[n-1]
		s.free = s.free[:n-1]
		return id
	}
	s.last++
	for int(s.last>>slabBits) >= len(s.chunks) {
		s.chunks = append(s.chunks, make([]T, slabSize))
	}
	return s.last
}

func (s *slab[T]) release(id uint32) {
	var zero T
	*s.at(id) = zero
	s.free = append(s.free, id)
}

func (s *slab[T]) live() int { return int(s.last) - len(s.free) }
