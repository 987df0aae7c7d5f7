package engine

import "recsvc/internal/event"

// purge lets the dead letters go that a control record names. Those that are no longer there went for want of room.
func (e *Engine) purge(r *event.Record) error {
	p, err := r.Control.Purge()
	if err != nil {
		return err
	}
	if len(p.Offsets) > 0 {
		e.Letters.Remove(r.Partition, p.Offsets...)
	} else {
		e.Letters.RemoveBefore(r.Partition, p.Before)
	}
	e.count(applied)
	return nil
}
