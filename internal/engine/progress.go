package engine

import (
	"context"
	"sync"

	"recsvc/internal/event"
)

// progress says how far the writer has come, and wakes those who wait for a place in the log. The writer publishes;
// anyone may read and wait.
type progress struct {
	mu      sync.Mutex
	cursor  event.Cursor // every record before it is applied
	waiters int
	moved   chan struct{} // closed, and replaced, when the writer publishes while someone waits
}

func newProgress(from event.Cursor) *progress {
	return &progress{cursor: from.Clone(), moved: make(chan struct{})}
}

func (p *progress) publish(c event.Cursor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cursor = append(p.cursor[:0], c...)
	if p.waiters > 0 {
		close(p.moved)
		p.moved = make(chan struct{})
	}
}

func (p *progress) load() event.Cursor {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cursor.Clone()
}

// wait returns when everything before cursor is applied, with ErrStopped when it never will be, or with the context's error.
func (p *progress) wait(ctx context.Context, cursor event.Cursor, stopped <-chan struct{}) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters++
	defer func() { p.waiters-- }()
	for !p.cursor.Covers(cursor) {
		moved := p.moved
		p.mu.Unlock()
		var err error
		select {
		case <-moved:
		case <-stopped: // what was applied was published before
			err = ErrStopped
		case <-ctx.Done():
			err = ctx.Err()
		}
		p.mu.Lock()
		if err != nil && !p.cursor.Covers(cursor) {
			return err
		}
	}
	return nil
}
