package engine

import "recsvc/internal/feedback"

// servedScratch is the memory for capturing one list, used again for the next.
type servedScratch struct {
	own []feedback.Vector
	p   [][]float32
}

func (l *servedScratch) reset(n, heads int) {
	for cap(l.own) < n {
		l.own = append(l.own[:cap(l.own)], feedback.Vector{})
	}
	for cap(l.p) < n {
		l.p = append(l.p[:cap(l.p)], make([]float32, heads))
	}
	l.own, l.p = l.own[:n], l.p[:n]
}
