package eval

import (
	"time"

	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/validation"
)

// Online is an arm's learner whose predictions move with every step, as a server's do.
type Online struct{ *engine.Learner }

// Refreshed learns as ever, and predicts with the weights of the last multiple of a stretch of event time: what a server does to which a
// model is brought every hour, or every day.
type Refreshed struct {
	live, served *engine.Learner
	every        event.Time
	next         event.Time
}

// NewRefreshed takes two learners of the same models: one learns, one predicts.
func NewRefreshed(live, served *engine.Learner, every time.Duration) *Refreshed {
	return &Refreshed{live: live, served: served, every: event.Time(every)}
}

// Validation returns the progressive metrics of a flat head.
func (r *Refreshed) Validation(head int) *validation.Head { return r.served.Validation(head) }

// Width implements Learner.
func (r *Refreshed) Width() int { return r.live.Width() }

// Predict implements Learner.
func (r *Refreshed) Predict(dst []float32, shared, own feedback.Vector) {
	r.served.Predict(dst, shared, own)
}

// Learn implements Learner.
func (r *Refreshed) Learn(s feedback.Step) { r.live.Learn(s) }

// Settle implements Learner.
func (r *Refreshed) Settle(s feedback.Settled, p []float32) { r.served.Settle(s, p) }

// Advance implements Learner.
func (r *Refreshed) Advance(watermark event.Time) {
	r.live.Advance(watermark)
	if watermark < r.next {
		return
	}
	r.next = watermark - watermark%r.every + r.every
	for i, m := range r.served.Models() {
		if err := m.TakeWeights(r.live.Models()[i]); err != nil {
			panic(err) // NewRefreshed was given other models
		}
	}
}
