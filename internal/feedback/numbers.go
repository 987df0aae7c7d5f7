package feedback

import "math/bits"

// numbers gives out numbers from 0 on, always the lowest that is free. So what lies under them stays close together, and
// chunks of it that have become empty can be given back.
type numbers struct {
	size  uint32   // numbers a chunk: a power of two, at least 64
	taken []uint64 // bit by number
	count []uint16 // taken ones, by chunk
	open  []uint64 // bit by chunk: it has free numbers
	low   int      // no word of open before it has a bit
	kept  int      // 1 + the chunk that is empty and was not given back; 0: none
	live  int
}

// take returns a number. Its chunk may be one that was never used, or was given back.
func (n *numbers) take() uint32 {
	for n.low < len(n.open) && n.open[n.low] == 0 {
		n.low++
	}
	if n.low == len(n.open) {
		n.grow()
	}
	chunk := n.low*64 + bits.TrailingZeros64(n.open[n.low])
	words := n.words(chunk)
	w := 0
	for words[w] == 1<<64-1 {
		w++
	}
	bit := bits.TrailingZeros64(^words[w])
	words[w] |= 1 << bit
	if n.kept == chunk+1 {
		n.kept = 0
	}
	if n.count[chunk]++; uint32(n.count[chunk]) == n.size {
		n.open[n.low] &^= 1 << (chunk % 64)
	}
	n.live++
	return uint32(chunk)*n.size + uint32(w*64+bit)
}

// grow adds a chunk; all others are full.
func (n *numbers) grow() {
	chunk := len(n.count)
	n.count = append(n.count, 0)
	n.taken = append(n.taken, make([]uint64, n.size/64)...)
	if chunk/64 == len(n.open) {
		n.open = append(n.open, 0)
	}
	n.low = chunk / 64
	n.open[n.low] |= 1 << (chunk % 64)
}

// give takes number i back. If a chunk is to be given up with it, it says which; one empty chunk is always kept.
func (n *numbers) give(i uint32) (chunk int, drop bool) {
	chunk = int(i / n.size)
	n.taken[i/64] &^= 1 << (i % 64)
	n.open[chunk/64] |= 1 << (chunk % 64)
	n.low = min(n.low, chunk/64)
	n.live--
	if n.count[chunk]--; n.count[chunk] > 0 {
		return 0, false
	}
	if n.kept == 0 {
		n.kept = chunk + 1
		return 0, false
	}
	lower, higher := min(chunk, n.kept-1), max(chunk, n.kept-1)
	n.kept = lower + 1
	return higher, true
}

func (n *numbers) words(chunk int) []uint64 {
	per := int(n.size / 64)
	return n.taken[chunk*per : (chunk+1)*per]
}

// next returns the first number from i on that is taken.
func (n *numbers) next(i uint32) (uint32, bool) {
	for w := int(i / 64); w < len(n.taken); w++ {
		word := n.taken[w]
		if w == int(i/64) {
			word &= ^uint64(0) << (i % 64)
		}
		if word != 0 {
			return uint32(w*64 + bits.TrailingZeros64(word)), true
		}
	}
	return 0, false
}

// end returns a number above all that were ever taken.
func (n *numbers) end() uint32 { return uint32(len(n.taken) * 64) }
