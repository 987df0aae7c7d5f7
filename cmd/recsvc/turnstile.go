package main

import (
	"context"
	"fmt"
	"math"

	"golang.org/x/sync/semaphore"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// turnstile is the embedded log with a way to hold back all who append to it, for who must know which record comes next. It is safe for
// concurrent use.
type turnstile struct {
	*ingest.Embedded
	turns *semaphore.Weighted // each appending takes one, who holds them back takes all
}

func newTurnstile(l *ingest.Embedded) *turnstile {
	return &turnstile{Embedded: l, turns: semaphore.NewWeighted(math.MaxInt64)}
}

// Append implements ingest.Log: it waits while appending is held back, until ctx ends.
func (t *turnstile) Append(ctx context.Context, recs []event.Record) (event.Cursor, error) {
	if err := t.turns.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("append %d records: %w", len(recs), err)
	}
	defer t.turns.Release(1)
	return t.Embedded.Append(ctx, recs)
}

// hold waits for those who are appending, and lets nobody append from then on until release, in order of arrival. Who holds appends to the
// Embedded itself.
func (t *turnstile) hold(ctx context.Context) (release func(), err error) {
	if err := t.turns.Acquire(ctx, math.MaxInt64); err != nil {
		return nil, context.Cause(ctx)
	}
	return func() { t.turns.Release(math.MaxInt64) }, nil
}
