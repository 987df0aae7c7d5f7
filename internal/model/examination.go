package model

import (
	"fmt"
	"math"
)

// Examination is how a head treats positions that may not have been looked at: θ is the probability that the user
// examined the position, σ the head's prediction of the outcome given that he did. The numbers are not stored.
type Examination uint8

const (
	// NoExamination takes the label as it is: gradient σ − y.
	NoExamination Examination = iota
	// PBM maximises the likelihood of the position-based model P(y=1) = θσ, with θ known: gradient
	// (1−σ)(θσ−y)/(1−θσ), which is bounded.
	PBM
	// Soft learns the unbiased pointwise label y/θ (Saito et al., WSDM'20): gradient σ − y/θ. Unbiased also where
	// rank carries relevance that the features do not, at a price in variance.
	Soft
)

var examinations = [...]string{NoExamination: "none", PBM: "pbm", Soft: "soft"}

func (e Examination) String() string {
	if int(e) < len(examinations) {
		return examinations[e]
	}
	return fmt.Sprintf("Examination(%d)", uint8(e))
}

// ParseExamination reads none, pbm or soft.
func ParseExamination(s string) (Examination, error) {
	for i, name := range examinations {
		if s == name {
			return Examination(i), nil
		}
	}
	return 0, fmt.Errorf("examination %q is not none, pbm or soft", s)
}

// maxLogit bounds |w·x|: σ(−35) is 6e-16.
const maxLogit = 35

// clampLogit leaves NaN what it is.
func clampLogit(s float64) float64 { return max(-maxLogit, min(s, maxLogit)) }

// Sigmoid returns 1/(1+e^−s), s clamped to ±35.
func Sigmoid(s float64) float64 { return 1 / (1 + math.Exp(-clampLogit(s))) }

// fakeWeight is the weight of an example of a stream of fake negatives, of label y and odds (1−p)/p. Over an example that is positive
// with probability q the gradients add up to (1−p²)(p−q).
func fakeWeight(odds, p, y float64) float64 {
	if y == 0 {
		return float64(odds*p) * (1 + p)
	}
	return 1 + p
}

// gradient returns σ(s) and the derivative of the example's loss by s, times its weight. For a correction it is the
// derivative of ℓ(y) − ℓ(0), which for log-loss is −y, for PBM −y(1−σ)/(1−θσ), for Soft −y/θ. s must be clamped.
func (e Examination) gradient(s float64, ex *Example, minTheta float64) (p, g float64) {
	odds := math.Exp(-s)
	p = 1 / (1 + odds)
	y, theta := float64(ex.Y), 1.0
	if ex.Theta != 0 {
		theta = float64(ex.Theta)
	}
	seen, scale := p, float64(ex.Weight)
	if ex.FakeNegative {
		scale *= fakeWeight(odds, p, y)
	}
	switch e {
	case Soft:
		y /= max(theta, minTheta)
	case PBM:
		q := odds * p // 1−σ, to full precision
		seen = theta * p
		scale *= q / ((1 - theta) + float64(theta*q))
	}
	if ex.Correction {
		return p, -scale * y
	}
	return p, scale * (seen - y)
}
