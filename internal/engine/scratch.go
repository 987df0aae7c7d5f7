package engine

import (
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// servedScratch is the memory for capturing one list, used again for the next. It only grows.
type servedScratch struct {
	own  []feedback.Vector
	p    [][]float32
	refs []features.ItemRef
}

// take returns room for n items and their predictions of each head.
func (l *servedScratch) take(n, heads int) (own []feedback.Vector, p [][]float32) {
	for len(l.own) < n {
		l.own = append(l.own, feedback.Vector{})
		l.p = append(l.p, make([]float32, heads))
	}
	return l.own[:n], l.p[:n]
}

// named finds the items of a list, entering those that the catalogue lacks.
func (l *servedScratch) named(s *features.Store, items []event.ServedItem) []features.ItemRef {
	l.refs = l.refs[:0]
	for i := range items {
		l.refs = append(l.refs, s.EnsureItem(items[i].Item))
	}
	return l.refs
}
