package main

import (
	"sync"
	"time"

	"recsvc/internal/model"
)

// weightCount remembers how many weights of the models are not zero: counting reads the whole table, which takes
// milliseconds, and the status is asked for often.
type weightCount struct {
	mu     sync.Mutex
	counts map[*model.Model]counted
}

type counted struct {
	at time.Time
	n  int64
}

// weightsEvery is how old a count may be.
const weightsEvery = 10 * time.Second

func (w *weightCount) of(m *model.Model) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); now.Sub(w.counts[m].at) > weightsEvery {
		c := counted{at: now, n: countWeights(m)}
		if w.counts == nil {
			w.counts = map[*model.Model]counted{}
		}
		w.counts[m] = c
	}
	return w.counts[m].n
}

func countWeights(m *model.Model) (n int64) {
	for _, h := range m.Heads() {
		nonZero, _ := h.Weights()
		n += int64(nonZero)
	}
	return n
}
