package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// backfill makes what the configured features are of the log, beside those of before, which serve meanwhile, and lets them
// take over when they have caught up. Its methods may be called on nil, and by any goroutine.
type backfill struct {
	app      *app
	from, to declared
	place    atomic.Int64 // records of the log that it has been through

	mu     sync.Mutex
	stage  stage
	failed error
}

// stage is how far a backfill has come.
type stage string

const (
	stageRunning stage = "running"
	stageDone    stage = "done"
	stageFailed  stage = "failed"
)

// takeoverLag is how many records the writer may be ahead when it pauses for what succeeds its features.
const takeoverLag = 1000

// beside returns the backfill that the state asks for, if it is of other features and can be served from meanwhile.
func (a *app) beside() *backfill {
	meta, ok := a.state.Latest()
	to := declare(a.config)
	if !ok || meta.Definitions == to.hash() || !a.logIsWhole() {
		return nil
	}
	from, err := declaredBy(meta)
	if err != nil || !from.sameLearning(to) {
		return nil
	}
	return &backfill{app: a, from: from, to: to, stage: stageRunning}
}

// archiveHint says what else there is for a state whose features alone have changed and whose log is not whole.
func (a *app) archiveHint() string {
	meta, _ := a.state.Latest()
	if from, err := declaredBy(meta); err != nil || a.wal == nil || !from.moves(declare(a.config)) {
		return ""
	}
	return "; features and models alone have changed: with an archive of the log, recsvc backfill -archive DIR makes them"
}

// run fills until the takeover, the end of ctx or an error, which is logged: the server goes on under the features of before.
func (b *backfill) run(ctx context.Context) error {
	if b == nil {
		return nil
	}
	start := time.Now()
	b.app.log.Info("features have changed: their state is made from the log, those of before serve meanwhile",
		zap.Int64("records", b.app.wal.Next()))
	err := b.fill(ctx)
	switch {
	case err == nil:
		b.end(stageDone, nil)
		b.app.log.Info("the changed features have taken over", zap.Duration("took", time.Since(start)), zap.Int64("records", b.place.Load()))
	case ctx.Err() != nil || errors.Is(err, engine.ErrStopped): // the next start begins again
	default:
		b.end(stageFailed, err)
		b.app.log.Error("the changed features could not be made from the log: those of before go on. Stop the server and run "+
			"recsvc backfill, or go back to the former configuration", zap.Error(err))
	}
	return nil
}

func (b *backfill) end(s stage, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stage, b.failed = s, err
}

// state is how far it has come, and why it has failed.
func (b *backfill) state() (stage, error) {
	if b == nil {
		return stageDone, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stage, b.failed
}

// progress is the share of the log that it has been through, in [0, 1].
func (b *backfill) progress() float64 {
	if s, _ := b.state(); s == stageDone {
		return 1
	}
	return min(1, float64(b.place.Load())/float64(max(1, b.app.engine.Applied().Offset(0))))
}

// needs is the first record that the log must keep for it.
func (b *backfill) needs() int64 {
	if s, _ := b.state(); s != stageRunning {
		return math.MaxInt64
	}
	return b.place.Load()
}

func (b *backfill) fill(ctx context.Context) error {
	s, err := b.successor()
	if err != nil {
		return err
	}
	source, err := ingest.NewEmbedded(b.app.wal, ingest.EmbeddedOptions{Workers: 1}) // it is in no hurry
	if err != nil {
		return err
	}
	t := startTape(ctx, source, s.Place())
	defer t.stop()
	advance := func(to event.Cursor) error { return t.advance(ctx, s, to, nil) }
	for {
		to := b.app.engine.Applied()
		if err := t.advance(ctx, s, to, b.look); err != nil {
			return err
		}
		if err := s.Compare(b.app.engine); err != nil {
			return err
		}
		if b.app.engine.Applied().Offset(0)-to.Offset(0) > takeoverLag {
			continue
		}
		if done, err := b.app.engine.TakeOver(ctx, s, advance); done || err != nil {
			return err
		}
	}
}

// successor opens the rooms of the configured features, empty.
func (b *backfill) successor() (*engine.Successor, error) {
	parts, err := newParts(b.app.config, nil, nil)
	if err == nil {
		parts.Features, err = b.to.newStore(nil) // one that tells nobody of the matches that it meets again
	}
	if err != nil {
		return nil, err
	}
	opts := b.app.engineOptions()
	opts.Definitions, opts.Declared, opts.Logger = b.to.hash(), b.to.text(), nil
	return engine.NewSuccessor(parts, opts)
}

// look notes how far it has come, and refuses to take more memory than the server can spare.
func (b *backfill) look(s rerun) error {
	b.place.Store(s.Place().Offset(0))
	if budget := memoryBudget(b.app.config); budget > 0 && s.Bytes() > budget/2 {
		return fmt.Errorf("the changed features take %s of memory beside those of before, more than half of memory.budget", sizeText(s.Bytes()))
	}
	return nil
}

// register exports how far it has come.
func (b *backfill) register(reg prometheus.Registerer) error {
	gauge := func(name, help string, fn func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, fn)
	}
	return errors.Join(
		reg.Register(gauge("recsvc_backfill_records", "Records of the log that changed features have been made from; 0 when none have changed.",
			func() float64 {
				if b == nil {
					return 0
				}
				return float64(b.place.Load())
			})),
		reg.Register(gauge("recsvc_backfill_done", "1 when the configured features are in force, 0 while those of before are.", func() float64 {
			if s, _ := b.state(); s == stageDone {
				return 1
			}
			return 0
		})))
}
