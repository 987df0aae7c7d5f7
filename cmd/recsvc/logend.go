package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"recsvc/internal/api"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// stand is how a partition stands: applied up to one place, and as long as another, as far as is known here.
type stand struct{ applied, end int64 }

// stands is how the partitions of the log stand that this instance reads, those included in which nothing has happened yet.
// With Kafka out of reach nobody knows, which is the error.
func (a *app) stands() (map[int32]stand, error) {
	applied := a.engine.Applied()
	if a.kafka == nil {
		return map[int32]stand{0: {applied.Offset(0), a.wal.Next()}}, nil
	}
	status := a.kafka.Status()
	if err := kafkaDown(status); err != nil {
		return nil, err
	}
	stands := map[int32]stand{}
	for _, p := range status.Partitions {
		if p.Claimed {
			stands[p.Partition] = stand{max(p.Start, applied.Offset(p.Partition)), p.End}
		}
	}
	return stands, nil
}

// kafkaDown says why there is no session with Kafka; nil while there is one.
func kafkaDown(s ingest.KafkaStatus) error {
	switch {
	case s.Connected:
		return nil
	case s.Err == nil:
		return ingest.ErrKafkaDown
	}
	return fmt.Errorf("%w: %w", ingest.ErrKafkaDown, s.Err)
}

// Wait implements api.Engine.
func (e *engineRoom) Wait(ctx context.Context, c event.Cursor) error {
	var err error
	if e.kafka != nil {
		err = e.waitKafka(ctx, c)
	} else {
		err = e.waitEmbedded(ctx, c)
	}
	if errors.Is(err, engine.ErrStopped) {
		err = fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return err
}

var errBeyond = fmt.Errorf("%w: the cursor lies beyond the end of the log", api.ErrBadRequest)

func (e *engineRoom) waitEmbedded(ctx context.Context, c event.Cursor) error {
	for _, p := range c {
		if p.Partition != 0 {
			return api.ErrMisdirected
		}
		if p.Offset > e.wal.Next() {
			return errBeyond
		}
	}
	return e.engine.Wait(ctx, c)
}

// unannounced is how long a place may take to come that the consumer has not heard of: it hears of a new record with the
// record itself, a moment after the producer. Longer, and the broker is asked whether there is such a place.
const unannounced = 50 * time.Millisecond

// waitKafka waits for what this instance reads. While there is no session nobody knows what that is: it waits.
func (e *engineRoom) waitKafka(ctx context.Context, c event.Cursor) error {
	c, err := ours(e.kafka.Status(), c)
	if err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, unannounced)
	err = e.engine.Wait(soon, c)
	cancel()
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return err
	}
	if err := e.checkEnd(ctx, c); err != nil {
		return err
	}
	return e.engine.Wait(ctx, c)
}

// ours returns the places of the cursor that are still to come. api.ErrMisdirected: another instance reads one of its
// partitions, or none does.
func ours(status ingest.KafkaStatus, c event.Cursor) (event.Cursor, error) {
	if !status.Connected {
		return c, nil
	}
	var rest event.Cursor
	for _, p := range c {
		i := slices.IndexFunc(status.Partitions, func(k ingest.KafkaPartition) bool { return k.Partition == p.Partition && k.Claimed })
		if i < 0 {
			return nil, api.ErrMisdirected
		}
		if p.Offset > status.Partitions[i].Start { // what came before is applied, or was removed
			rest = append(rest, p)
		}
	}
	return rest, nil
}

// checkEnd asks the broker for the ends of the partitions in which the cursor lies beyond what the consumer has heard of. What
// cannot be asked is not judged.
func (e *engineRoom) checkEnd(ctx context.Context, c event.Cursor) error {
	known := map[int32]int64{}
	for _, p := range e.kafka.Status().Partitions {
		known[p.Partition] = p.End
	}
	for _, p := range c {
		if p.Offset <= known[p.Partition] {
			continue
		}
		if end, err := e.kafka.End(ctx, p.Partition); err == nil && p.Offset > end {
			return errBeyond
		}
	}
	return nil
}
