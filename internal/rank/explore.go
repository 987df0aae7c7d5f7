package rank

import "math/rand/v2"

// choice is what exploration put into one slot.
type choice struct {
	index      int32   // into the candidates
	propensity float64 // of this candidate in this slot, given the slots above
	explored   bool    // drawn from the whole pool, although it may have been the top all the same
}

// explore fills n slots, or as many as there are candidates, from order, which holds candidates best first
// and is consumed. In each slot, with probability ε, it draws uniformly over what remains, else it takes
// the top. It appends to dst.
func explore(dst []choice, order []int32, n int, epsilon float64, rng *rand.Rand) []choice {
	for range min(n, len(order)) {
		at, explored := 0, false
		if epsilon > 0 && rng.Float64() < epsilon {
			at, explored = rng.IntN(len(order)), true
		}
		dst = append(dst, choice{
			index:      order[at],
			propensity: propensity(epsilon, len(order), at == 0),
			explored:   explored,
		})
		// Closing the gap keeps the order of the rest: the next top is order[0] again.
		copy(order[at:], order[at+1:])
		order = order[:len(order)-1]
	}
	return dst
}

// propensity is the probability of one candidate in a slot: (1−ε)·[top] + ε/|pool|, where pool is the
// number of candidates that remain. Over the pool it sums to 1.
func propensity(epsilon float64, pool int, top bool) float64 {
	p := epsilon / float64(pool)
	if top {
		p += 1 - epsilon
	}
	return min(p, 1) // rounding must not push a certainty above 1
}
