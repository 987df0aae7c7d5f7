package ingest

import (
	"context"

	"recsvc/internal/event"
)

// Batch is a run of records in log order. It belongs to who receives it.
type Batch struct {
	Records []event.Record
}

// Source hands out records in order.
type Source interface {
	// Run sends batches to out, beginning at from, until the source ends (nil; files do, logs do not), the context ends
	// (its error) or something breaks. It closes nothing, and leaves no goroutine behind.
	Run(ctx context.Context, from event.Cursor, out chan<- *Batch) error
}

// send hands a batch on, or returns the context's error.
func send(ctx context.Context, out chan<- *Batch, b *Batch) error {
	select {
	case out <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
