package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"recsvc/internal/config"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
	"recsvc/internal/state"
	"recsvc/internal/wal"
)

// tuning lets tests fold and evict sooner than a configuration may ask for. It is zero in production.
var tuning struct {
	foldCheckpoints int              // state.Options.FoldCheckpoints
	memoryBudget    int64            // engine.Options.MemoryBudget
	trainHold       time.Duration    // instead of holdAtMost
	trainDue        <-chan time.Time // when trainings are due, instead of train.every
}

// app is the whole server, opened but not running.
type app struct {
	config   *config.Config
	log      *zap.Logger
	registry *prometheus.Registry
	learning *prometheus.Registry // what is made anew when the state is
	metrics  *ingest.Metrics

	wal       *wal.Log // nil with Kafka
	sink      ingest.Log
	turnstile *turnstile    // the sink; nil with Kafka
	source    ingest.Source // of the log
	kafka     *ingest.KafkaSource
	validator *ingest.Validator
	state     *state.Store
	snapshots *state.Snapshots
	features  *features.Store
	models    []*model.Model // side by side, in the order of the configuration
	letters   *ingest.DeadLetters
	engine    *engine.Engine
	scrub     *scrubber
	disk      *disk
	weights   weightCount
	follow    *follower // nil: it learns itself
	observe   observe
	doctor    *doctor    // nil: this process does not see to the models
	evaluator *evaluator // nil: off
	schedule  *schedule  // nil: nothing is trained beside the stream
	tapped    tapped

	live     bool      // see openLive
	declared declared  // what the state is opened under
	backfill *backfill // nil: that is what is configured

	closers []closer // in the order of opening
}

// closer closes one part.
type closer struct {
	part  string
	close func() error
}

func (a *app) onClose(part string, close func() error) {
	a.closers = append(a.closers, closer{part, close})
}

// observe makes what looks on while an engine with the given features works.
type observe func(*features.Store) (engine.Observer, error)

// tapped is how an engine works whose models learn elsewhere.
type tapped struct {
	tap  engine.Tap    // nil: they learn where they are
	hold time.Duration // see engine.Options.Hold
}

// openApp opens stores and builds rooms; it starts nothing. The data directory is made where it is missing.
func openApp(c *config.Config, log *zap.Logger) (*app, error) { return openAs(&app{}, c, log) }

// openObserved is openApp for an engine that is looked at; nil: it is not.
func openObserved(c *config.Config, log *zap.Logger, observe observe) (*app, error) {
	return openAs(&app{observe: observe}, c, log)
}

// openLive is openApp for a server that back-fills features that have changed, beside those of before.
func openLive(c *config.Config, log *zap.Logger) (*app, error) {
	return openAs(&app{live: true}, c, log)
}

func openAs(a *app, c *config.Config, log *zap.Logger) (*app, error) {
	if !a.live { // what runs over history does all of it by itself
		alone := *c
		alone.Role = config.RoleAll
		c = &alone
	}
	a.config, a.log, a.registry = c, log, prometheus.NewRegistry()
	a.scrub = &scrubber{app: a}
	limitMemory(memoryBudget(c))
	if err := a.open(); err != nil {
		return nil, joinClose(err, a)
	}
	return a, nil
}

func (a *app) open() (err error) {
	c := a.config
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.metrics = ingest.NewMetrics(a.registry)
	if err := os.MkdirAll(c.Data, 0o755); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	a.disk = newDisk(c.Data, int64(c.Limits.FreeBytes), a.log, a.registry)
	a.validator, err = ingest.NewValidator(ingest.ValidatorOptions{
		Horizon: c.Horizon, MaxFuture: c.MaxFuture, ItemlessTypes: c.ItemlessTypes,
	})
	if err != nil {
		return err
	}
	if err := a.openLog(); err != nil {
		return err
	}
	a.snapshots, err = state.NewSnapshots(filepath.Join(c.Data, "snapshots"))
	if err != nil {
		return err
	}
	a.onClose("snapshots", a.snapshots.Close)
	if err := a.openEngine(); err != nil {
		return err
	}
	return a.checkLog()
}

// checkLog refuses a log that lacks what the state has seen: the state would take the records that come next for those,
// and skip them. No crash leads there, since no checkpoint covers what is not durable.
func (a *app) checkLog() error {
	if a.wal == nil {
		return nil
	}
	if seen := a.engine.Applied().Offset(0); seen > a.wal.Next() {
		return fmt.Errorf("the log in %s ends at record %d, and the state has seen those up to %d: part of the log is lost; "+
			"bring it back, or move %s away to learn anew from what the log still has",
			filepath.Join(a.config.Data, "log"), a.wal.Next(), seen, a.stateDir())
	}
	if seen := a.engine.Applied().Offset(0); seen < a.wal.First() {
		return fmt.Errorf("the log in %s begins at record %d, and the state has seen those before %d only: the part between is lost; "+
			"bring it back, or move %s away to learn anew from what the log still has",
			filepath.Join(a.config.Data, "log"), a.wal.First(), seen, a.stateDir())
	}
	return forgetLogBegin(a.config.Data)
}

// openLog opens the embedded log, or reaches for Kafka.
func (a *app) openLog() (err error) {
	c := a.config
	if len(c.Kafka.Brokers) > 0 {
		return a.openKafka()
	}
	first, err := readLogBegin(c.Data)
	if err != nil {
		return err
	}
	a.wal, err = wal.Open(filepath.Join(c.Data, "log"), wal.Options{
		First:        first,
		SegmentBytes: int64(c.Log.SegmentBytes), RetainBytes: int64(c.Log.RetainBytes), RetainAge: c.Log.RetainAge,
		Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	a.onClose("log", a.wal.Close)
	if cut := a.wal.Repaired(); cut.Bytes > 0 {
		a.log.Warn("the log ended in a record that was never acknowledged; it was cut", zap.Any("cut", cut))
	}
	embedded, err := ingest.NewEmbedded(a.wal, ingest.EmbeddedOptions{})
	if err != nil {
		return err
	}
	a.turnstile = newTurnstile(embedded)
	a.sink, a.source = a.turnstile, embedded
	return nil
}

func (a *app) openKafka() error {
	opts, err := a.kafkaOptions()
	if err != nil {
		return err
	}
	producer, err := ingest.NewKafkaLog(opts)
	if err != nil {
		return err
	}
	a.onClose("kafka producer", producer.Close)
	a.kafka, err = ingest.NewKafkaSource(opts)
	a.sink, a.source = producer, a.kafka
	return err
}

func (a *app) stateDir() string { return filepath.Join(a.config.Data, "state") }

// tryEngine opens the state and loads it into new rooms.
func (a *app) tryEngine() (err error) {
	c := a.config
	a.learning = prometheus.NewRegistry()
	if a.state, err = state.Open(a.stateDir(), state.Options{
		MinFreeBytes: int64(c.Limits.FreeBytes), FoldCheckpoints: tuning.foldCheckpoints, Log: a.log, Registerer: a.learning,
	}); err != nil {
		return err
	}
	a.onClose("state", a.state.Close)
	if err := a.moveModels(); err != nil {
		return err
	}
	parts, err := newParts(c, a.state, a.learning)
	if err != nil {
		return err
	}
	if a.declared, a.backfill = declare(c), nil; a.live {
		a.backfill = a.beside()
	}
	if a.backfill != nil {
		if parts.Features, err = a.backfill.from.newStore(a.state); err != nil {
			return err
		}
		a.declared = a.backfill.from
	}
	opts := a.engineOptions()
	opts.Tap, opts.Hold = a.tapped.tap, a.tapped.hold
	if a.observe != nil {
		if opts.Observer, err = a.observe(parts.Features); err != nil {
			return err
		}
	} else if a.live {
		if err := a.evaluate(&opts); err != nil {
			return err
		}
	}
	if a.engine, err = engine.Open(parts, opts); err != nil {
		return err
	}
	a.features, a.models, a.letters = parts.Features, parts.Models, parts.Letters
	return errors.Join(
		a.learning.Register(engine.NewModelCollector(a.models)), a.learning.Register(engine.NewLawCollector(a.engine)),
		a.learning.Register(engine.NewFeedbackCollector(a.engine)), a.learning.Register(engine.NewExaminationCollector(a.engine)),
		a.learning.Register(engine.NewPatternCollector(a.features)), a.learning.Register(engine.NewHealthCollector(a.engine)))
}

// evaluate lets an evaluator look on, where one is configured.
func (a *app) evaluate(opts *engine.Options) (err error) {
	a.evaluator, err = newEvaluator(a.config)
	if a.evaluator == nil || err != nil {
		return err
	}
	opts.Observer, opts.Untraced = a.evaluator.collector, true
	return a.learning.Register(a.evaluator)
}

// newParts builds the rooms that the engine drives, empty.
func newParts(c *config.Config, store *state.Store, reg prometheus.Registerer) (parts engine.Parts, err error) {
	parts.State = store
	if parts.Features, err = newFeatures(c, store); err != nil {
		return parts, err
	}
	if err = checkWatched(c, parts.Features); err != nil {
		return parts, err
	}
	if c.Role == config.RoleServer {
		parts.Models, err = nameModels(c)
	} else {
		if parts.Slicer, err = newSlicer(c); err != nil {
			return parts, err
		}
		parts.Models, err = newModels(c, parts.Slicer)
	}
	if err != nil {
		return parts, err
	}
	if parts.Clock, err = ingest.NewClock(clockOptions(c)); err != nil {
		return parts, err
	}
	if parts.Dedup, err = ingest.NewDedup(ingest.DedupOptions{Horizon: c.Horizon, MaxIDs: c.Memory.DedupIDs}); err != nil {
		return parts, err
	}
	if parts.Letters, err = ingest.NewDeadLetters(ingest.DeadLettersOptions{Keep: c.Limits.DeadLetters, Registerer: reg}); err != nil {
		return parts, err
	}
	return parts, newEstimates(c, &parts)
}

func (a *app) engineOptions() engine.Options {
	c := a.config
	opts := engine.Options{
		Feedback: feedbackOptions(c), Score: engineScores(c), Champion: c.Champion(), Refresh: refreshes(c), Interval: c.Checkpoint.Interval, MinPause: c.Checkpoint.MinPause,
		Timeout: c.Checkpoint.Timeout, MemoryBudget: cmp.Or(tuning.memoryBudget, memoryBudget(c)), Durable: a.sink.Wait,
		FeaturesOnly: c.Role == config.RoleServer,
		Snapshots:    a.snapshots, Definitions: a.declared.hash(), Declared: a.declared.text(), Logger: a.log, Registerer: a.learning,
		Health: healthOptions(c),
	}
	opts.Examination = examinationOptions(c)
	opts.Feedback.Cold, opts.Feedback.LateMax = a.state, c.Memory.LatePairs
	if a.wal != nil {
		opts.Start = event.Cursor{{Offset: a.wal.First()}}
		opts.Trim = func(c event.Cursor) error { return a.wal.TrimBefore(min(c.Offset(0), a.backfill.needs())) }
	}
	return opts
}

// closeLast closes what was opened last.
func (a *app) closeLast() error {
	n := len(a.closers) - 1
	c, start := a.closers[n], time.Now()
	a.closers = a.closers[:n]
	err := c.close()
	a.log.Info("closed", zap.String("part", c.part), zap.Duration("took", time.Since(start)), zap.Error(err))
	return err
}

// Close closes everything, in reverse order of opening.
func (a *app) Close() error {
	var errs []error
	for len(a.closers) > 0 {
		errs = append(errs, a.closeLast())
	}
	return errors.Join(errs...)
}
