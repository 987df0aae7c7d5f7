package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/event"
)

// tickEvery is how long a partition is quiet before it gets a tick.
const tickEvery = time.Second

// tick lets time pass in a log in which nothing happens while something waits for it: a partition that stood still for a
// second gets a record that says what time it is. A log that the engine still catches up with is not quiet.
func (a *app) tick(ctx context.Context) error {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	var last event.Cursor
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			status := a.engine.Status()
			if status.Pending > 0 && a.lag() == 0 {
				if err := a.tickQuiet(ctx, a.standing(status.Cursor), last, event.FromTime(now)); err != nil && ctx.Err() == nil {
					a.log.Warn("a tick could not be logged", zap.Error(err))
				}
			}
			last = a.standing(status.Cursor)
		}
	}
}

// standing is where each partition of the log stands, those included in which nothing has happened yet.
func (a *app) standing(cursor event.Cursor) event.Cursor {
	if a.kafka != nil {
		for _, p := range a.kafka.Status().Partitions {
			cursor = cursor.Set(p.Partition, max(p.Next, cursor.Offset(p.Partition)))
		}
	}
	return cursor
}

// tickQuiet appends a tick to each partition that has not moved since the last look.
func (a *app) tickQuiet(ctx context.Context, cursor, last event.Cursor, now event.Time) error {
	var ticks []event.Record
	for _, p := range cursor {
		if last.Offset(p.Partition) == p.Offset {
			ticks = append(ticks, event.Record{
				Kind: event.KindTick, Partition: p.Partition, Received: now, Tick: &event.Tick{Time: now},
			})
		}
	}
	if len(ticks) == 0 {
		return nil
	}
	_, err := a.sink.Append(ctx, ticks)
	return err
}
