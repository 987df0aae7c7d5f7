package engine

import "recsvc/internal/event"

// outbox takes a record about the outputs of patterns.
func (e *Engine) outbox(r *event.Record) error {
	o, err := r.Control.Outbox()
	if err != nil {
		return err
	}
	switch {
	case o.Open != nil:
		e.Features.SetOutbox(o.Open)
	case o.Discard != "":
		e.Features.DiscardOutputs()
	default:
		e.Features.RemoveOutputs(o.Delivered)
	}
	e.count(applied)
	return nil
}
