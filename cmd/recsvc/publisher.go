package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"recsvc/internal/config"
	"recsvc/internal/event"
	"recsvc/internal/model"
	"recsvc/internal/snapshot"
	"recsvc/internal/state"
)

// servingDefinitions identify what weights mean to those who only predict by them: the features, and the shape of the models. How they
// were learned is no matter: a trainer may change its rates without its servers.
func (a *app) servingDefinitions() [32]byte {
	type head struct {
		Name, Learner string
		Link          model.Link
		Factors       int     `json:",omitempty"`
		Spread        float64 `json:",omitempty"` // what latent vectors begin with follows from it
	}
	type shape struct {
		Name  string
		Bits  int
		Heads []head
	}
	about := struct {
		Features any
		Models   []shape
	}{Features: a.declared.Features}
	for i := range a.config.Models {
		m := &a.config.Models[i]
		s := shape{Name: m.Name, Bits: m.Bits}
		for j := range m.Heads {
			h := &m.Heads[j]
			of := head{Name: h.Name, Learner: h.Learner, Link: linkOf(h)}
			if h.Learner == "fm" {
				of.Factors, of.Spread = h.Factors, h.Spread
			}
			s.Heads = append(s.Heads, of)
		}
		about.Models = append(about.Models, s)
	}
	text, err := json.Marshal(about)
	if err != nil {
		panic(err) // plain numbers and texts
	}
	return sha256.Sum256(text)
}

// publisher leaves versions of a trainer's weights where servers find them.
type publisher struct {
	*app
	to   *state.Snapshots
	last event.Cursor // what the newest version has learned from

	versions, failures prometheus.Counter
	bytes              prometheus.Gauge
}

// newPublisher returns nil for who is no trainer.
func newPublisher(a *app) (*publisher, error) {
	if a.config.Role != config.RoleTrainer {
		return nil, nil
	}
	to, err := state.NewSnapshots(a.config.Publish.Directory)
	if err != nil {
		return nil, fmt.Errorf("publish.directory: %w", err)
	}
	a.onClose("published versions", to.Close)
	f := promauto.With(a.registry)
	return &publisher{
		app: a, to: to,
		versions: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_publish_versions_total", Help: "Versions of the weights that were published.",
		}),
		failures: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_publish_failures_total", Help: "Versions that could not be published, or old ones that could not be removed; tried again.",
		}),
		bytes: f.NewGauge(prometheus.GaugeOpts{Name: "recsvc_publish_bytes", Help: "Size of the version published last."}),
	}, nil
}

// run publishes until ctx ends, and once more then.
func (p *publisher) run(ctx context.Context) error {
	if p == nil {
		return nil
	}
	t := time.NewTicker(p.config.Publish.Every)
	defer t.Stop()
	for {
		p.once()
		select {
		case <-ctx.Done():
			p.once()
			return nil
		case <-t.C:
		}
	}
}

func (p *publisher) once() {
	if err := p.publish(); err != nil {
		p.failures.Inc()
		p.log.Warn("the weights could not be published; it is tried again", zap.String("directory", p.config.Publish.Directory), zap.Error(err))
	}
}

// publish leaves a version if anything was applied since the last one, and removes those that are too many.
func (p *publisher) publish() error {
	at := p.engine.Applied().Clone()
	if p.last != nil && at.String() == p.last.String() {
		return nil
	}
	meta := state.SnapshotMeta{Created: time.Now().UTC()}
	if err := p.to.Create(&meta, func(w io.Writer) error {
		out := snapshot.NewWriter(w, snapshot.Serving, p.servingDefinitions())
		if err := model.ServingPages(p.models, out.Page); err != nil {
			return err
		}
		d, err := p.description(meta.Created, at)
		if err != nil {
			return err
		}
		describe(&meta, d)
		return out.Close(d)
	}); err != nil {
		return err
	}
	p.last = at
	p.versions.Inc()
	p.bytes.Set(float64(meta.Bytes))
	list, err := p.to.List()
	for i := p.config.Publish.Keep; i < len(list) && err == nil; i++ {
		err = p.to.Delete(list[i].ID)
	}
	return err
}
