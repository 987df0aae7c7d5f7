package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"recsvc/internal/api"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/ingest"
)

// newIntake judges request bodies.
func (a *app) newIntake() (*ingest.Intake, error) {
	return ingest.NewIntake(a.validator, ingest.IntakeOptions{
		MaxRecords: a.config.Limits.BatchRecords, MaxRecordBytes: int(a.config.Limits.RecordBytes), Metrics: a.metrics,
	})
}

// lag is how many records of the log are not applied yet.
func (a *app) lag() int64 {
	if a.kafka != nil {
		return a.kafka.Status().Lag()
	}
	return a.wal.Next() - a.engine.Applied().Offset(0)
}

// engineRoom shows the engine to the API.
type engineRoom struct{ *app }

// Applied implements api.Engine.
func (e *engineRoom) Applied() event.Cursor { return e.engine.Applied() }

// Ready implements api.Engine.
func (e *engineRoom) Ready() error {
	if e.kafka != nil {
		status := e.kafka.Status()
		status.Held = nil // a full disk keeps nobody from being answered; a lag that grows too long meanwhile does
		if err := status.Problem(); err != nil {
			return err
		}
	}
	if err := e.scrub.ready(); err != nil {
		return err
	}
	lag := e.lag()
	if lag == 0 {
		return nil
	}
	status := e.engine.Status()
	if status.Received == 0 {
		return fmt.Errorf("the engine is about to catch up with %d records of the log", lag)
	}
	if lag > e.config.Limits.PendingRecords/2 || status.Delay > e.config.Limits.ReadyLag {
		return fmt.Errorf("the engine is %d records and %v behind", lag, status.Delay.Round(time.Millisecond))
	}
	return nil
}

// behind is how old the record applied last was when it was applied; 0 when nothing waits.
func (e *engineRoom) behind(s engine.Status) time.Duration {
	if e.lag() == 0 {
		return 0
	}
	return max(0, s.Delay)
}

// Checkpoint implements api.Engine.
func (e *engineRoom) Checkpoint(ctx context.Context) (api.CheckpointStatus, error) {
	s, err := e.engine.Checkpoint(ctx)
	if err != nil && ctx.Err() == nil { // as a rule the disk: it says why
		err = fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return checkpointStatus(s), err
}

// reader shows items and users to the API.
type reader struct{ store *features.Store }

// Item implements api.Reader.
func (r *reader) Item(id string, now event.Time) (api.ItemView, error) {
	view, err := r.record(id)
	if err != nil {
		return view, err
	}
	found, err := r.store.Entity([]string{"item"}, []string{id}, now)
	var none *features.NoScopeError // then items have no features of their own
	if err != nil && !errors.As(err, &none) && !errors.Is(err, features.ErrNeverSeen) {
		return view, fmt.Errorf("item %q: %w", id, err)
	}
	for i := range found {
		view.Features = append(view.Features, found[i].NamedValue)
	}
	return view, nil
}

// record is an item without its features.
func (r *reader) record(id string) (api.ItemView, error) {
	r.store.RLock()
	defer r.store.RUnlock()
	ref, ok := r.store.LookupItem(id)
	if !ok || !r.store.Item(ref).Known {
		return api.ItemView{}, fmt.Errorf("item %q: %w", id, api.ErrNotFound)
	}
	view := api.ItemView{Item: event.Item{ID: id, Attrs: r.store.Item(ref).Attrs}, Live: map[string]float64{}}
	r.store.Counts(ref, func(eventType string, n uint64) { view.Live[plural(eventType)] = float64(n) })
	return view, nil
}

// plural names a counter: exposures, clicks.
func plural(eventType string) string { return eventType + "s" }

// User implements api.Reader.
func (r *reader) User(id string, now event.Time) (api.UserView, error) {
	q := r.store.NewQuery()
	q.Prepare(id)
	r.store.RLock()
	defer r.store.RUnlock()
	q.Begin(id, nil, now)
	p, ok := q.Profile()
	if err := q.Err(); err != nil {
		return api.UserView{}, fmt.Errorf("user %q: %w", id, err)
	}
	if !ok {
		return api.UserView{}, fmt.Errorf("user %q: %w", id, api.ErrNotFound)
	}
	view := api.UserView{User: p.ID, Attributes: p.Attributes, Features: map[string]any{}, Recent: []api.RecentEvent{}}
	for i := range p.Features {
		if v := p.Features[i].Any(); v != nil {
			view.Features[p.Features[i].Name] = v
		}
	}
	for _, e := range p.Recent {
		recent := api.RecentEvent{Type: e.Type, Time: e.Time}
		if e.Item != features.NoItem {
			recent.Item = r.store.Item(e.Item).ID
		}
		view.Recent = append(view.Recent, recent)
	}
	return view, nil
}
