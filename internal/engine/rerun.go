package engine

import (
	"errors"

	"recsvc/internal/event"
)

// Rerun runs the records of a log through the same code as an engine, with parts of its own and beside it, for who stands at
// its tap. It belongs to one goroutine.
type Rerun struct{ runner Successor }

// NewRerun returns one that has seen nothing. The parts are new and empty, their State nil; opts are those of the engine beside
// which it stands, but for the Tap.
func NewRerun(parts Parts, opts Options) (*Rerun, error) {
	if parts.State != nil || opts.Tap == nil {
		return nil, errors.New("engine: a rerun has no state of its own, and a tap")
	}
	opts.Registerer, opts.Observer, opts.Fault, opts.Snapshots = nil, nil, nil, nil
	opts.Feedback.Cold, opts.MemoryBudget = nil, 0
	e, err := Open(parts, opts)
	if err != nil {
		return nil, err
	}
	return &Rerun{Successor{engine: e}}, nil
}

// Place is what it has applied.
func (r *Rerun) Place() event.Cursor { return r.runner.Place() }

// Bytes is an estimate of the memory that its users, joins and ids take.
func (r *Rerun) Bytes() int64 { return r.runner.Bytes() }

// Apply applies records in order, up to a place, and returns how many of them lie before it.
func (r *Rerun) Apply(records []event.Record, to event.Cursor) (n int, err error) {
	return r.runner.Apply(records, to)
}

// Champion is the name of the model that serves at this place of the log.
func (r *Rerun) Champion() string {
	m, _ := r.runner.engine.Champion()
	return m.Name()
}

// Watermark is up to when event time is complete.
func (r *Rerun) Watermark() event.Time { return r.runner.engine.Clock.Watermark() }
