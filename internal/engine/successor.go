package engine

import (
	"context"
	"errors"
	"fmt"

	"recsvc/internal/event"
	"recsvc/internal/features"
)

// Successor is what other definitions of features make of the log: it runs the same records through the same code as the engine
// beside which it stands, until it takes the place of that engine's features. It belongs to one goroutine, and during
// [Engine.TakeOver] to the writer of the other.
type Successor struct {
	engine *Engine
	same   features.ItemRef // items below are compared with the other's
}

// NewSuccessor returns one that has seen nothing. The parts are new and empty, their State nil; opts are those of the engine that
// it is to succeed but for the definitions, and FeaturesOnly is implied.
func NewSuccessor(parts Parts, opts Options) (*Successor, error) {
	if parts.State != nil {
		return nil, errors.New("engine: a successor has no state of its own")
	}
	opts.FeaturesOnly, opts.Registerer, opts.Observer, opts.Fault = true, nil, nil, nil
	opts.Feedback.Cold, opts.MemoryBudget = nil, 0
	e, err := Open(parts, opts)
	if err != nil {
		return nil, err
	}
	return &Successor{engine: e}, nil
}

// Place is what it has applied.
func (s *Successor) Place() event.Cursor { return s.engine.place }

// Bytes is an estimate of the memory that its users, joins and ids take.
func (s *Successor) Bytes() int64 {
	return s.engine.Features.UserBytes() + s.engine.joiner.Bytes() + s.engine.Dedup.Bytes()
}

// Apply applies records in order, up to a place, and returns how many of them lie before it. What was applied before is passed over.
func (s *Successor) Apply(records []event.Record, to event.Cursor) (n int, err error) {
	e := s.engine
	for n = range records {
		r := &records[n]
		if r.Offset >= to.Offset(r.Partition) {
			return n, nil
		}
		if gap := r.Offset - e.place.Offset(r.Partition); gap >= 0 {
			if err := e.applyRecord(r, gap); err != nil {
				return n, err
			}
		}
	}
	return len(records), nil
}

// compareItems is how many items are compared under one stretch of the lock.
const compareItems = 1 << 12

// Compare looks whether the items that both have met so far are the same, so that TakeOver has only the latest to look at.
func (s *Successor) Compare(with *Engine) error {
	for {
		with.Features.RLock()
		same, err := with.Features.SameItems(s.engine.Features, s.same, compareItems)
		with.Features.RUnlock()
		if err != nil || same == s.same {
			return err
		}
		s.same = same
	}
}

// TakeOver lets s take the place of the engine's features: the writer pauses between two batches, advance brings s to exactly where
// the writer is, and from then on the state is under the definitions of s. All else stays: weights, pending impressions, ids, clock. A checkpoint
// begins at once, which writes all users and items; only when it is durable will a start know of the new definitions.
//
// It returns false when a checkpoint was in progress: it has ended now, and the caller brings s up to date before it tries again. After an
// error nothing has changed, and s may not be used any more.
func (e *Engine) TakeOver(ctx context.Context, s *Successor, advance func(to event.Cursor) error) (done bool, err error) {
	var busy chan checkpointResult
	if failed := e.do(ctx, func() {
		if e.cut.checkpoint != nil {
			busy = make(chan checkpointResult, 1)
			e.cut.waiting = append(e.cut.waiting, busy)
			return
		}
		err = e.succeed(s, advance)
	}); failed != nil {
		return false, failed
	}
	if busy == nil {
		return err == nil, err
	}
	select {
	case <-busy:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-e.stopped:
		return false, ErrStopped
	}
}

// succeed is TakeOver on the writer, with no checkpoint in progress.
func (e *Engine) succeed(s *Successor, advance func(to event.Cursor) error) error {
	if err := advance(e.place); err != nil {
		return err
	}
	if at := s.engine.place; !at.Covers(e.place) || !e.place.Covers(at) {
		return fmt.Errorf("the successor has come to %s, the writer to %s", at, e.place)
	}
	if err := e.Features.Adopt(s.engine.Features, s.same); err != nil {
		return err
	}
	e.health.find(e.Features.Numbers())
	e.query = e.Features.NewQuery() // the old one would keep what it was made for
	e.sets = e.tables()
	e.definitions.Store(s.engine.definitions.Load())
	e.govern()
	e.begin(nil)
	return nil
}
