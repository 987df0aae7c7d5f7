package model

import "math"

// sgd is logistic regression by stochastic gradient descent with one rate for all coordinates,
//
//	α_t = α/√(1+t/Decay),  w ← w − α_t(g·x + λ2·w),
//
// where t counts the examples that the head has learned. Only the weights of an example's features shrink. It is the baseline
// that per-coordinate rates have to beat.
type sgd struct {
	linear
	alpha, l2, decay float64
}

func newSGD(h Hyper, s seat) learner {
	l := &sgd{linear: linear{s}}
	l.tune(h)
	return l
}

func (l *sgd) tune(h Hyper) { l.alpha, l.l2, l.decay = h.Alpha, h.L2, h.Decay }

// rate is α_t.
func (l *sgd) rate(t uint64) float64 {
	if l.decay == 0 {
		return l.alpha
	}
	return l.alpha / math.Sqrt(1+float64(t)/l.decay)
}

func (l *sgd) read(n *notes, k int, sums []float64, v Vector) {
	s := sums[0]
	valued, values, ones := v.split()
	for i, slot := range valued {
		row := slot & l.mask
		w := math.Float32frombits(l.word(row, 0).Load())
		n.rows[k+i], n.ws[k+i], n.xs[k+i] = row, w, values[i]
		s += float64(w) * float64(values[i])
	}
	k += len(valued)
	for i, slot := range ones {
		row := slot & l.mask
		w := math.Float32frombits(l.word(row, 0).Load())
		n.rows[k+i], n.ws[k+i], n.xs[k+i] = row, w, 1
		s += float64(w)
	}
	sums[0] = s
}

func (l *sgd) step(n *notes, _ []float64, g float32) {
	rate := l.rate(n.steps)
	set, first := n.set.Set, n.set.first
	shrink, move := float32(min(1, rate*l.l2)), float32(rate*float64(g))
	for i, row := range n.rows {
		d := float32(move * n.xs[i])
		if d == 0 {
			continue
		}
		d += float32(shrink * n.ws[i])
		if n.scales != nil {
			d /= n.scales[i]
		}
		set.Touch(first + row>>pageBits)
		at := l.word(row, 0)
		w := math.Float32frombits(at.Load()) // not the one noted: a slot that occurs twice takes both steps
		store(at, math.Float32bits(w-d), l.alone)
	}
}

func (l *sgd) rebase(uint32, rebasing) {}
