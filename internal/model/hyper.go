package model

import (
	"errors"
	"fmt"
	"math"
)

// Rates are the parameters of FTRL-Proximal for one kind of coordinate, in the paper's symbols.
type Rates struct {
	Alpha float64 // learning rate, above 0; 0 takes 0.03
	Beta  float64 // smooths the rate of coordinates seen rarely, above 0; 0 takes 1
	L1    float64 // λ1: coordinates with |z| ≤ L1 weigh nothing
	L2    float64 // λ2
}

// Hyper are the parameters of a learner. All must be finite; a learner leaves alone what it has no use for.
type Hyper struct {
	Alpha float64 // of the linear weights, as in Rates; "sgd" has no Beta and no L1
	Beta  float64
	L1    float64
	L2    float64
	Clip  float64 // bound of the absolute gradient of an example, weight included, before it is squared; 0: none

	Factors int     // "fm": length of a latent vector, 1 to 32; 0 takes 8
	Latent  Rates   // "fm": of the latent vectors; 0 in Alpha and Beta takes those of the linear weights
	Spread  float64 // "fm": latent vectors begin uniformly within ±Spread/2; 0 takes 0.2
	Seed    uint64  // "fm": of where latent vectors begin

	Decay float64 // "sgd": examples after which the rate has fallen to α/√2, as α/√(1+t/Decay); 0: it stays
}

// maxFactors keeps a page of a head below what the store takes.
const maxFactors = 32

func (r Rates) withDefaults(alpha, beta float64) Rates {
	if r.Alpha == 0 {
		r.Alpha = alpha
	}
	if r.Beta == 0 {
		r.Beta = beta
	}
	return r
}

func (h Hyper) linear() Rates { return Rates{Alpha: h.Alpha, Beta: h.Beta, L1: h.L1, L2: h.L2} }

func (h Hyper) withDefaults() Hyper {
	linear := h.linear().withDefaults(0.03, 1)
	h.Alpha, h.Beta = linear.Alpha, linear.Beta
	h.Latent = h.Latent.withDefaults(h.Alpha, h.Beta)
	if h.Factors == 0 {
		h.Factors = 8
	}
	if h.Spread == 0 {
		h.Spread = 0.2
	}
	return h
}

func (r Rates) check() error {
	for _, f := range []struct {
		name     string
		value    float64
		positive bool
	}{{"alpha", r.Alpha, true}, {"beta", r.Beta, true}, {"l1", r.L1, false}, {"l2", r.L2, false}} {
		if err := checkNumber(f.name, f.value, f.positive); err != nil {
			return err
		}
	}
	if 1/float32(r.Alpha) == 0 || math.IsInf(float64(1/float32(r.Alpha)), 0) {
		return errors.New("alpha is too extreme for 32-bit floats")
	}
	return nil
}

func (h Hyper) check() error {
	if err := h.linear().check(); err != nil {
		return err
	}
	if err := h.Latent.check(); err != nil {
		return fmt.Errorf("latent vectors: %w", err)
	}
	if h.Factors < 1 || h.Factors > maxFactors {
		return fmt.Errorf("factors %d is not within 1 and %d", h.Factors, maxFactors)
	}
	if err := checkNumber("clip", h.Clip, false); err != nil {
		return err
	}
	if err := checkNumber("spread", h.Spread, true); err != nil {
		return err
	}
	return checkNumber("decay", h.Decay, false)
}

func checkNumber(name string, x float64, positive bool) error {
	switch {
	case math.IsNaN(x) || math.Abs(x) > math.MaxFloat32:
		return fmt.Errorf("%s %v is not finite", name, x)
	case positive && x < math.SmallestNonzeroFloat32:
		return fmt.Errorf("%s %v must be above 0", name, x)
	case x < 0:
		return fmt.Errorf("%s %v must not be negative", name, x)
	}
	return nil
}
