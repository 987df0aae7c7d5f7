package synthetic

import (
	"math/bits"
	"sort"
)

// law draws values of a field: v with probability in proportion to ⌊2⁴⁰/(v+1)⌋.
type law struct {
	upTo  []uint64 // by value: what it and those before it weigh
	guide []int32  // by the high bits of a draw: the first value that it may fall on
	shift uint
}

// guideBits make a search start in one of at least 2^guideBits/2 places.
const guideBits = 12

func newLaw(values int) law {
	l := law{upTo: make([]uint64, values)}
	var sum uint64
	for v := range l.upTo {
		sum += (1 << 40) / uint64(v+1)
		l.upTo[v] = sum
	}
	l.shift = uint(max(0, bits.Len64(sum)-guideBits))
	l.guide = make([]int32, sum>>l.shift+2)
	for k := range l.guide {
		l.guide[k] = int32(l.search(uint64(k)<<l.shift, 0, values))
	}
	return l
}

// search returns the first value of [lo, hi) with more than t up to it, or hi.
func (l *law) search(t uint64, lo, hi int) int {
	return lo + sort.Search(hi-lo, func(k int) bool { return l.upTo[lo+k] > t })
}

// draw returns the value that 64 random bits fall on.
func (l *law) draw(r uint64) uint32 {
	t, _ := bits.Mul64(r, l.upTo[len(l.upTo)-1])
	k := t >> l.shift
	return uint32(l.search(t, int(l.guide[k]), min(int(l.guide[k+1])+1, len(l.upTo))))
}
