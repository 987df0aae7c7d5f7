package features

import (
	"fmt"
	"testing"
	"time"

	"recsvc/internal/event"
)

// Once everybody has been met, and what they remember is full, an event takes no memory: neither its vector nor what it changes.
func TestAnEventTakesNoMemoryInTheSteadyState(t *testing.T) {
	s := newStore(t)
	q := s.NewQuery()
	var v Vector
	events := make([]event.Event, 0, 64)
	for i := range cap(events) {
		item := fmt.Sprint("i", i%5)
		upsert(s, item, fmt.Sprint("c", i%3), float64(i%5))
		e := event.Event{Type: "exposure", User: fmt.Sprint("u", i%7), Item: item, Context: device("ios")}
		switch i % 4 {
		case 1:
			e.Type = "click"
		case 2:
			e.Type, e.Value, e.HasValue = "dwell", 30, true
		}
		events = append(events, e)
	}
	at, i := t0, 0
	step := func() {
		e := &events[i%len(events)]
		at = at.Add(time.Second)
		e.Time = at
		ref := s.EnsureItem(e.Item)
		q.Begin(e.User, e.Context, e.Time)
		q.Shared()
		q.Item(&v, ref)
		s.Apply(q, e, ref)
		i++
	}
	for range 2000 {
		step()
	}
	if got := testing.AllocsPerRun(500, step); got != 0 {
		t.Errorf("%v allocations per event", got)
	}
}
