package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"recsvc/internal/api"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/snapshot"
	"recsvc/internal/state"
)

// snapshotRoom shows the model snapshots to the API.
type snapshotRoom struct{ *app }

// List implements api.Snapshots.
func (s *snapshotRoom) List(context.Context) ([]api.Snapshot, error) {
	metas, err := s.snapshots.List()
	out := make([]api.Snapshot, 0, len(metas))
	for _, m := range metas {
		out = append(out, apiSnapshot(m))
	}
	return out, err
}

// Create implements api.Snapshots.
func (s *snapshotRoom) Create(ctx context.Context, note string) (api.Snapshot, error) {
	if err := s.disk.full(); err != nil {
		return api.Snapshot{}, fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	meta := state.SnapshotMeta{Created: time.Now().UTC()}
	err := s.snapshots.Create(&meta, func(w io.Writer) error {
		return s.engine.WriteSnapshot(ctx, w, func(cursor event.Cursor) (snapshot.Description, error) {
			d, err := s.description(meta.Created, cursor)
			d.Note = note
			describe(&meta, d)
			return d, err
		})
	})
	return apiSnapshot(meta), err
}

// description tells of the weights as of a place in the log.
func (a *app) description(created time.Time, at event.Cursor) (snapshot.Description, error) {
	d := snapshot.Description{Created: created, Cursor: at.String(), Champion: a.champion().Name()}
	for _, m := range a.models {
		d.Models = append(d.Models, modelAt(m, at))
	}
	var err error
	d.Metrics, err = json.Marshal(a.headMetrics())
	return d, err
}

// describe says of a kept snapshot what its content says of itself.
func describe(meta *state.SnapshotMeta, d snapshot.Description) {
	meta.Created, meta.Cursor, meta.Models, meta.Metrics, meta.Note = d.Created, d.Cursor, d.Models, d.Metrics, d.Note
}

// Content implements api.Snapshots.
func (s *snapshotRoom) Content(_ context.Context, id string) (api.Snapshot, io.ReadCloser, error) {
	meta, content, err := s.snapshots.Open(id)
	if errors.Is(err, state.ErrCorrupt) {
		err = fmt.Errorf("%w: %w", api.ErrConflict, err)
	}
	return apiSnapshot(meta), content, snapshotError(err)
}

// Import implements api.Snapshots. The id follows from the content, so that what comes twice is kept once.
func (s *snapshotRoom) Import(_ context.Context, sum string, content io.Reader) (api.Snapshot, bool, error) {
	if err := s.disk.full(); err != nil {
		return api.Snapshot{}, false, fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	meta := state.SnapshotMeta{SHA256: sum}
	err := s.snapshots.Create(&meta, func(w io.Writer) error {
		d, err := s.engine.CheckSnapshot(io.TeeReader(content, w))
		describe(&meta, d)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrExist):
		there, err := s.snapshots.Get(meta.ID)
		if err == nil && there.SHA256 != meta.SHA256 {
			err = fmt.Errorf("%w: there is another snapshot %q", api.ErrConflict, meta.ID)
		}
		return apiSnapshot(there), false, snapshotError(err)
	case errors.Is(err, snapshot.ErrDefinitions):
		return api.Snapshot{}, false, fmt.Errorf("%w: %w", api.ErrConflict, err)
	case errors.Is(err, snapshot.ErrUnusable), errors.Is(err, state.ErrCorrupt):
		return api.Snapshot{}, false, fmt.Errorf("%w: %w", api.ErrBadRequest, err)
	}
	return apiSnapshot(meta), err == nil, err
}

func (a *app) headMetrics() map[string]map[string]api.Metrics {
	models := map[string]map[string]api.Metrics{}
	for _, m := range a.models {
		heads := map[string]api.Metrics{}
		for _, h := range m.Heads() {
			heads[h.Name()] = apiMetrics(h.Validation().Total())
		}
		models[m.Name()] = heads
	}
	return models
}

// Get implements api.Snapshots.
func (s *snapshotRoom) Get(_ context.Context, id string) (api.Snapshot, error) {
	meta, err := s.snapshots.Get(id)
	return apiSnapshot(meta), snapshotError(err)
}

// Delete implements api.Snapshots. What the log says of a snapshot is known when all of it is applied.
func (s *snapshotRoom) Delete(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestDeadline)
	defer cancel()
	if err := s.settled(ctx); err != nil {
		return fmt.Errorf("%w: a record that rolls back to snapshot %q may be among those not applied yet: %w", api.ErrConflict, id, err)
	}
	return snapshotError(s.engine.DeleteSnapshot(id))
}

// settled returns when the engine has applied what the log holds at this moment, or why it has not.
func (a *app) settled(ctx context.Context) error {
	stands, err := a.stands()
	if err != nil {
		return err
	}
	var end event.Cursor
	for partition, s := range stands {
		if s.applied < s.end {
			end = end.Set(partition, s.end)
		}
	}
	if err := a.engine.Wait(ctx, end); err != nil {
		return fmt.Errorf("the log ends at %s, %s is applied: %w", end, a.engine.Applied(), err)
	}
	return nil
}

// Restore implements api.Snapshots: a control record goes into the log, and takes effect where it stands there.
func (s *snapshotRoom) Restore(ctx context.Context, id string) (string, error) {
	return s.restore(ctx, id, "")
}

// restore is Restore for a reason, which the record keeps.
func (s *snapshotRoom) restore(ctx context.Context, id, reason string) (string, error) {
	control, err := s.engine.BeginRestoreFor(id, reason)
	if errors.Is(err, state.ErrCorrupt) {
		return "", fmt.Errorf("%w: %w", api.ErrConflict, err)
	}
	if err != nil {
		return "", snapshotError(err)
	}
	cursor, err := s.sink.Append(ctx, []event.Record{
		{Kind: event.KindControl, Received: event.FromTime(time.Now()), Control: control},
	})
	if err != nil {
		return "", fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	if err := s.sink.Wait(ctx, cursor); err != nil {
		return "", fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	if err := s.engine.Wait(ctx, cursor); err != nil {
		return "", err
	}
	return modelAt(s.champion(), cursor), nil
}

func snapshotError(err error) error {
	switch {
	case errors.Is(err, state.ErrNotFound):
		return fmt.Errorf("%w: %w", api.ErrNotFound, err)
	case errors.Is(err, state.ErrBadID):
		return fmt.Errorf("%w: %w", api.ErrBadRequest, err)
	case errors.Is(err, engine.ErrSnapshot), errors.Is(err, engine.ErrRestored):
		return fmt.Errorf("%w: %w", api.ErrConflict, err)
	}
	return err
}

func apiSnapshot(m state.SnapshotMeta) api.Snapshot {
	out := api.Snapshot{
		ID: m.ID, Created: m.Created, Cursor: m.Cursor, Models: m.Models, Bytes: m.Bytes, SHA256: m.SHA256, Note: m.Note,
	}
	_ = json.Unmarshal(m.Metrics, &out.Metrics) // absent in one made elsewhere
	return out
}
