package api

import (
	"fmt"
	"net/http"

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
	for i := range s.Models {
		s.Models[i].complete()
	}
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
