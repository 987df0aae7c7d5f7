package examination

import "math"

// decay gives outcomes a weight by their event time (forward decay; Cormode et al., ICDE 2009): weights grow from the landmark on,
// so that nothing that was summed has to be touched when time passes. Ratios of sums do not know the difference.
type decay struct {
	halfLife float64 // nanoseconds
	landmark int64   // event time of weight 1
	begun    bool
}

// maxHalvings is how many half-lives after the landmark it is moved: weights stay well within range, and so do their squares.
const maxHalvings = 64

// weight returns the weight of time t, and by what all sums have to be multiplied first; 1: nothing to do.
func (d *decay) weight(t int64) (w, rescale float64) {
	rescale = 1
	if !d.begun {
		d.landmark, d.begun = t, true
	}
	halvings := (float64(t) - float64(d.landmark)) / d.halfLife
	if halvings > maxHalvings {
		whole := math.Floor(halvings)
		d.landmark += int64(whole * d.halfLife)
		rescale = math.Exp2(-min(whole, 1000))
		halvings = (float64(t) - float64(d.landmark)) / d.halfLife
	}
	return math.Exp2(max(halvings, -maxHalvings)), rescale
}
