package main

import (
	"context"
	"errors"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// hand passes a batch on, or returns the context's error.
func hand(ctx context.Context, out chan<- *ingest.Batch, b *ingest.Batch) error {
	select {
	case out <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errEnough ends a relay early.
var errEnough = errors.New("enough")

// relay runs a source and gives each of its batches to fn, whose error ends it; errEnough ends it well.
func relay(ctx context.Context, src ingest.Source, from event.Cursor, fn func(*ingest.Batch) error) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	batches, ended := make(chan *ingest.Batch), make(chan error, 1)
	go func() {
		ended <- src.Run(inner, from, batches)
		close(batches)
	}()
	var failed error
	for b := range batches {
		if failed != nil {
			continue // let the source see that it is over
		}
		if failed = fn(b); failed != nil {
			stop()
		}
	}
	err := <-ended
	switch {
	case errors.Is(failed, errEnough):
		return nil
	case failed != nil:
		return failed
	}
	return err
}

// sourceFunc is a Source made of a function.
type sourceFunc func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error

// Run implements ingest.Source.
func (f sourceFunc) Run(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
	return f(ctx, from, out)
}

// then is a Source that runs next when f has ended.
func (f sourceFunc) then(next ingest.Source) ingest.Source {
	return sourceFunc(func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
		if err := f(ctx, from, out); err != nil {
			return err
		}
		return next.Run(ctx, from, out)
	})
}

// backlog hands out what the embedded log holds at this moment beyond the state, and ends.
func (a *app) backlog() sourceFunc {
	return func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
		return a.upTo(a.wal.Next(), nil)(ctx, from, out)
	}
}

// upTo hands out what the embedded log holds beyond the state and before a record, which it must reach, and ends. It says after
// each batch how far it is; nil: nobody asks.
func (a *app) upTo(end int64, progress func(done, total int64)) sourceFunc {
	return func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
		if from.Offset(0) >= end {
			return nil
		}
		return relay(ctx, a.source, from, func(b *ingest.Batch) error {
			over := b.Records[len(b.Records)-1].Offset + 1 - end
			if over > 0 {
				b.Records = b.Records[:int64(len(b.Records))-over]
			}
			last := b.Records[len(b.Records)-1].Offset
			if err := hand(ctx, out, b); err != nil {
				return err
			}
			if progress != nil {
				progress(last+1, end)
			}
			if over >= 0 {
				return errEnough
			}
			return nil
		})
	}
}
