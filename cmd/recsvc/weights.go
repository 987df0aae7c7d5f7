package main

import (
	"sync"
	"time"

	"recsvc/internal/model"
)

// weightCount remembers how many weights of a model are not zero: counting reads the whole table, which takes
// milliseconds, and the status is asked for often.
type weightCount struct {
	mu sync.Mutex
	at time.Time
	n  int64
}

// weightsEvery is how old a count may be.
const weightsEvery = 10 * time.Second

func (w *weightCount) of(m *model.Model) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); now.Sub(w.at) > weightsEvery {
		w.n, w.at = 0, now
		for _, h := range m.Heads() {
			nonZero, _ := h.Weights()
			w.n += int64(nonZero)
		}
	}
	return w.n
}
