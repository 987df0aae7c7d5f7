package engine

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
	"recsvc/internal/state"
)

// cramped opens an engine whose pending impressions have next to no memory.
func cramped(t *testing.T, dir string, change ...func(*Options)) *rig {
	t.Helper()
	store := must(state.Open(filepath.Join(dir, "state"), state.Options{MemTableBytes: 8 << 20, MinFreeBytes: 1}))(t)
	opts := Options{Interval: time.Hour, Feedback: feedback.Options{
		Heads: heads(), ExposureWait: 3 * time.Second, LateMemory: horizon, ServedIsExposure: map[string]bool{"auto": true},
		Cold: store, Bytes: 1 << 10,
	}}
	for _, f := range change {
		f(&opts)
	}
	r := &rig{t: t, store: store, snaps: must(state.NewSnapshots(filepath.Join(dir, "snapshots")))(t)}
	opts.Snapshots = r.snaps
	r.Engine = must(Open(Parts{
		Features: must(features.New(definitions(), features.Options{}))(t),
		Models:   []*model.Model{ctrModel(t, "ctr", 14, 0.1)},
		Clock:    must(ingest.NewClock(ingest.ClockOptions{Lateness: lateness, Horizon: horizon}))(t),
		Dedup:    must(ingest.NewDedup(ingest.DedupOptions{Horizon: horizon}))(t),
		Letters:  must(ingest.NewDeadLetters(ingest.DeadLettersOptions{Keep: 50}))(t),
		State:    store,
	}, opts))(t)
	return r
}

func TestAnEngineThatOpensAboveItsBudgetGoesOn(t *testing.T) {
	dir, log := t.TempDir(), makeTraffic(19, 400)
	half := slices.IndexFunc(log[300:], func(r event.Record) bool { return r.Event != nil && r.Event.Type == "exposure" }) + 301
	openRig(t, dir).run(log[:half])
	cramped(t, dir).run(log).sameAs(t, openRig(t, t.TempDir()).run(log))
}

// Checkpoints fail, so that nothing can leave memory: the writer waits for one. It still ends when it is told to.
func TestAWriterThatWaitsForMemoryEndsAllTheSame(t *testing.T) {
	lost := errors.New("the disk is gone")
	r := cramped(t, t.TempDir(), func(o *Options) {
		o.Durable = func(context.Context, event.Cursor) error { return lost }
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- r.Run(ctx, &memory{log: place(nil, teach("u1", "i1", 0, 2000)...), sizes: []int{10}, follow: true})
	}()
	for testutil.ToFloat64(r.metrics.held) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if n := r.Applied().Offset(0); n >= 4000 {
		t.Errorf("it has applied all %d records: it did not wait", n)
	}
	if err := r.close(); err != nil {
		t.Error(err)
	}
}
