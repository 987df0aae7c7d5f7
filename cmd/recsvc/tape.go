package main

import (
	"context"
	"errors"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// tape runs a source for who asks for its records a stretch at a time. It belongs to one goroutine at a time.
type tape struct {
	ctx     context.Context
	cancel  context.CancelFunc
	batches chan *ingest.Batch
	ended   chan error // gets why the source has ended, after its last batch
	rest    []event.Record
}

func startTape(ctx context.Context, source ingest.Source, from event.Cursor) *tape {
	ctx, cancel := context.WithCancel(ctx)
	t := &tape{ctx: ctx, cancel: cancel, batches: make(chan *ingest.Batch, 1), ended: make(chan error, 1)}
	go func() {
		t.ended <- source.Run(ctx, from, t.batches)
		close(t.batches)
	}()
	return t
}

// stop ends the source and waits until it has.
func (t *tape) stop() {
	t.cancel()
	for range t.batches {
	}
}

// rerun applies records that are given to it; *engine.Successor and *engine.Rerun do.
type rerun interface {
	Place() event.Cursor
	Bytes() int64
	Apply(records []event.Record, to event.Cursor) (n int, err error)
}

// advance applies what lies before a place, which the source must come to; look is called after every batch. When ctx ends it returns
// context.Cause, and may be called again.
func (t *tape) advance(ctx context.Context, s rerun, to event.Cursor, look func(rerun) error) error {
	for !s.Place().Covers(to) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(t.rest) == 0 {
			select {
			case b, ok := <-t.batches:
				if !ok {
					return t.why()
				}
				t.rest = b.Records
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		n, err := s.Apply(t.rest, to)
		if t.rest = t.rest[n:]; err != nil {
			return err
		}
		if look != nil {
			if err := look(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// why says why there are no more records.
func (t *tape) why() error {
	err := <-t.ended
	t.ended <- err
	if err == nil {
		err = errors.New("the log ends before the place that was asked for")
	}
	return err
}
