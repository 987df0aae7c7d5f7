package engine

import "recsvc/internal/event"

// hold lets a model predict from a copy, or at once, as its refresh in force asks. Its standing has been touched.
//
// A copy begins as what the model has learned so far, so that nothing moves at that moment; without one it predicts what it would have
// all along.
func (e *Engine) hold(i int) {
	t, m := &e.standings.tuned[i], e.Models[i]
	t.held = e.standings.refresh(i) > 0
	if !t.held {
		m.Release()
		t.published = 0
		return
	}
	m.Hold(false)
	t.published = e.boundary(i, e.Clock.Watermark())
}

// boundary is the last multiple of a model's refresh up to a watermark; 0: there is none.
func (e *Engine) boundary(i int, watermark event.Time) event.Time {
	refresh := event.Time(e.standings.refresh(i))
	if watermark <= 0 || refresh == 0 {
		return 0
	}
	return watermark - watermark%refresh
}

// refresh lets the models whose time has come publish what they have learned, and time pass up to each of these moments, but not
// beyond: what is learned after a boundary is not in what is published there, however far one step of the watermark leads.
func (e *Engine) refresh(watermark event.Time) {
	for {
		next := event.Time(0)
		for i := range e.Models {
			if e.standings.tuned[i].held {
				if b := e.boundary(i, watermark); b > e.standings.tuned[i].published && (next == 0 || b < next) {
					next = b
				}
			}
		}
		if next == 0 {
			return
		}
		e.joiner.Advance(next)
		for i, m := range e.Models {
			t := &e.standings.tuned[i]
			if !t.held || e.boundary(i, next) <= t.published {
				continue
			}
			m.Publish()
			e.standings.mu.Lock()
			e.standings.set.Touch(uint32(1 + i))
			t.published = e.boundary(i, next)
			e.standings.mu.Unlock()
		}
	}
}
