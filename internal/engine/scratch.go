package engine

import "recsvc/internal/feedback"

// servedScratch is the memory for capturing one list, used again for the next. It only grows.
type servedScratch struct {
	own []feedback.Vector
	p   [][]float32
}

// take returns room for n items and their predictions of each head.
func (l *servedScratch) take(n, heads int) (own []feedback.Vector, p [][]float32) {
	for len(l.own) < n {
		l.own = append(l.own, feedback.Vector{})
		l.p = append(l.p, make([]float32, heads))
	}
	return l.own[:n], l.p[:n]
}
