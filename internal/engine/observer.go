package engine

import (
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// Observer looks on while the writer captures and joins: it is told what was captured, and then, as a feedback.Watcher, what
// becomes of it. All calls come from the writer's goroutine; what they hand over is good until they return. It changes nothing.
type Observer interface {
	feedback.Watcher

	// Begin tells that what r shows is captured next. q has made the part of the vectors that all of it shares.
	Begin(r *event.Record, q *features.Query)
	// Captured tells that q has evaluated the item at the given place of a served list, or (0) of an event. It comes before
	// the impression is parked; some are parked already, and are not again.
	Captured(at int, q *features.Query, c feedback.Captured)
	// Err is why the observer cannot go on, which ends the writer too; nil.
	Err() error
}

// watch tells the observer that a capture begins.
func (e *Engine) watch(r *event.Record) {
	if o := e.opts.Observer; o != nil {
		o.Begin(r, e.query)
	}
}

// watched tells the observer of one item's capture.
func (e *Engine) watched(at int, c feedback.Captured) {
	if o := e.opts.Observer; o != nil {
		o.Captured(at, e.query, c)
	}
}

// observerErr is the observer's error.
func (e *Engine) observerErr() error {
	if o := e.opts.Observer; o != nil {
		return o.Err()
	}
	return nil
}
