package features

// Entries of 32 bits stand two in a word, the first in the lower half. None of them is 0, which fills the last half of an odd number.

// entries is how many there are.
func entries(b []uint64) int {
	n := 2 * len(b)
	if n > 0 && b[len(b)-1]>>32 == 0 {
		n--
	}
	return n
}

func entryAt(b []uint64, i int) uint32 { return uint32(b[i>>1] >> (32 * (i & 1))) }

func setEntry(b []uint64, i int, e uint32) {
	shift := 32 * (i & 1)
	b[i>>1] = b[i>>1]&^(0xFFFFFFFF<<shift) | uint64(e)<<shift
}

// search is the place of the first of n ascending entries that is not below least.
func search(b []uint64, n int, least uint32) int {
	low, high := 0, n
	for low < high {
		if middle := (low + high) / 2; entryAt(b, middle) < least {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// moveEntries moves the last of n entries, those from a place on, to another place.
func moveEntries(b []uint64, n, from, to int) []uint64 {
	after := n + to - from
	if to > from {
		for len(b) < (after+1)/2 {
			b = append(b, 0)
		}
		for ; to > from; to-- {
			moveUp(b, n, from)
			n++
		}
		return b
	}
	if to < from {
		for i := from; i < n; i++ {
			setEntry(b, i+to-from, entryAt(b, i))
		}
		for i := after; i < n; i++ {
			setEntry(b, i, 0)
		}
	}
	return b[:(after+1)/2]
}

// moveUp moves the last of n entries, those from a place on, up by one, a word at a time. There is room.
func moveUp(b []uint64, n, from int) {
	first := from >> 1
	for i := n >> 1; i > first; i-- {
		b[i] = b[i]<<32 | b[i-1]>>32
	}
	if from&1 == 0 && from < n {
		b[first] <<= 32
	}
}
