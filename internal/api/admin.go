package api

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap"
)

func (a *API) getStatus(w *response, _ *http.Request) error {
	s := a.rooms.Engine.Status()
	s.Version = a.opts.Version
	s.complete()
	return w.json(http.StatusOK, &s)
}

// complete turns absent lists into empty ones.
func (s *Status) complete() {
	s.Sources = append([]Source{}, s.Sources...)
	for i := range s.Sources {
		s.Sources[i].Partitions = append([]Partition{}, s.Sources[i].Partitions...)
	}
	s.Models = append([]ModelStatus{}, s.Models...)
	if s.Memory.Rooms == nil {
		s.Memory.Rooms = map[string]int64{}
	}
}

func (a *API) getFeatures(w *response, _ *http.Request) error {
	if a.rooms.Features == nil {
		return fmt.Errorf("features: %w", ErrUnavailable)
	}
	list := FeatureList{Features: append([]FeatureVersion{}, a.rooms.Features.Features()...)}
	for i := range list.Features {
		list.Features[i].Scope = append([]string{}, list.Features[i].Scope...)
		if list.Features[i].Definition == nil {
			list.Features[i].Definition = map[string]any{}
		}
	}
	return w.json(http.StatusOK, list)
}

func (a *API) postCheckpoint(w *response, r *http.Request) error {
	a.audit(w, r)
	done, err := a.rooms.Engine.Checkpoint(r.Context())
	if err != nil {
		return err
	}
	return w.json(http.StatusOK, done)
}

// audit leaves a line for every change that an administrator makes.
func (a *API) audit(w *response, r *http.Request, more ...zap.Field) {
	a.log.Info("admin request", append([]zap.Field{
		zap.String("request_id", w.id), zap.String("key", w.key), zap.String("remote", r.RemoteAddr),
		zap.String("method", r.Method), zap.String("path", r.URL.Path),
	}, more...)...)
}

func (a *API) snapshots() (Snapshots, error) {
	if a.rooms.Snapshots == nil {
		return nil, fmt.Errorf("snapshots: %w", ErrUnavailable)
	}
	return a.rooms.Snapshots, nil
}

func (a *API) getSnapshots(w *response, r *http.Request) error {
	room, err := a.snapshots()
	if err != nil {
		return err
	}
	list, err := room.List(r.Context())
	if err != nil {
		return err
	}
	for i := range list {
		list[i].complete()
	}
	return w.json(http.StatusOK, SnapshotList{Snapshots: append([]Snapshot{}, list...)})
}

func (a *API) postSnapshot(w *response, r *http.Request) error {
	room, err := a.snapshots()
	if err != nil {
		return err
	}
	var in SnapshotRequest
	if err := a.decode(w, r, &in, true); err != nil {
		return err
	}
	if utf8.RuneCountInString(in.Note) > 1000 {
		return badParam("note", "must not be longer than 1000 characters")
	}
	a.audit(w, r)
	s, err := room.Create(r.Context(), in.Note)
	if err != nil {
		return err
	}
	s.complete()
	w.Header().Set("Location", "/admin/v1/snapshots/"+s.ID)
	return w.json(http.StatusCreated, &s)
}

func (a *API) getSnapshot(w *response, r *http.Request) error {
	room, id, err := a.snapshot(r)
	if err != nil {
		return err
	}
	s, err := room.Get(r.Context(), id)
	if err != nil {
		return err
	}
	s.complete()
	return w.json(http.StatusOK, &s)
}

func (a *API) deleteSnapshot(w *response, r *http.Request) error {
	room, id, err := a.snapshot(r)
	if err != nil {
		return err
	}
	a.audit(w, r)
	if err := room.Delete(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) postRestore(w *response, r *http.Request) error {
	room, id, err := a.snapshot(r)
	if err != nil {
		return err
	}
	a.audit(w, r)
	model, err := room.Restore(r.Context(), id)
	if err != nil {
		return err
	}
	return w.json(http.StatusOK, Restored{Snapshot: id, Model: model})
}

// snapshot finds the room and a snapshot's id that is safe to use in a file's name.
func (a *API) snapshot(r *http.Request) (room Snapshots, id string, err error) {
	if room, err = a.snapshots(); err != nil {
		return nil, "", err
	}
	if id, err = pathID(r, "id"); err != nil {
		return nil, "", err
	}
	fits := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	if len(id) > 128 || id[0] == '.' || strings.IndexFunc(id, func(c rune) bool { return !fits(c) }) >= 0 {
		return nil, "", badParam("id", "is no snapshot's id")
	}
	return room, id, nil
}

// complete turns absent lists into empty ones.
func (s *Snapshot) complete() {
	if s.Models == nil {
		s.Models = []string{}
	}
	if s.Metrics == nil {
		s.Metrics = map[string]map[string]Metrics{}
	}
}
