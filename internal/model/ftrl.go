package model

import "math"

// float is what the arithmetic of the learners runs in: float32 in the tables, float64 against the golden vectors.
type float interface{ float32 | float64 }

// rates are the parameters of FTRL-Proximal for one kind of coordinate, made ready for one precision.
type rates[F float] struct{ beta, invAlpha, l1, l2 F }

func ratesOf[F float](r Rates) rates[F] {
	return rates[F]{beta: F(r.Beta), invAlpha: F(1 / r.Alpha), l1: F(r.L1), l2: F(r.L2)}
}

// coordinate is what FTRL keeps of a weight.
type coordinate[F float] struct {
	z F // Σg less the proximal terms
	n F // Σg²
}

// absorb takes one gradient g into c, where w is the weight that the gradient was taken at, and returns the new √n,
// which is what the new weight needs. F(…) around a product keeps compilers from fusing it with the sum that follows.
func (c *coordinate[F]) absorb(g, w F, r *rates[F]) (root F) {
	before := F(math.Sqrt(float64(c.n)))
	c.n += F(g * g)
	root = F(math.Sqrt(float64(c.n)))
	sigma := F((root - before) * r.invAlpha)
	c.z += g - F(sigma*w)
	return root
}

// weight returns w at z and √n: 0 where |z| ≤ λ1 and −(z − sgn(z)λ1)/((β+√n)/α + λ2) elsewhere, without a branch: signs of z are as
// good as random.
func weight[F float](z, root F, r *rates[F]) F {
	return (max(-r.l1, min(z, r.l1)) - z) / (F((r.beta+root)*r.invAlpha) + r.l2)
}

// rebase gives c the z at which weight returns w, whatever n and the rates have become:
//
//	z = −w((β+√n)/α + λ2) − sgn(w)λ1
//
// A coordinate that weighs nothing keeps its z, unless that would make it weigh something or fresh is set: then z is 0.
func (c *coordinate[F]) rebase(w F, r *rates[F], fresh bool) {
	if w == 0 {
		if fresh || max(c.z, -c.z) > r.l1 {
			c.z = 0
		}
		return
	}
	sign := F(math.Copysign(1, float64(w)))
	c.z = -F(w*(F((r.beta+F(math.Sqrt(float64(c.n))))*r.invAlpha)+r.l2)) - F(sign*r.l1)
}

// ftrl is logistic regression by FTRL-Proximal (McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD'13):
// per coordinate a published w, and z and n.
type ftrl struct {
	linear
	rates rates[float32]
}

func newFTRL(h Hyper, s seat) learner {
	l := &ftrl{linear: linear{s}}
	l.tune(h)
	return l
}

func (l *ftrl) tune(h Hyper) { l.rates = ratesOf[float32](h.linear()) }

// read notes weights. Accumulators are loaded although nothing is done with them here: the misses of a whole example
// overlap, whereas behind the divisions of step they would queue.
func (l *ftrl) read(n *notes, k int, sums []float64, v Vector) {
	published, acc, mask, width, depth := l.w[l.firstWord:], l.acc[l.firstCoordinate:], l.mask, l.width, l.depth
	s := sums[0]
	valued, values, ones := v.split()
	values = values[:len(valued)]
	rows, ws, xs, touched := n.part(k, len(valued))
	for i, slot := range valued {
		row := slot & mask
		w, x := math.Float32frombits(published[uint(row)*width].Load()), values[i]
		rows[i], ws[i], xs[i], touched[i] = row, w, x, acc[uint(row)*depth].n
		s += float64(w) * float64(x)
	}
	rows, ws, xs, touched = n.part(k+len(valued), len(ones))
	for i, slot := range ones {
		row := slot & mask
		w := math.Float32frombits(published[uint(row)*width].Load())
		rows[i], ws[i], xs[i], touched[i] = row, w, 1, acc[uint(row)*depth].n
		s += float64(w)
	}
	sums[0] = s
}

func (l *ftrl) step(n *notes, _ []float64, g float32) {
	published, acc, width, depth, r := l.w[l.firstWord:], l.acc[l.firstCoordinate:], l.width, l.depth, &l.rates
	rows, ws, xs, _ := n.part(0, len(n.rows))
	set, first, scales, alone := n.set.Set, n.set.first, n.scales, l.alone
	for i, row := range rows {
		gi := float32(g * xs[i])
		if gi == 0 {
			continue // leaves the coordinate as it is, and a blank page blank
		}
		set.Touch(first + row>>pageBits)
		c := &acc[uint(row)*depth]
		root := c.absorb(gi, ws[i], r)
		w := weight(c.z, root, r)
		if scales != nil {
			w /= scales[i]
		}
		store(&published[uint(row)*width], math.Float32bits(w), alone)
	}
}

func (l *ftrl) rebase(row uint32, to rebasing) {
	c := &l.acc[uint(row)*l.depth+l.firstCoordinate]
	c.n = to.n(c.n)
	c.rebase(float32(math.Float32frombits(l.word(row, 0).Load())*to.scale), &l.rates, to.fresh)
}
