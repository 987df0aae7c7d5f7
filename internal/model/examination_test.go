package model

import (
	"math"
	"testing"
)

// loss is the negative log-likelihood that an examination stands for, as a function of the logit.
func loss(e Examination, s, y, theta float64) float64 {
	p := 1 / (1 + math.Exp(-s))
	switch e {
	case PBM:
		p *= theta
	case Soft:
		y /= theta
	}
	return -y*math.Log(p) - (1-y)*math.Log(1-p)
}

func TestGradientsAreTheDerivativesOfTheLoss(t *testing.T) {
	const h = 1e-5
	for _, e := range []Examination{NoExamination, PBM, Soft} {
		for _, s := range []float64{-6, -2, -0.3, 0, 0.7, 4} {
			for _, theta := range []float32{1, 0.5, 0.25, 0.125} {
				for _, y := range []float32{0, 0.25, 1} {
					for _, weight := range []float32{1, 2.5} {
						ex := Example{Y: y, Theta: theta, Weight: weight}
						p, got := e.gradient(s, &ex, 0)
						slope := func(y float64) float64 {
							return (loss(e, s+h, y, float64(theta)) - loss(e, s-h, y, float64(theta))) / (2 * h) * float64(weight)
						}
						if want := slope(float64(y)); math.Abs(got-want) > 1e-7 {
							t.Errorf("%v at s %v, θ %v, y %v: %v, numerically %v", e, s, theta, y, got, want)
						}
						ex.Correction = true
						if _, got := e.gradient(s, &ex, 0); math.Abs(got-(slope(float64(y))-slope(0))) > 1e-7 {
							t.Errorf("%v correction at s %v, θ %v, y %v: %v, numerically %v", e, s, theta, y, got, slope(float64(y))-slope(0))
						}
						if p != Sigmoid(s) {
							t.Errorf("%v predicts %v at %v, want σ", e, p, s)
						}
					}
				}
			}
		}
	}
}

// Ktena et al., RecSys'19: in a stream in which everything comes as negative, and what is positive comes as that beside it, the
// weights make the expected gradient vanish where the prediction is the probability.
func TestTheGradientsOfFakeNegativesVanishInSumAtTheTruth(t *testing.T) {
	for _, s := range []float64{-35, -6, -1, 0, 2, 35} {
		p, negative := NoExamination.gradient(s, &Example{Weight: 2, FakeNegative: true}, 0)
		_, positive := NoExamination.gradient(s, &Example{Y: 1, Weight: 2, FakeNegative: true}, 0)
		if want := 2 * (1 - p) * (1 + p) * p; math.Abs(negative-want) > 1e-15 {
			t.Errorf("negative at %v: %v, want %v", s, negative, want)
		}
		if sum := negative + p*positive; math.Abs(sum) > 1e-15 {
			t.Errorf("at %v the gradients add up to %v", s, sum)
		}
		if q := 0.3; math.Abs(negative+q*positive-2*(1-p)*(1+p)*(p-q)) > 1e-14 {
			t.Errorf("at %v, of truth %v, the gradients add up to %v", s, q, negative+q*positive)
		}
	}
}

func TestNegativeAndCorrectionAtTheSameWeightsMakeThePositive(t *testing.T) {
	for _, e := range []Examination{NoExamination, PBM, Soft} {
		for _, s := range []float64{-35, -3, 0, 2, 35} {
			for _, theta := range []float32{0, 1, 0.3} {
				_, negative := e.gradient(s, &Example{Theta: theta, Weight: 1.5}, 0.1)
				_, correction := e.gradient(s, &Example{Y: 1, Theta: theta, Weight: 1.5, Correction: true}, 0.1)
				_, positive := e.gradient(s, &Example{Y: 1, Theta: theta, Weight: 1.5}, 0.1)
				if math.Abs(negative+correction-positive) > 1e-13 {
					t.Errorf("%v at %v, θ %v: %v + %v is not %v", e, s, theta, negative, correction, positive)
				}
			}
		}
	}
}

func TestPBMStaysBounded(t *testing.T) {
	for _, s := range []float64{-35, 0, 35} {
		for _, theta := range []float32{1e-6, 0.5, 1} {
			for _, y := range []float32{0, 1} {
				_, g := PBM.gradient(s, &Example{Y: y, Theta: theta, Weight: 1}, 0)
				if !(math.Abs(g) <= 1+1e-12) {
					t.Errorf("gradient %v at s %v, θ %v, y %v", g, s, theta, y)
				}
			}
		}
	}
}

func TestSoftLabelsKeepTheFloorUnderTheta(t *testing.T) {
	_, g := Soft.gradient(0, &Example{Y: 1, Theta: 0.01, Weight: 1}, 0.25)
	if g != 0.5-4 {
		t.Errorf("gradient %v, want −3.5", g)
	}
}

func TestExaminationsHaveNames(t *testing.T) {
	for _, e := range []Examination{NoExamination, PBM, Soft} {
		if got, err := ParseExamination(e.String()); err != nil || got != e {
			t.Errorf("%v parses as %v, %v", e, got, err)
		}
	}
	if _, err := ParseExamination("ips"); err == nil {
		t.Error("ips is taken")
	}
	if s := Examination(9).String(); s != "Examination(9)" {
		t.Errorf("unknown prints as %s", s)
	}
}
