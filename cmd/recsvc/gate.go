package main

import (
	"fmt"
	"time"

	"recsvc/internal/api"
)

// gate holds writers back while the engine is behind or the disk is full.
type gate struct{ *app }

// Admit implements api.Gate.
func (g *gate) Admit() (time.Duration, error) {
	if err := g.disk.full(); err != nil {
		return 0, fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	if g.lag() > g.config.Limits.PendingRecords {
		return time.Second, nil
	}
	return 0, nil
}
