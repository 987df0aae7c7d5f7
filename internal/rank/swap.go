package rank

import (
	"fmt"
	"math/rand/v2"
)

// Swap is an experiment that shows how much positions are looked at. A list that takes part stands as it was ranked, without
// exploration, but for one pair of its first positions, drawn uniformly, whose items are exchanged with probability ½: in such
// lists both positions hold equally good items on average. The zero value is off.
type Swap struct {
	Share     float64 // of the lists that take part, in [0, 1]; half of them are shown as they were ranked all the same
	Positions int     // of these the pair is drawn, 2 – MaxSwap; 10
}

// MaxSwap bounds Swap.Positions.
const MaxSwap = 50

func (s *Swap) setDefaults() { setDefault(&s.Positions, 10) }

func (s Swap) check() error {
	switch {
	case !(s.Share >= 0 && s.Share <= 1):
		return fmt.Errorf("swap: share is %v: must be in [0, 1]", s.Share)
	case s.Positions < 2 || s.Positions > MaxSwap:
		return fmt.Errorf("swap: positions is %d: must be 2 to %d", s.Positions, MaxSwap)
	}
	return nil
}

// drawPair draws two of d places, the higher one first.
func drawPair(d int, rng *rand.Rand) (i, j int) {
	k := rng.IntN(d * (d - 1) / 2)
	for j = 1; k >= j; j++ {
		k -= j
	}
	return k, j
}

// arrange fills n slots, or as many as there are candidates, from order, as explore does: by exploration, or, where the list takes part
// in the experiment, by exchanging a pair. pair is that of a list that takes part, in positions from 1. The propensity of each choice is
// that under both, given the slots above. ranked is scratch.
func arrange(dst []choice, order, ranked []int32, n int, epsilon float64, swap Swap, rng *rand.Rand) (out []choice, scratch []int32, pair [2]int) {
	n = min(n, len(order))
	d := min(n, swap.Positions)
	if swap.Share == 0 || d < 2 {
		return explore(dst, order, n, epsilon, rng), ranked, pair
	}
	ranked = append(ranked[:0], order[:n]...)
	pool := len(order)
	first := len(dst)
	if rng.Float64() < swap.Share {
		i, j := drawPair(d, rng)
		pair = [2]int{i + 1, j + 1}
		for _, index := range ranked {
			dst = append(dst, choice{index: index})
		}
		if rng.IntN(2) == 0 {
			shown := dst[first:]
			shown[i], shown[j] = shown[j], shown[i]
		}
	} else {
		dst = explore(dst, order, n, epsilon, rng)
	}
	weigh(dst[first:], ranked, pool, d, epsilon, swap.Share)
	return dst, ranked, pair
}

// weigh sets the propensities of a list that was made by one of two processes, exploration with probability 1−share and the
// experiment with probability share: of each slot, the chance of both together, each weighted by how probable it is after the slots
// above. ranked is the list as it was ranked, pool the number of candidates, d that of the positions of which a pair is drawn.
func weigh(list []choice, ranked []int32, pool, d int, epsilon, share float64) {
	exploring, swapping := 1-share, share
	e := exchange{pairs: d * (d - 1) / 2, d: d}
	best := 0 // place in ranked of the best candidate that is not shown yet; len(ranked): beyond it
	for m := range list {
		index := list[m].index
		for best < len(ranked) && shown(list[:m], ranked[best]) {
			best++
		}
		byExploring := propensity(epsilon, pool-m, best < len(ranked) && ranked[best] == index)
		bySwapping := e.next(m, index, ranked)
		p := float64(exploring*byExploring) + float64(swapping*bySwapping)
		list[m].propensity = min(p, 1)
		exploring, swapping = exploring*byExploring/p, swapping*bySwapping/p
	}
}

func shown(above []choice, index int32) bool {
	for i := range above {
		if above[i].index == index {
			return true
		}
	}
	return false
}

// exchange follows a list slot by slot as if the experiment had made it.
type exchange struct {
	pairs, d int
	passed   int // pairs whose higher place lies above
	high     int // the exchanged pair, once it is seen; low 0: not yet
	low      int
}

// next is the probability of a candidate at place m, given those above it, which have some themselves.
func (e *exchange) next(m int, index int32, ranked []int32) float64 {
	if e.low > 0 {
		expected := m
		if m == e.low {
			expected = e.high
		}
		if ranked[expected] == index {
			return 1
		}
		return 0
	}
	so := float64(2*e.pairs - e.passed) // of 2·pairs: those with which nothing is exchanged above
	if m < e.d {
		e.passed += e.d - 1 - m
	}
	if ranked[m] == index {
		return float64(2*e.pairs-e.passed) / so
	}
	for j := m + 1; j < e.d; j++ {
		if ranked[j] == index {
			e.high, e.low = m, j
			return 1 / so
		}
	}
	return 0
}
