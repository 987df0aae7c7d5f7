package main

import (
	"fmt"
	"math"

	"recsvc/internal/config"
	"recsvc/internal/drift"
	"recsvc/internal/engine"
)

// verdict is what is thought of a model.
type verdict struct {
	judged  bool     // its heads have outcomes enough
	failing []string // why it should not serve
	watched []string // what else is amiss
}

// The states of a model, as the API names them.
const (
	stateOK      = "ok"
	stateWatched = "watched"
	stateFailing = "failing"
)

func (v *verdict) state() string {
	switch {
	case len(v.failing) > 0:
		return stateFailing
	case len(v.watched) > 0:
		return stateWatched
	}
	return stateOK
}

func (v *verdict) fail(format string, args ...any) {
	v.failing = append(v.failing, fmt.Sprintf(format, args...))
}

func (v *verdict) note(format string, args ...any) {
	v.watched = append(v.watched, fmt.Sprintf(format, args...))
}

// weighed is the size of a head's weights.
type weighed struct {
	length float64
	whole  bool // all are finite
	before float64
}

// outcome judges what a head's recent predictions were worth.
func (v *verdict) outcome(q *config.Quality, h *engine.HeadHealth) {
	w := h.Recent
	switch {
	case h.Past.Positives() == 0:
		v.note("head %s: no outcomes yet", h.Head)
		return
	case w.N() < float64(q.MinOutcomes)*(1-1e-3) || w.Positives() < float64(q.MinPositive):
		return // too few for a judgement; a window of so many outcomes holds a little less than that for ever
	}
	v.judged = true
	if ne := w.NormalizedEntropy(); ne > q.MaxEntropy {
		v.fail("head %s: its normalised entropy is %.3f, above %g: the base rate would do better", h.Head, ne, q.MaxEntropy)
	}
	if loss, past := w.LogLoss(), h.Past.LogLoss(); loss > q.MaxLoss*past {
		v.fail("head %s: its log-loss is %.4f, over %g times that of the longer past, %.4f", h.Head, loss, q.MaxLoss, past)
	}
	if c := w.Calibration(); c > q.Calibration || c < 1/q.Calibration {
		v.fail("head %s: it predicts %.2f times what happens, beyond %g", h.Head, c, q.Calibration)
	}
}

// drifted notes what detectors have called within an hour of event time.
func (v *verdict) drifted(h *engine.HeadHealth, newest int64) {
	const hour = 3600e9
	for _, d := range h.Detectors {
		if d.Alarms.At == 0 || newest-d.Alarms.At > hour {
			continue
		}
		switch d.Name {
		case drift.NameLabelRate:
			v.note("head %s: the rate of its outcomes has changed (%s)", h.Head, d.Name)
		default:
			if d.Alarms.Up > 0 {
				v.note("head %s: its loss has risen (%s)", h.Head, d.Name)
			}
		}
	}
}

// weights judges the size of a head's weights.
func (v *verdict) weights(q *config.Quality, head string, w weighed) {
	switch {
	case !w.whole:
		v.fail("head %s: weights that are not finite", head)
	case w.before > 0 && w.length > q.MaxWeights*math.Max(w.before, 1):
		v.fail("head %s: the size of its weights is %.4g, over %g times that of the last healthy snapshot, %.4g", head, w.length, q.MaxWeights, w.before)
	}
}

// minRefusals is how many samples a share of refusals must be of.
const minRefusals = 100

// refused judges how many samples could not be learned since the last look.
func (v *verdict) refused(q *config.Quality, head string, learned, refused int64) {
	if n := learned + refused; n >= minRefusals && float64(refused) > q.MaxRefused*float64(n) {
		v.fail("head %s: %d of %d samples could not be learned", head, refused, n)
	}
}

// passes says why a challenger may not take the champion's place; nothing: it may. Both are heads that lists are ranked by;
// the challenger needs least recent outcomes, which begin anew when other weights take their place.
func passes(p *config.Promotion, least int, challenger, champion *engine.HeadHealth) (reasons []string) {
	if n := challenger.Past.N(); n < float64(p.MinOutcomes) {
		reasons = append(reasons, fmt.Sprintf("it has been judged by %.0f outcomes only, of %d", n, p.MinOutcomes))
	}
	ours, theirs := challenger.Recent, champion.Recent
	if n := ours.N(); n < float64(least)*(1-1e-3) {
		reasons = append(reasons, fmt.Sprintf("its present weights have been judged by %.0f outcomes only, of %d", n, least))
	}
	gap := ours.LogLoss() - theirs.LogLoss()
	margin := 1.96 * math.Hypot(ours.LogLossError(), theirs.LogLossError())
	switch {
	case gap > p.Tolerance*theirs.LogLoss() || gap-margin > 0:
		reasons = append(reasons, fmt.Sprintf("its recent log-loss is %.4f, the champion's %.4f (difference %+.4f ± %.4f)",
			ours.LogLoss(), theirs.LogLoss(), gap, margin))
	case gap != gap:
		reasons = append(reasons, "it has no recent outcomes to be compared by")
	}
	return reasons
}
