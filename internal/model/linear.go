package model

import "math"

// linear is the form of learners whose logit is w·x.
type linear struct{ seat }

func (l *linear) add(sums []float64, v Vector) { sums[0] = l.dot(sums[0], l.firstWord, v) }

func (l *linear) logit(sums []float64) float64 { return sums[0] }

func (l *linear) reach(_ []float64, greatest float64) float64 { return greatest }

func (l *linear) effect(_ []float64, slot uint32, _ float32) float32 {
	return math.Float32frombits(l.word(slot&l.mask, 0).Load())
}

func (l *linear) sound([]float32) bool { return true }

// straight gives the form of a linear learner, and nil for others.
func straight(l learner) *linear {
	if l, ok := l.(interface{ form() *linear }); ok {
		return l.form()
	}
	return nil
}

func (l *linear) form() *linear { return l }

// dot returns s plus the products of v with the weights of a linear head, summed in order. A product of two float32 is
// exact in float64, so it makes no difference whether a compiler fuses it with the sum.
func (t *table) dot(s float64, word uint, v Vector) float64 {
	w, mask, width := t.w, t.mask, t.width
	valued, values, ones := v.split()
	for i, slot := range valued {
		s += float64(math.Float32frombits(w[uint(slot&mask)*width+word].Load())) * float64(values[i])
	}
	for _, slot := range ones {
		s += float64(math.Float32frombits(w[uint(slot&mask)*width+word].Load()))
	}
	return s
}

// dotPair is dot for two linear heads that are neighbours, to the bit, for little more than the price of one.
func (t *table) dotPair(s0, s1 float64, word uint, v Vector) (float64, float64) {
	w, mask, width := t.w, t.mask, t.width
	valued, values, ones := v.split()
	for i, slot := range valued {
		at, x := uint(slot&mask)*width+word, float64(values[i])
		s0 += float64(math.Float32frombits(w[at].Load())) * x
		s1 += float64(math.Float32frombits(w[at+1].Load())) * x
	}
	for _, slot := range ones {
		at := uint(slot&mask)*width + word
		s0 += float64(math.Float32frombits(w[at].Load()))
		s1 += float64(math.Float32frombits(w[at+1].Load()))
	}
	return s0, s1
}
