package features

// bags are the parts of an entity's rows that have no fixed size: sequences, sketches, sets. A word of the row names its
// bag by place plus one; 0: none yet. A bag that is given up leaves its place to the next one.
type bags struct{ blocks [][]uint64 }

// slot is one aggregate's piece of a row, with where its variable parts are.
type slot struct {
	w    []uint64
	bags *bags
}

// bag returns the variable part that the i-th word names; nil: there is none yet.
func (s slot) bag(i int) []uint64 {
	if s.w == nil || s.w[i] == 0 {
		return nil
	}
	return s.bags.blocks[s.w[i]-1]
}

// keep puts b, which is not empty, in the place of the variable part that the i-th word names.
func (s slot) keep(i int, b []uint64) {
	if s.w[i] == 0 {
		s.w[i] = s.bags.place()
	}
	s.bags.blocks[s.w[i]-1] = b
}

// drop gives the variable part of the i-th word up.
func (s slot) drop(i int) {
	if s.w[i] != 0 {
		s.bags.blocks[s.w[i]-1] = nil
		s.w[i] = 0
	}
}

// place finds a free place: the first, so that it depends on the entity's state alone.
func (b *bags) place() uint64 {
	for i, block := range b.blocks {
		if block == nil {
			return uint64(i + 1)
		}
	}
	b.blocks = append(b.blocks, nil)
	return uint64(len(b.blocks))
}

// used is the number of words in them.
func (b *bags) used() int {
	n := 0
	for _, block := range b.blocks {
		n += len(block)
	}
	return n
}

// words is the memory that they take.
func (b *bags) words() int {
	n := 3 * cap(b.blocks)
	for _, block := range b.blocks {
		n += cap(block)
	}
	return n
}
