package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/event"
)

// schedule trains a challenger from time to time, beside the stream. What comes of it is a record of the log: whoever applies the log again needs
// no schedule. Its methods may be called on nil; run belongs to one goroutine, status to any.
type schedule struct {
	*app
	place   int // of the model among those of the configuration
	metrics scheduleMetrics

	mu       sync.Mutex
	training *api.Training // nil: none runs
}

type scheduleMetrics struct {
	runs                *prometheus.CounterVec
	seconds, held, last prometheus.Gauge
}

const (
	// holdAtMost is how long those who append wait for a training that takes its place in the log.
	holdAtMost = 2 * time.Second
	// holds is how often one training tries to.
	holds = 3
	// catchUpRounds is how often a training comes to where the log ended a moment ago, before it counts as one that never arrives.
	catchUpRounds = 1000
	// trainAgain is after how long a training is begun anew that came to nothing, where train.every is longer.
	trainAgain = time.Hour

	stageCatchUp = "catch up"
)

// The outcomes of trainings.
const (
	trainInstalled  = "installed"
	trainGaveUp     = "gave_up"
	trainImpossible = "impossible"
	trainFailed     = "failed"
)

var (
	// errBehind reports a training that does not come to the end of the log in time.
	errBehind = errors.New("the log grows faster than the training follows, or the disk is slow: those who write would have had to wait too long")
	// errCannotTrain reports a server that cannot train at present.
	errCannotTrain = errors.New("no training is possible")
)

// newSchedule returns nil where none is configured.
func newSchedule(a *app) (*schedule, error) {
	c := a.config
	if c.Train.Every == 0 {
		return nil, nil
	}
	at, err := trainee(c, c.Train.Model)
	if err != nil {
		return nil, c.Errorf("train.model", "%v", err)
	}
	f := promauto.With(a.registry)
	s := &schedule{app: a, place: at, metrics: scheduleMetrics{
		runs: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_train_runs_total",
			Help: "Trainings beside the stream by outcome: installed, gave_up (did not come to the end of the log in time), impossible (the log lacks its beginning, or the model serves), failed.",
		}, []string{"outcome"}),
		seconds: f.NewGauge(prometheus.GaugeOpts{Name: "recsvc_train_seconds", Help: "How long the last training took, whatever came of it."}),
		held: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_train_held_seconds", Help: "How long the last training held back those who write, to take its place in the log.",
		}),
		last: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_train_last_success_timestamp_seconds", Help: "When the weights of a training were last kept; 0: never.",
		}),
	}}
	for _, o := range []string{trainInstalled, trainGaveUp, trainImpossible, trainFailed} {
		s.metrics.runs.WithLabelValues(o)
	}
	return s, nil
}

// run trains when it is time, until ctx ends.
func (s *schedule) run(ctx context.Context) error {
	if s == nil {
		return nil
	}
	if err := s.possible(); err != nil {
		s.log.Warn("train.every is configured, and as things are nothing will be trained", zap.String("model", s.name()), zap.Error(err))
	}
	next := s.first(time.Now())
	for s.sleep(ctx, next) {
		again := s.config.Train.Every
		if !s.once(ctx) {
			again = min(again, trainAgain)
		}
		next = time.Now().Add(again)
	}
	return nil
}

func (s *schedule) name() string { return s.models[s.place].Name() }

// first is when the first training is due: the one before may have been made by another process.
func (s *schedule) first(now time.Time) time.Time {
	last := now
	metas, err := s.snapshots.List()
	if err != nil {
		s.log.Warn("snapshots cannot be read", zap.Error(err))
	}
	for _, m := range metas { // newest first
		if strings.HasPrefix(m.Note, trainedNotes(s.name())) {
			s.metrics.last.Set(float64(m.Created.Unix()))
			last = m.Created
			break
		}
	}
	return last.Add(s.config.Train.Every)
}

// sleep waits until a time; false: ctx has ended before.
func (s *schedule) sleep(ctx context.Context, next time.Time) bool {
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	due := timer.C
	if tuning.trainDue != nil {
		due = tuning.trainDue
	}
	select {
	case <-ctx.Done():
		return false
	case <-due:
		return true
	}
}

// once trains, and tells what came of it.
func (s *schedule) once(ctx context.Context) bool {
	began := time.Now()
	s.tell(&api.Training{Since: began.UTC(), Stage: "read"})
	out, err := s.train(ctx, began)
	s.tell(nil)
	if ctx.Err() != nil {
		return false
	}
	took := time.Since(began)
	s.metrics.seconds.Set(took.Seconds())
	outcome := trainingOutcome(err)
	if err == nil {
		s.metrics.last.SetToCurrentTime()
		s.log.Info("a challenger was trained", zap.Duration("took", took), zap.Stringer("read", out.read), zap.Any("trained", out))
	} else {
		s.log.Error("a training came to nothing: the model stays as it is, and it is tried again", zap.String("model", s.name()),
			zap.String("outcome", outcome), zap.Duration("took", took), zap.Error(err))
	}
	s.metrics.runs.WithLabelValues(outcome).Inc()
	return err == nil
}

func trainingOutcome(err error) string {
	switch {
	case err == nil:
		return trainInstalled
	case errors.Is(err, errBehind):
		return trainGaveUp
	case errors.Is(err, errCannotTrain), errors.Is(err, errChampion):
		return trainImpossible
	}
	return trainFailed
}

// possible says why nothing can be trained at present, if so.
func (s *schedule) possible() error {
	if err := s.wholeLog(); err != nil {
		return fmt.Errorf("%w: %w", errCannotTrain, err)
	}
	if s.champion().Name() == s.name() {
		return fmt.Errorf("%w: model %q: %w", errCannotTrain, s.name(), errChampion)
	}
	if declare(s.config).hash() != s.engine.Definitions() {
		return fmt.Errorf("%w: the features in force are those of before, until the configured ones have been made", errCannotTrain)
	}
	return nil
}

// train makes the model anew and puts it in its place.
func (s *schedule) train(ctx context.Context, began time.Time) (out *trained, err error) {
	if err := s.possible(); err != nil {
		return nil, err
	}
	t := &training{
		app: s.app, definitions: declare(s.config), place: s.place, passes: s.config.Train.Passes, room: s.room,
		progress: func(stage string, done, total int64) {
			s.tell(&api.Training{Since: began.UTC(), Stage: stage, Progress: min(1, float64(done)/float64(max(1, total)))})
		},
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	out = &trained{read: event.Cursor{{Offset: s.wal.Next()}}}
	if err := t.learn(out.read); err != nil {
		return nil, err
	}
	after, err := s.arrive(ctx, t, out)
	if err != nil {
		return nil, err
	}
	if err := s.sink.Wait(ctx, after); err != nil {
		return nil, err
	}
	out.Seconds = time.Since(began).Seconds()
	return out, s.engine.Wait(ctx, after)
}

// room refuses a training more memory or disk than the server can spare.
func (s *schedule) room(r rerun) error {
	if budget := memoryBudget(s.config); budget > 0 && r.Bytes() > budget/2 {
		return fmt.Errorf("the training takes %s of memory beside the server, more than half of memory.budget", sizeText(r.Bytes()))
	}
	return s.disk.full()
}

// arrive brings a training to the end of the log and lets it take its place there. It returns the place behind it.
func (s *schedule) arrive(ctx context.Context, t *training, out *trained) (after event.Cursor, err error) {
	for range holds {
		if err := s.chase(ctx, t); err != nil {
			return nil, err
		}
		if after, err = s.install(ctx, t, out); !errors.Is(err, errBehind) {
			break
		}
	}
	return after, err
}

// chase lets a training come so near to the end of the log that what is left is a moment's work.
func (s *schedule) chase(ctx context.Context, t *training) error {
	for range catchUpRounds {
		to := s.wal.Next()
		if err := t.advance(ctx, event.Cursor{{Offset: to}}, stageCatchUp); err != nil {
			return err
		}
		if s.wal.Next()-to <= takeoverLag {
			return nil
		}
	}
	return errBehind
}

// install holds back those who append, lets the training come to the very end of the log, and makes the record that puts its weights in
// place the next one. After an error everything is as it was, and after errBehind the training may go on.
func (s *schedule) install(ctx context.Context, t *training, out *trained) (after event.Cursor, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(tuning.trainHold, holdAtMost), errBehind)
	defer cancel()
	release, err := s.turnstile.hold(ctx)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	defer func() { s.metrics.held.Set(time.Since(began).Seconds()) }()
	defer release()
	if err := t.advance(ctx, s.turnstile.End(), stageCatchUp); err != nil {
		return nil, err
	}
	if err := t.keep(ctx, out); err != nil {
		return nil, err
	}
	control := s.engine.BeginInstall(out.Model, out.Snapshot, out.SHA256)
	if err = context.Cause(ctx); err == nil {
		after, err = s.turnstile.Embedded.Append(ctx, []event.Record{{
			Kind: event.KindControl, Received: event.FromTime(time.Now()), Control: control,
		}})
	}
	if err != nil { // the record is not in the log, and never will be
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		s.engine.CancelInstall(out.Snapshot)
		return nil, errors.Join(err, s.engine.DeleteSnapshot(out.Snapshot))
	}
	return after, nil
}

func (s *schedule) tell(t *api.Training) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.training = t
}

// status is how far the training of a model is; nil: none runs.
func (s *schedule) status(model int) *api.Training {
	if s == nil || model != s.place {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.training
}
