package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/config"
	"recsvc/internal/model"
	"recsvc/internal/rank"
	"recsvc/internal/snapshot"
	"recsvc/internal/state"
)

// follower serves by the weights that a trainer has published. It looks for a newer version, reads all of it into models of their own, and
// only when all of it proved whole are lists scored by it.
type follower struct {
	*app
	current atomic.Pointer[edition]
	refused string // the newest version that cannot be used: it is said once

	loads, failures prometheus.Counter
}

// edition is one published version, ready to serve.
type edition struct {
	meta     state.SnapshotMeta
	scorers  []*scorer // by model
	weights  []int64   // that are not 0
	champion int
}

// newFollower returns nil for who learns.
func newFollower(a *app) *follower {
	if a.config.Role != config.RoleServer {
		return nil
	}
	f := promauto.With(a.registry)
	out := &follower{
		app: a,
		loads: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_publish_loads_total", Help: "Published versions of the weights that this server has taken up.",
		}),
		failures: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_publish_load_failures_total", Help: "Looks for a published version that found none which can be used: the one before stays.",
		}),
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "recsvc_publish_age_seconds", Help: "Time since the weights that this server uses were published; 0 while it has none.",
	}, func() float64 {
		if e := out.current.Load(); e != nil {
			return time.Since(e.meta.Created).Seconds()
		}
		return 0
	})
	return out
}

// run looks for newer versions until ctx ends.
func (f *follower) run(ctx context.Context) error {
	if f == nil {
		return nil
	}
	t := time.NewTicker(f.config.Publish.Every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			f.look()
		}
	}
}

// look takes up the newest version that can be used, if it is not in use already.
func (f *follower) look() {
	if f == nil {
		return
	}
	err := f.takeUp()
	if err == nil {
		f.refused = ""
		return
	}
	f.failures.Inc()
	if text := err.Error(); text != f.refused {
		f.refused = text
		f.log.Warn("no newer weights: those in use stay", zap.String("directory", f.config.Publish.Directory), zap.Error(err))
	}
}

func (f *follower) takeUp() error {
	from, err := state.ViewSnapshots(f.config.Publish.Directory)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("nothing was published there yet")
	}
	if err != nil {
		return err
	}
	defer from.Close()
	list, err := from.List()
	if len(list) == 0 {
		return errors.Join(err, errors.New("nothing was published there yet"))
	}
	var refused error
	for _, meta := range list { // the newest first
		if now := f.current.Load(); now != nil && now.meta.ID == meta.ID {
			return refused
		}
		e, err := f.read(from, meta.ID)
		if err == nil {
			f.current.Store(e)
			f.loads.Inc()
			f.log.Info("new weights", zap.String("version", meta.ID), zap.Strings("models", e.meta.Models), zap.Duration("age", time.Since(meta.Created)))
			return refused
		}
		refused = errors.Join(refused, err)
	}
	return refused
}

// read makes models of a version.
func (f *follower) read(from *state.Snapshots, id string) (*edition, error) {
	meta, content, err := from.Open(id)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	in, err := snapshot.NewReader(content)
	if err == nil {
		err = in.Check(snapshot.Serving, f.servingDefinitions())
	}
	if err != nil {
		return nil, fmt.Errorf("version %s: %w", id, err)
	}
	models, err := newModels(f.config, nil)
	if err != nil {
		return nil, err
	}
	if err := in.Pages(func(key, value []byte) (bool, error) { return model.LoadServing(models, key, value) }); err != nil {
		return nil, fmt.Errorf("version %s: %w", id, err)
	}
	e := &edition{meta: meta}
	for i, formula := range mustScores(f.config) {
		s := newScorer(models[i], formula, f.engine)
		s.version = versionOf(in.Description.Models, models[i].Name())
		e.scorers, e.weights = append(e.scorers, s), append(e.weights, countWeights(models[i]))
		if models[i].Name() == in.Description.Champion {
			e.champion = i
		}
	}
	return e, nil
}

// versionOf finds name@version.
func versionOf(versions []string, name string) string {
	i := slices.IndexFunc(versions, func(v string) bool { return strings.HasPrefix(v, name+"@") })
	if i < 0 {
		return name
	}
	return versions[i]
}

// choose returns what lists are scored by; nil while there is nothing.
func (f *follower) choose() rank.Scorer {
	e := f.current.Load()
	if e == nil {
		return nil
	}
	return e.scorers[e.champion]
}

// statuses describe the models in use: how well they predicted is what their trainer said of them.
func (f *follower) statuses() (out []api.ModelStatus) {
	e := f.current.Load()
	if e == nil {
		return nil
	}
	metrics := apiSnapshot(e.meta).Metrics
	for i, s := range e.scorers {
		status := api.ModelStatus{
			Name: s.model.Name(), Role: f.config.Models[i].Role, Version: s.version, Weights: e.weights[i], Heads: map[string]api.HeadMetrics{},
		}
		switch {
		case i == e.champion:
			status.Role = roleChampion
		case status.Role == roleChampion:
			status.Role = roleChallenger
		}
		for name, m := range metrics[status.Name] {
			status.Heads[name] = api.HeadMetrics{Metrics: m}
		}
		out = append(out, status)
	}
	return out
}
