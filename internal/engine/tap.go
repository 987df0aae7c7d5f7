package engine

import (
	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
	"recsvc/internal/validation"
)

// Tap stands where an engine's models would. It is told what they would be, in the order in which they would be, and, as a
// feedback.Watcher, whose impression it is. All calls come from the writer's goroutine; vectors are good until they return.
type Tap interface {
	feedback.Watcher

	// Captured asks for predictions of the item at the given place of a served list, or (0) of an event. Parked follows for those
	// that are remembered.
	Captured(at int, shared, own feedback.Vector)
	// Learn tells a step to learn.
	Learn(s feedback.Step)
	// Advance tells that event time is complete up to the watermark, before anything is done about it.
	Advance(watermark event.Time)
}

// Learner is what an engine does with its models, without the engine: who has a Tap gives it what the engine would have, and
// gets what the engine would have got, to the bit. It belongs to one goroutine.
type Learner struct {
	lineup *lineup
	raw    []int // by flat head: the place of its raw prediction
	width  int
}

// NewLearner takes models and options as Open does.
func NewLearner(models []*model.Model, opts Options) (*Learner, error) {
	lineup, err := newLineup(models, &opts)
	if err != nil {
		return nil, err
	}
	l := &Learner{lineup: lineup, width: lineup.heads()}
	for i, h := range opts.Feedback.Heads {
		l.raw = append(l.raw, i)
		if h.Raw {
			l.raw[i] = l.width
			l.width++
		}
	}
	return l, nil
}

// Width is the number of predictions of one vector.
func (l *Learner) Width() int { return l.width }

// Models returns the models. The slice must not be changed.
func (l *Learner) Models() []*model.Model { return l.lineup.models }

// Validation returns the progressive metrics of a flat head.
func (l *Learner) Validation(head int) *validation.Head {
	s := &l.lineup.seats[head]
	return s.model.Head(s.head).Validation()
}

// Predict sets dst, of Width places, to the predictions of one vector.
func (l *Learner) Predict(dst []float32, shared, own feedback.Vector) {
	l.lineup.predict(dst, model.Vector(shared), model.Vector(own))
}

// Advance tells the models what time it is.
func (l *Learner) Advance(watermark event.Time) { l.lineup.advance(watermark) }

// Learn takes a step.
func (l *Learner) Learn(s feedback.Step) { l.lineup.learn(&s) }

// Settle pairs the predictions that were made of an impression at its capture with an outcome.
func (l *Learner) Settle(s feedback.Settled, p []float32) {
	s.P, s.Raw = p[s.Head], p[l.raw[s.Head]]
	l.lineup.settle(&s)
}
