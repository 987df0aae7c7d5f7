package model

import (
	"errors"
	"fmt"
	"math"
)

// Hyper are the parameters of FTRL-Proximal in the paper's symbols. All must be finite.
type Hyper struct {
	Alpha float64 // learning rate, above 0; 0 takes 0.03
	Beta  float64 // smooths the rate of coordinates seen rarely, above 0; 0 takes 1
	L1    float64 // λ1: coordinates with |z| ≤ L1 weigh nothing
	L2    float64 // λ2
	Clip  float64 // bound of the absolute gradient of an example, weight included, before it is squared; 0: none
}

func (h Hyper) withDefaults() Hyper {
	if h.Alpha == 0 {
		h.Alpha = 0.03
	}
	if h.Beta == 0 {
		h.Beta = 1
	}
	return h
}

func (h Hyper) check() error {
	for _, f := range []struct {
		name     string
		value    float64
		positive bool
	}{{"alpha", h.Alpha, true}, {"beta", h.Beta, true}, {"l1", h.L1, false}, {"l2", h.L2, false}, {"clip", h.Clip, false}} {
		switch {
		case math.IsNaN(f.value) || math.Abs(f.value) > math.MaxFloat32:
			return fmt.Errorf("%s %v is not finite", f.name, f.value)
		case f.positive && f.value < math.SmallestNonzeroFloat32:
			return fmt.Errorf("%s %v must be above 0", f.name, f.value)
		case f.value < 0:
			return fmt.Errorf("%s %v must not be negative", f.name, f.value)
		}
	}
	if 1/float32(h.Alpha) == 0 || math.IsInf(float64(1/float32(h.Alpha)), 0) {
		return errors.New("alpha is too extreme for 32-bit floats")
	}
	return nil
}

// float is what the arithmetic below runs in: float32 in the tables, float64 against the golden vectors.
type float interface{ float32 | float64 }

// rates are a Hyper made ready for one precision.
type rates[F float] struct{ beta, invAlpha, l1, l2 F }

func ratesOf[F float](h Hyper) rates[F] {
	return rates[F]{beta: F(h.Beta), invAlpha: F(1 / h.Alpha), l1: F(h.L1), l2: F(h.L2)}
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
