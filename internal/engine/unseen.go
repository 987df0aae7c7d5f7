package engine

import (
	"math"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// unseen draws items that a user was not shown, for the heads that learn such as negatives. What is drawn follows from the
// exposure and the catalogue; the vectors are captured with the exposure, in a query of their own.
type unseen struct {
	wants [2][]uint64 // by way, then draw: the heads that take it, a bit for each
	query *features.Query
	own   features.Vector
}

// The ways to draw.
const (
	uniformly = iota
	byPopularity
)

const (
	drawTries   = 8    // draws until an item is found that may be shown and was not
	drawAmong   = 8    // of which one is chosen by popularity
	drawFlatten = 0.75 // exponent of the popularity
)

func newUnseen(heads []feedback.HeadOptions, store *features.Store) *unseen {
	u := &unseen{}
	for h := range heads {
		way := uniformly
		if heads[h].Unseen.ByPopularity {
			way = byPopularity
		}
		for n := range heads[h].Unseen.N {
			if n == len(u.wants[way]) {
				u.wants[way] = append(u.wants[way], 0)
			}
			u.wants[way][n] |= 1 << h
		}
	}
	if len(u.wants[uniformly])+len(u.wants[byPopularity]) == 0 {
		return nil
	}
	u.query = store.NewQuery()
	return u
}

// drawUnseen draws for an exposure that was joined, before it changes any window.
func (e *Engine) drawUnseen(ev *event.Event, m feedback.Match, context event.Attributes) {
	u := e.unseen
	if u == nil || e.opts.FeaturesOnly || ev.Type != "exposure" || ev.Item == "" || m.Duplicate || m.Brief || e.joiner.Err() != nil {
		return
	}
	begun := false
	draw := 0
	for way, wants := range u.wants {
		for _, heads := range wants {
			for h := range e.lineup.heads() {
				if e.joiner.Stalled(h) {
					heads &^= 1 << h
				}
			}
			ref, ok := e.draw(ev, m, way, &draw)
			if !ok || heads == 0 {
				continue
			}
			if !begun {
				begun = true
				u.query.Begin(ev.User, context, ev.Time)
				u.query.InSession(ev.Session)
				u.query.Place(m.Position)
			}
			u.query.Item(&u.own, ref)
			e.joiner.Unseen(ev, feedback.Vector(u.query.Shared()), feedback.Vector(u.own), heads)
		}
	}
}

// draw finds an item. draw counts the numbers that were drawn for the exposure.
func (e *Engine) draw(ev *event.Event, m feedback.Match, way int, draw *int) (features.ItemRef, bool) {
	if way == uniformly {
		return e.drawOne(ev, m, draw)
	}
	best, heaviest := features.NoItem, 0.0
	for range drawAmong {
		ref, ok := e.drawOne(ev, m, draw)
		if !ok {
			continue
		}
		// Of candidates with weights w that with the greatest ln(u)/w is chosen with probability w over their sum.
		*draw++
		u := (float64(feedback.Draw(ev, *draw)>>11) + 1) / (1 << 53)
		if key := math.Log(u) / e.popularity(ref); best == features.NoItem || key > heaviest {
			best, heaviest = ref, key
		}
	}
	return best, best != features.NoItem
}

// drawOne draws uniformly from the items that may be shown and were not.
func (e *Engine) drawOne(ev *event.Event, m feedback.Match, draw *int) (features.ItemRef, bool) {
	n := uint64(e.Features.Items())
	for range drawTries {
		*draw++
		ref := features.ItemRef(feedback.Draw(ev, *draw) % n)
		if it := e.Features.Item(ref); it.Available && it.ID != ev.Item && !e.joiner.Shown(m, it.ID) {
			return ref, true
		}
	}
	return 0, false
}

// popularity is how many events an item has had, flattened; above 0.
func (e *Engine) popularity(ref features.ItemRef) float64 {
	total := uint64(1)
	e.Features.Counts(ref, func(_ string, n uint64) { total += n })
	return math.Pow(float64(total), drawFlatten)
}
