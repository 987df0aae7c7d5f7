package engine

import (
	"go.uber.org/zap"
)

// Hurry lets a head learn faster for a while after its loss has risen. Predictions do not change at either end of it: see
// model.Model.Retune. The zero value: never.
type Hurry struct {
	Factor   float64 // by which the learning rate is raised; 0 or 1: never
	Outcomes int     // for how many outcomes of the head
}

func (h Hurry) on() bool { return h.Factor > 1 && h.Outcomes > 0 }

// alpha is the rate of a flat head while nothing hurries it.
func (e *Engine) alpha(flat int) float64 {
	seat := &e.lineup.seats[flat]
	if tuned := e.standings.tuned[seat.at].alpha[seat.head]; tuned != 0 {
		return tuned
	}
	return e.health.alphas[flat]
}

// pace follows an outcome of a flat head: it hurries the head when its loss has risen, and lets it slow down when the time is over. A rate
// that an administrator gives meanwhile ends it.
func (e *Engine) pace(flat int, worse bool) {
	h := e.health
	if !h.hurry.on() || h.left[flat] == 0 && !worse {
		return
	}
	h.set.Touch(rootID)
	base := e.alpha(flat)
	switch {
	case worse && h.left[flat] == 0:
		h.left[flat] = uint64(h.hurry.Outcomes)
		e.setRate(flat, base*h.hurry.Factor)
	case worse:
		h.left[flat] = uint64(h.hurry.Outcomes)
	default:
		if h.left[flat]--; h.left[flat] == 0 {
			e.setRate(flat, base)
		}
	}
}

func (s *seat) alpha() float64 { return s.model.Head(s.head).Hyper().Alpha }

func (e *Engine) setRate(flat int, alpha float64) {
	seat := &e.lineup.seats[flat]
	if err := seat.model.Retune(seat.head, seat.model.Head(seat.head).AtRate(alpha)); err != nil { // a rate beyond what a learner takes
		e.log.Error("a head keeps its learning rate", zap.String("head", e.health.heads[flat]), zap.Float64("alpha", alpha), zap.Error(err))
		return
	}
	e.log.Info("a head learns at another rate", zap.String("head", e.health.heads[flat]), zap.Float64("alpha", alpha))
}

// stopHurry says that the log has given a head a rate of its own.
func (h *health) stopHurry(flat int) {
	if h.left[flat] != 0 {
		h.set.Touch(rootID)
		h.left[flat] = 0
	}
}

// calm ends all hurry: the weights and accumulators that have just been put in place were made at the usual rate, or are brought to it.
func (e *Engine) calm() {
	h := e.health
	if !h.hurry.on() {
		return
	}
	for flat := range h.left {
		h.left[flat] = 0
		e.setRate(flat, e.alpha(flat))
	}
}
