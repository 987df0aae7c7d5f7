// Package trial measures detectors on streams whose shifts are known: how often they call where nothing has changed,
// and how long they take where something has.
package trial

import (
	"math"
	"math/rand/v2"
)

// Observation is one prediction of a model that is right until something shifts, with what there is around it.
type Observation struct {
	P        float64   // of the model
	Positive bool      // the label
	Loss     float64   // of P, in nats
	Inputs   []float64 // logit of P, and three numbers on which it depends in part; good until the next one
	At       int64     // one a second, Unix nanoseconds
}

// Stream describes what happens to a stream of observations. With none of its changes it is stationary: logit P is
// normal around −1.5, and labels follow P.
type Stream struct {
	Name  string
	Shift int // observations before the shift
	Ramp  int // observations over which it comes in evenly; 0: at once

	Noise float64 // share of the labels that are fair coins from there on
	Move  float64 // by which inputs move, in deviations; P and labels follow
	Daily float64 // by which the rate of labels, and P with it, swings over 86,400 observations, as a logit; from the start on
}

// Run calls each with so many observations, the same ones for the same seed.
func (s Stream) Run(seed uint64, n int, each func(i int, o Observation) (more bool)) {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	o := Observation{Inputs: make([]float64, 4)}
	for i := range n {
		share := s.share(i)
		swing := s.Daily * math.Sin(2*math.Pi*float64(i)/86400)
		common := r.NormFloat64()
		logit := -1.5 + .8*common + .6*r.NormFloat64() + share*s.Move + swing
		o.Inputs[0] = logit
		o.Inputs[1] = common + .5*r.NormFloat64() + share*s.Move
		o.Inputs[2] = math.Abs(r.NormFloat64()) + share*s.Move
		o.Inputs[3] = float64(r.IntN(2))*4 + r.NormFloat64() // two clusters
		o.P = 1 / (1 + math.Exp(-logit))
		q := o.P
		if r.Float64() < share*s.Noise {
			q = .5
		}
		o.Positive = r.Float64() < q
		o.Loss = -math.Log1p(-o.P)
		if o.Positive {
			o.Loss = -math.Log(o.P)
		}
		o.At = int64(i) * 1e9
		if !each(i, o) {
			return
		}
	}
}

// share is how much of the shift has come in.
func (s Stream) share(i int) float64 {
	switch {
	case i < s.Shift:
		return 0
	case i >= s.Shift+s.Ramp:
		return 1
	}
	return float64(i-s.Shift) / float64(s.Ramp)
}
