package engine

import (
	"fmt"

	"recsvc/internal/event"
	"recsvc/internal/features"
)

// holding is the events whose effect on features is held back: see Options.Hold.
type holding struct {
	events []heldEvent // in the order of the log
	until  event.Time  // what happened before is released
}

type heldEvent struct {
	event   event.Event
	context event.Attributes
	item    features.ItemRef
}

// moved lets an event move the features, now or when the time has come. The query has begun with it.
func (e *Engine) moved(ev *event.Event, context event.Attributes, item features.ItemRef) {
	if e.opts.Hold == 0 {
		e.Features.Apply(e.query, ev, item)
		return
	}
	kept, err := event.DecodeAttributes(event.AppendAttributes(nil, context)) // the join's own is overwritten
	if err != nil {
		panic(fmt.Sprintf("engine: a context cannot be read back: %v", err))
	}
	e.holding.events = append(e.holding.events, heldEvent{*ev, kept, item})
}

// release lets those events move the features that happened before the last multiple of Options.Hold.
func (e *Engine) release(watermark event.Time) {
	hold := event.Time(e.opts.Hold)
	if hold == 0 || watermark < e.holding.until+hold {
		return
	}
	h := &e.holding
	h.until = watermark - watermark%hold
	left := h.events[:0]
	for i := range h.events {
		held := &h.events[i]
		if held.event.Time >= h.until {
			left = append(left, *held)
			continue
		}
		e.query.Begin(held.event.User, held.context, held.event.Time)
		e.query.InSession(held.event.Session)
		e.Features.Apply(e.query, &held.event, held.item)
	}
	clear(h.events[len(left):])
	h.events = left
}
