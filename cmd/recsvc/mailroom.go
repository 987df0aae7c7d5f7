package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/outbox"
)

// outboxRestoredName is a file that a restore leaves in the data directory: what waited in the outbox of the backup may have been sent since,
// and whether it was, the log that was lost would say. It is not sent again.
const outboxRestoredName = "OUTBOX-RESTORED"

// mailroom sends what patterns put into the outbox, and tells the log what came of it.
type mailroom struct {
	*app
	mu sync.Mutex // one opens the outbox at a time
	up bool       // the engine had caught up with the log
}

func newMailroom(a *app) *mailroom { return &mailroom{app: a} }

func (a *app) outboxStats() features.OutboxStats {
	a.features.RLock()
	defer a.features.RUnlock()
	return a.features.OutboxStats()
}

// run sends until ctx ends.
func (m *mailroom) run(ctx context.Context) {
	hooks := map[string]outbox.Hook{}
	for i := range m.config.Patterns {
		if p := &m.config.Patterns[i]; p.Emit.Webhook.Configured() {
			hooks[p.Name] = outbox.Hook{URL: p.Emit.Webhook.URL, Secret: p.Emit.Webhook.Secret()}
		}
	}
	o := m.config.Outbox
	outbox.New(m, outbox.Options{
		Hooks: hooks, Timeout: o.Timeout, Parallel: o.Parallel, Keep: o.Keep, Registerer: m.registry, Logger: m.log,
	}).Run(ctx)
}

// open lets the matches of the patterns that are declared go into the outbox from here on: what the log before this place holds was matched
// by other definitions, or is history. It does nothing when they do already.
func (m *mailroom) open(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.catchUp(ctx); err != nil {
		return err
	}
	s := m.outboxStats()
	if slices.Equal(s.Open, s.Wanted) {
		return nil
	}
	return m.tell(ctx, []event.Record{m.control(0, event.Outbox{Open: append([]string{}, s.Wanted...)})})
}

// catchUp waits, once, until the engine has applied all that the log holds: it may know of deliveries. What a restored backup had waiting goes.
func (m *mailroom) catchUp(ctx context.Context) error {
	if m.up {
		return nil
	}
	stands, err := m.stands()
	if err != nil {
		return err
	}
	var end event.Cursor
	for p, s := range stands {
		end = end.Set(p, s.end)
	}
	if err := m.engine.Wait(ctx, end); err != nil {
		return err
	}
	if err := m.discardRestored(ctx); err != nil {
		return err
	}
	m.up = true
	return nil
}

func (m *mailroom) discardRestored(ctx context.Context) error {
	path := filepath.Join(m.config.Data, outboxRestoredName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if m.kafka == nil && m.outboxStats().Waiting > 0 { // Kafka's log goes on, and knows
		if err := m.tell(ctx, []event.Record{m.control(0, event.Outbox{Discard: "restored"})}); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return syncPath(m.config.Data)
}

// Waiting implements outbox.Box.
func (m *mailroom) Waiting(ctx context.Context, n int, skip func(id string) bool) ([]outbox.Message, error) {
	if err := m.open(ctx); err != nil {
		return nil, err
	}
	m.features.RLock()
	list := m.features.Outputs(n, skip)
	m.features.RUnlock()
	if len(list) == 0 {
		return nil, nil
	}
	// What has made them is applied. It may not be durable: then a crash would let it happen otherwise.
	if err := m.sink.Wait(ctx, m.engine.Applied()); err != nil {
		return nil, err
	}
	out := make([]outbox.Message, len(list))
	for i, o := range list {
		out[i] = outbox.Message{ID: o.ID, Hook: o.Pattern, Made: o.Made.Time(), Partition: o.Partition, Body: o.Body}
	}
	return out, nil
}

// Delivered implements outbox.Box. An output's delivery is told in its own partition, so that it comes after the output however the partitions are
// interleaved.
func (m *mailroom) Delivered(ctx context.Context, messages []outbox.Message) error {
	byPartition := map[int32][]string{}
	for _, one := range messages {
		byPartition[one.Partition] = append(byPartition[one.Partition], one.ID)
	}
	var recs []event.Record
	for p, ids := range byPartition {
		for chunk := range slices.Chunk(ids, event.MaxDelivered) {
			recs = append(recs, m.control(p, event.Outbox{Delivered: chunk}))
		}
	}
	return m.tell(ctx, recs)
}

// GivenUp implements outbox.Box: the output becomes a dead letter.
func (m *mailroom) GivenUp(ctx context.Context, one outbox.Message) error {
	letter := event.Record{
		Kind: event.KindDeadLetter, Partition: one.Partition, Received: event.FromTime(time.Now()),
		DeadLetter: &event.DeadLetter{
			Source: "webhook", Reason: "undelivered", Detail: fmt.Sprintf("the webhook of pattern %q never took it in %v", one.Hook, m.config.Outbox.Keep),
			Place: one.ID, Bytes: one.Body[:min(len(one.Body), event.MaxDeadLetterBytes)], Size: int64(len(one.Body)),
		},
	}
	if err := m.tell(ctx, []event.Record{letter}); err != nil {
		return err
	}
	return m.Delivered(ctx, []outbox.Message{one})
}

func (m *mailroom) control(partition int32, o event.Outbox) event.Record {
	return event.Record{Kind: event.KindControl, Partition: partition, Received: event.FromTime(time.Now()), Control: o.Control()}
}

// tell takes records into the log, and returns when they are durable and applied.
func (m *mailroom) tell(ctx context.Context, recs []event.Record) error {
	_, err := m.say(ctx, recs)
	return err
}

// say takes records into the log, and returns the place behind them when they are durable and applied.
func (a *app) say(ctx context.Context, recs []event.Record) (event.Cursor, error) {
	after, err := a.sink.Append(ctx, recs)
	if err != nil {
		return nil, err
	}
	if err := a.sink.Wait(ctx, after); err != nil {
		return nil, err
	}
	return after, a.engine.Wait(ctx, after)
}
