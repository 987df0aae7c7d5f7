package model

import "math"

// Link is what lies between the logit that a head learns and the one that it predicts: it puts right what the head was not
// shown as it is. Predictions at capture and when serving go through it, learning does not. The zero Link changes nothing.
type Link struct {
	// Shift is added to the logit. Of negatives of which a share w was kept, at weight 1, the odds that are learned are 1/w times
	// those of the world: ln w puts them right (He et al., ADKDD'14: q = p/(p + (1−p)/w)).
	Shift float64
	// FakeNegatives: every example was learned as negative, and as positive beside that when it was one. The share of positives
	// that is learned is b = p/(1+p), whence p = b/(1−b) (Ktena et al., RecSys'19: FNC). b ≥ ½, which is where a model begins, says
	// nothing of p: there, and where p would be greater, it is .999.
	FakeNegatives bool
}

// maxFake is the greatest logit that is made of fake negatives: of .999.
const maxFake = 6.9

// apply takes a clamped logit, and returns one.
func (l *Link) apply(s float64) float64 {
	if l.FakeNegatives {
		if s >= 0 { // b ≥ ½: p would be 1 or more
			s = maxFake
		} else {
			s = min(s-math.Log(-math.Expm1(s)), maxFake) // p = e^s, and its logit s − ln(1−e^s)
		}
	}
	return clampLogit(s + l.Shift)
}
