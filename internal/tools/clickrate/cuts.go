package clickrate

import (
	"context"
	"errors"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/state"
)

// flushBetween is how many entries of a cut are encoded between two events, as in the engine.
const flushBetween = 8

// cuts writes checkpoints of a store as the engine does: a cut between two events, its entries encoded a few at a time beside
// the events that follow, and committed by another goroutine.
type cuts struct {
	sets  []*dirty.Set
	state *state.Store
	every time.Duration

	applied int64 // events
	began   time.Time
	open    *state.Checkpoint // nil: none
	cursor  event.Cursor      // of the open one
	set     int               // sets before it are flushed
	done    chan error        // gets its result

	written int
	bytes   int64
}

// openCuts opens the state in dir, and loads what is there into the store.
func openCuts(s *features.Store, dir string, every time.Duration) (*cuts, error) {
	st, err := state.Open(dir, state.Options{})
	if err != nil {
		return nil, err
	}
	c := &cuts{sets: s.Sets(), state: st, every: every, began: time.Now()}
	meta, ok := st.Latest()
	if !ok {
		return c, nil
	}
	if err := st.Load(func(key, value []byte, sum dirty.Sum) error {
		_, err := s.Load(key, value, sum)
		return err
	}); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	s.LoadDone()
	c.applied = meta.Cursor[0].Offset
	return c, nil
}

// beside follows one event.
func (c *cuts) beside() error {
	c.applied++
	switch {
	case c.open == nil:
		if c.applied%stride == 0 && time.Since(c.began) >= c.every {
			c.begin()
		}
		return nil
	case c.done == nil:
		if !c.open.Crowded() {
			c.flush(flushBetween)
		}
		return nil
	}
	select {
	case err := <-c.done:
		return c.end(err)
	default:
		return nil
	}
}

// idle does a little of the flush while there are no events, and reports whether more of it is left that need not wait.
func (c *cuts) idle() bool {
	if c.open == nil || c.done != nil || c.open.Crowded() {
		return false
	}
	c.flush(2 * flushBetween)
	return c.done == nil
}

func (c *cuts) begin() {
	c.began, c.open, c.set = time.Now(), c.state.Begin(), 0
	c.cursor = event.Cursor{{Partition: 0, Offset: c.applied}}
	for _, s := range c.sets {
		s.Cut(c.open.Put)
	}
}

func (c *cuts) flush(n int) {
	for ; c.set < len(c.sets); c.set++ {
		if !c.sets[c.set].Flush(n) {
			return
		}
	}
	meta := state.Meta{Cursor: c.cursor, Created: event.FromTime(c.began)}
	for _, s := range c.sets {
		meta.Digest.Add(s.Digest())
		meta.Entries += s.Count()
	}
	done := make(chan error, 1)
	c.done = done
	go func(open *state.Checkpoint) { done <- open.Commit(context.Background(), meta) }(c.open)
}

// end follows the result of a checkpoint.
func (c *cuts) end(err error) error {
	c.open, c.done = nil, nil
	if err != nil {
		return err
	}
	for _, s := range c.sets {
		s.Stored()
	}
	meta, _ := c.state.Latest()
	c.written++
	c.bytes += meta.Bytes
	return nil
}

// complete brings the open checkpoint to its end.
func (c *cuts) complete() error {
	if c.open == nil {
		return nil
	}
	for c.done == nil {
		c.flush(1 << 16)
	}
	return c.end(<-c.done)
}

// close writes a last checkpoint.
func (c *cuts) close() error {
	err := c.complete()
	if err == nil {
		c.begin()
		err = c.complete()
	}
	return errors.Join(err, c.state.Close())
}
