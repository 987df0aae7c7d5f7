package ingest

import (
	"context"

	"golang.org/x/sync/errgroup"

	"recsvc/internal/event"
)

// Logged puts what a source without a place in the log (files) into the log, and hands the same batches on: the writer
// need not read them back. Their Partition and Offset are those of the log.
func Logged(source Source, log Log) Source { return &logged{source: source, log: log} }

type logged struct {
	source Source
	log    Log
}

// Run implements Source.
func (l *logged) Run(ctx context.Context, from event.Cursor, out chan<- *Batch) error {
	g, ctx := errgroup.WithContext(ctx)
	batches := make(chan *Batch, 1)
	g.Go(func() error {
		defer close(batches)
		return l.source.Run(ctx, from, batches)
	})
	g.Go(func() error {
		for b := range batches {
			if _, err := l.log.Append(ctx, b.Records); err != nil {
				return err
			}
			if err := send(ctx, out, b); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}
