package main

import (
	"fmt"
	"sync"
	"time"

	"recsvc/internal/api"
)

// gate holds writers back while the engine is behind or the disk is full.
type gate struct {
	*app

	mu    sync.Mutex
	asked time.Time // when room was asked for
	room  error
}

// roomEvery is how long an answer about the disk's free space holds: every write asks.
const roomEvery = 100 * time.Millisecond

// Admit implements api.Gate.
func (g *gate) Admit() (time.Duration, error) {
	if err := g.diskRoom(); err != nil {
		return 0, fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	if g.lag() > g.config.Limits.PendingRecords {
		return time.Second, nil
	}
	return 0, nil
}

func (g *gate) diskRoom() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now(); now.Sub(g.asked) > roomEvery {
		g.asked, g.room = now, g.state.Room()
	}
	return g.room
}
