package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/event"
)

// tickEvery is how long a partition is quiet before it gets a tick.
const tickEvery = time.Second

// tick lets time pass in a log in which nothing happens while something waits for it: a partition that stood still for a
// second gets a record that says what time it is. One that the engine still catches up with is not quiet, and does not
// keep the others from being so.
func (a *app) tick(ctx context.Context) error {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	var last map[int32]stand
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			stands, err := a.stands() // with Kafka out of reach: none
			if status := a.engine.Status(); err == nil && (status.Pending > 0 || status.Waiting > 0) {
				err = a.tickAll(ctx, quiet(stands, last), event.FromTime(now))
				if err != nil && ctx.Err() == nil {
					a.log.Warn("a tick could not be logged", zap.Error(err))
				}
			}
			last = stands
		}
	}
}

// quiet returns the partitions, ascending, that are applied to their end and have not moved since the last look.
func quiet(stands, last map[int32]stand) (partitions []int32) {
	for _, p := range slices.Sorted(maps.Keys(stands)) {
		s := stands[p]
		before, ok := last[p]
		if ok && s.applied == s.end && s == before {
			partitions = append(partitions, p)
		}
	}
	return partitions
}

// tickAll appends a tick to each of the partitions.
func (a *app) tickAll(ctx context.Context, partitions []int32, now event.Time) error {
	if len(partitions) == 0 {
		return nil
	}
	var ticks []event.Record
	for _, p := range partitions {
		ticks = append(ticks, event.Record{Kind: event.KindTick, Partition: p, Received: now, Tick: &event.Tick{Time: now}})
	}
	_, err := a.sink.Append(ctx, ticks)
	return err
}
