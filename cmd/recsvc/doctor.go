package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/state"
)

// doctor looks at the models from time to time. While they are healthy it takes snapshots; when the one that serves goes bad it goes
// back to the newest one that is sure to be healthy. What it decides becomes a record of the log: whoever applies the log again needs no doctor.
type doctor struct {
	*app
	room    snapshotRoom
	metrics doctorMetrics

	mu       sync.Mutex
	verdicts []verdict // by model, as of the last look
	healthy  string    // the snapshot that would be gone back to

	looking  sync.Mutex // one look at a time; it guards what follows
	counts   [][2]int64 // by flat head: learned and refused at the last look
	sizes    []float64  // by flat head: of the weights in the last healthy snapshot; 0: not known
	saved    time.Time
	answered time.Time // when a bad model was last answered by a roll-back, or could not be
}

type doctorMetrics struct {
	failing   *prometheus.GaugeVec
	rollbacks *prometheus.CounterVec
	saves     *prometheus.CounterVec
}

// autosaved begins the notes of the snapshots that the doctor takes, and removes.
const autosaved = "automatic: all models are healthy"

func newDoctor(a *app) *doctor {
	f := promauto.With(a.registry)
	return &doctor{
		app: a, room: snapshotRoom{a}, verdicts: make([]verdict, len(a.models)),
		metrics: doctorMetrics{
			failing: f.NewGaugeVec(prometheus.GaugeOpts{
				Name: "recsvc_health_failing", Help: "1 while a model should not serve, by model.",
			}, []string{"model"}),
			rollbacks: f.NewCounterVec(prometheus.CounterOpts{
				Name: "recsvc_health_rollbacks_total", Help: "Bad models by what was done: restored, or impossible (no healthy snapshot), or failed.",
			}, []string{"outcome"}),
			saves: f.NewCounterVec(prometheus.CounterOpts{
				Name: "recsvc_health_snapshots_total", Help: "Automatic snapshots: taken, or failed.",
			}, []string{"outcome"}),
		},
	}
}

// run looks until ctx ends.
func (d *doctor) run(ctx context.Context) error {
	t := time.NewTicker(d.config.Health.CheckEvery)
	defer t.Stop()
	for {
		if err := d.look(ctx, time.Now()); err != nil && ctx.Err() == nil {
			d.log.Error("the models' health could not be seen to; it is tried again", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// look judges the models and does what follows from it.
func (d *doctor) look(ctx context.Context, now time.Time) error {
	d.looking.Lock()
	defer d.looking.Unlock()
	health := d.engine.Health()
	if len(health.Heads) == 0 {
		return nil
	}
	verdicts, sizes := d.judge(&health)
	d.mu.Lock()
	d.verdicts = verdicts
	d.mu.Unlock()
	sound := true
	for i, v := range verdicts {
		failing := len(v.failing) > 0
		sound = sound && !failing
		d.metrics.failing.WithLabelValues(d.models[i].Name()).Set(map[bool]float64{true: 1}[failing])
	}
	_, champion := d.engine.Champion()
	if v := &verdicts[champion]; len(v.failing) > 0 {
		return d.answer(ctx, now, &health, champion, strings.Join(v.failing, "; "))
	}
	if sound && verdicts[champion].judged {
		return d.save(ctx, now, sizes)
	}
	return nil
}

// judge looks at all models.
func (d *doctor) judge(health *engine.Health) (verdicts []verdict, sizes []float64) {
	q := &d.config.Health.Quality
	newest := int64(d.engine.Status().Newest)
	if d.counts == nil {
		d.counts, d.sizes = make([][2]int64, len(health.Heads)), make([]float64, len(health.Heads))
	}
	flat := 0
	for _, m := range d.models {
		var v verdict
		for _, head := range m.Heads() {
			h := &health.Heads[flat]
			v.outcome(q, h)
			v.drifted(h, newest)
			c := head.Counters()
			v.refused(q, h.Head, c.Learned-d.counts[flat][0], c.Refused-d.counts[flat][1])
			d.counts[flat] = [2]int64{c.Learned, c.Refused}
			length, whole := head.Size()
			v.weights(q, h.Head, weighed{length, whole, d.sizes[flat]})
			sizes = append(sizes, length)
			flat++
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, sizes
}

// answer goes back to a healthy snapshot, unless it did so a short while ago.
func (d *doctor) answer(ctx context.Context, now time.Time, health *engine.Health, champion int, reason string) error {
	pause := d.config.Health.Rollback.Pause
	last := health.Rollback.At.Time()
	if now.Sub(d.answered) < pause || health.Rollback.Count > 0 && now.Sub(last) < pause {
		return nil
	}
	name := zap.String("model", d.models[champion].Name())
	if !d.config.Health.Rollback.Enabled {
		d.answered = now
		d.log.Error("the model that serves is bad; roll-backs are switched off", name, zap.String("reason", reason))
		return nil
	}
	candidates, err := d.candidates()
	if err != nil {
		return err
	}
	for _, id := range candidates {
		err := d.goBack(ctx, id, reason)
		if errors.Is(err, api.ErrConflict) || errors.Is(err, api.ErrNotFound) {
			d.log.Warn("a snapshot cannot be gone back to", zap.String("snapshot", id), zap.Error(err))
			continue
		}
		if err != nil {
			d.metrics.rollbacks.WithLabelValues("failed").Inc()
			return fmt.Errorf("roll back to %s: %w", id, err)
		}
		d.answered = now
		d.metrics.rollbacks.WithLabelValues("restored").Inc()
		d.log.Error("the model that serves was bad: all models are rolled back", name, zap.String("snapshot", id), zap.String("reason", reason))
		return nil
	}
	d.answered = now
	d.metrics.rollbacks.WithLabelValues("impossible").Inc()
	d.log.Error("the model that serves is bad, and there is no healthy snapshot to go back to", name, zap.String("reason", reason))
	return nil
}

// goBack puts the record of a roll-back into the log and waits until it is in force.
func (d *doctor) goBack(ctx context.Context, id, reason string) error {
	_, err := d.room.restore(ctx, id, "automatic: "+reason)
	return err
}

// candidates are the snapshots of healthy models, the best first: the newest one that lies so far back that what has made the models bad is
// not in it yet, then those before; if there are only younger ones, these, from the oldest on. A model counts as bad when its recent outcomes
// are, so as many outcomes ago it was not.
func (d *doctor) candidates() (ids []string, err error) {
	list, err := d.automatic()
	if err != nil {
		return nil, err
	}
	var sure, young []string
	for _, m := range list { // newest first
		if d.outcomesSince(m) >= uint64(d.config.Health.Drift.Window) {
			sure = append(sure, m.ID)
		} else {
			young = append(young, m.ID)
		}
	}
	slices.Reverse(young)
	return append(sure, young...), nil
}

// automatic are the doctor's own snapshots, newest first.
func (a *app) automatic() (list []state.SnapshotMeta, err error) {
	metas, err := a.snapshots.List()
	for _, m := range metas {
		if strings.HasPrefix(m.Note, autosaved) {
			list = append(list, m)
		}
	}
	slices.SortStableFunc(list, func(a, b state.SnapshotMeta) int { return b.Created.Compare(a.Created) })
	return list, err
}

// outcomesSince is how many outcomes the champion's head has had since a snapshot.
func (d *doctor) outcomesSince(m state.SnapshotMeta) uint64 {
	model, at := d.engine.Champion()
	head := model.Head(scoreHeads(d.config)[at])
	then := apiSnapshot(m).Metrics[model.Name()][head.Name()].N
	return head.Validation().Total().N - min(uint64(then), head.Validation().Total().N)
}

// save takes a snapshot when one is due, and removes the oldest ones.
func (d *doctor) save(ctx context.Context, now time.Time, sizes []float64) error {
	o := d.config.Health.Autosave
	list, err := d.automatic()
	if err != nil || o.Every == 0 {
		return err
	}
	if len(list) > 0 && d.saved.IsZero() {
		d.saved = list[0].Created
	}
	if now.Sub(d.saved) >= o.Every {
		if _, err := d.room.Create(ctx, autosaved); err != nil {
			d.metrics.saves.WithLabelValues("failed").Inc()
			return fmt.Errorf("automatic snapshot: %w", err)
		}
		d.metrics.saves.WithLabelValues("taken").Inc()
		d.saved, d.sizes = now, sizes
		if list, err = d.automatic(); err != nil {
			return err
		}
	}
	d.retire(list, o.Keep)
	candidates, err := d.candidates()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.healthy = ""; len(candidates) > 0 {
		d.healthy = candidates[0]
	}
	return err
}

// retire removes the oldest automatic snapshots, but for those that the log goes back to.
func (d *doctor) retire(list []state.SnapshotMeta, keep int) {
	for _, m := range list[min(keep, len(list)):] {
		if err := d.engine.DeleteSnapshot(m.ID); err != nil && !errors.Is(err, engine.ErrRestored) {
			d.log.Warn("an old automatic snapshot stays", zap.String("snapshot", m.ID), zap.Error(err))
		}
	}
}

// verdict is what was thought of a model at the last look.
func (d *doctor) verdict(i int) verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.verdicts[i]
}

// status tells of what is watched.
func (d *doctor) status() api.Supervision {
	health := d.engine.Health()
	out := api.Supervision{Refused: map[string]int64{}}
	for reason, n := range health.Refused {
		out.Refused[reason] = int64(n)
	}
	for _, r := range health.Inputs {
		out.Inputs = append(out.Inputs, apiDetector("", r))
	}
	if r := health.Rollback; r.Count > 0 {
		out.Rollback = &api.Rollback{Snapshot: r.Snapshot, Reason: r.Reason, At: r.At, Count: int64(r.Count)}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	out.Healthy = d.healthy
	return out
}

// gate says why a challenger may not be promoted; nothing: it may.
func (d *doctor) gate(challenger int) (reasons []string) {
	health := d.engine.Health()
	verdicts := d.verdictsNow(&health)
	_, champion := d.engine.Champion()
	score := scoreHeads(d.config)
	reasons = append(reasons, verdicts[challenger].failing...)
	if err := (&engineRoom{d.app}).Ready(); err != nil {
		reasons = append(reasons, fmt.Sprintf("it has not caught up: %v", err))
	}
	if t := d.schedule.status(challenger); t != nil {
		reasons = append(reasons, fmt.Sprintf("it has not caught up: it is being trained (%s)", t.Stage))
	}
	at := func(model int) *engine.HeadHealth {
		flat := score[model]
		for _, m := range d.models[:model] {
			flat += len(m.Heads())
		}
		return &health.Heads[flat]
	}
	return append(reasons, passes(&d.config.Health.Promotion, d.config.Health.Quality.MinOutcomes, at(challenger), at(champion))...)
}

// verdictsNow judges outcomes only, beside the loop.
func (d *doctor) verdictsNow(health *engine.Health) (verdicts []verdict) {
	flat := 0
	for _, m := range d.models {
		var v verdict
		for _, head := range m.Heads() {
			h := &health.Heads[flat]
			v.outcome(&d.config.Health.Quality, h)
			length, whole := head.Size()
			v.weights(&d.config.Health.Quality, h.Head, weighed{length: length, whole: whole})
			flat++
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// quarantine lists the samples that were refused lately.
func (a *app) quarantine() (list []api.QuarantinedSample) {
	for _, q := range a.engine.Health().Quarantine {
		list = append(list, api.QuarantinedSample{
			Head: q.Head, Reason: q.Reason, Record: event.Cursor{{Partition: q.Partition, Offset: q.Offset}}.String(), Shown: q.Shown,
			Y: float64(q.Y), Weight: float64(q.Weight), Theta: float64(q.Theta), Greatest: float64(q.Greatest),
		})
	}
	return list
}
