package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"recsvc/internal/config"
	"recsvc/internal/event"
	"recsvc/internal/state"
)

const trainHelp = `
Trains a challenger in bulk, in a data directory that no server has open: it goes through the whole log once, and then several
times over all that there was to learn. The last pass takes the stream as it came, so that the model goes on from there with it.
The weights become a snapshot, and a record of the log puts them in the place of the model's: recsvc serve applies it when it starts.
A server does the same beside its work when the configuration says train.every.

It prints how well the model does on a sample of old and of new impressions, and how well one does that took the log once. It
may be interrupted at any time: until the last moment nothing has changed. A progress bar is shown on a terminal.`

type trainFlags struct {
	config, data, model string
	passes              int
	shuffle, json       bool
	seed                uint64
}

func trainModel(ctx context.Context, args []string, std stdio) error {
	var f trainFlags
	fs := flags("train", trainHelp, std)
	fs.StringVar(&f.config, "config", "", "configuration `FILE`; the built-in one when absent")
	fs.StringVar(&f.data, "data", "", "data `DIR`ectory")
	fs.StringVar(&f.model, "model", "", "`NAME` of the model; the challenger, where there is one")
	fs.IntVar(&f.passes, "passes", 2, "`N` passes over all that there is to learn, 1 to 100")
	fs.BoolVar(&f.shuffle, "shuffle", false, "all passes but the last in another order, which the seed draws")
	fs.Uint64Var(&f.seed, "seed", 1, "`SEED` of the order that -shuffle makes")
	fs.BoolVar(&f.json, "json", false, "print one JSON object")
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	if f.passes < 1 || f.passes > 100 {
		fmt.Fprintln(std.err, "recsvc train: -passes must be 1 to 100")
		fs.Usage()
		return errUsage
	}
	c, err := loadConfig(f.config, given(fs, "data"))
	if err != nil {
		return err
	}
	log, err := newLogger("warn", std.err)
	if err != nil {
		return err
	}
	out, err := f.train(ctx, c, log, std)
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(std.out).Encode(out)
	}
	return out.write(std.out)
}

// train opens the log of a data directory, trains, and leaves the record.
func (f *trainFlags) train(ctx context.Context, c *config.Config, log *zap.Logger, std stdio) (out *trained, err error) {
	start := time.Now()
	at, err := trainee(c, f.model)
	if err != nil {
		return nil, fmt.Errorf("-model: %w", err)
	}
	a := &app{config: c, log: log, registry: prometheus.NewRegistry()}
	defer func() { err = joinClose(err, a) }()
	if err := a.openHistory(); err != nil {
		return nil, err
	}
	bar := newCount(std.err, f.json, "train")
	defer bar.done()
	t := &training{
		app: a, definitions: declare(c), place: at, passes: f.passes, shuffle: f.shuffle, seed: f.seed,
		progress: func(_ string, done, total int64) { bar.reach(done, total) },
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	if err := t.learn(event.Cursor{{Offset: a.wal.Next()}}); err != nil {
		return nil, err
	}
	out = &trained{}
	if err := t.keep(ctx, out); err != nil {
		return nil, err
	}
	err = a.tellInstalled(ctx, event.Install{
		Model: out.Model, Snapshot: out.Snapshot, SHA256: out.SHA256, Definitions: fmt.Sprintf("%x", t.definitions.hash()),
	})
	out.Seconds = time.Since(start).Seconds()
	return out, err
}

// tellInstalled takes the record into a log that nobody else writes to.
func (a *app) tellInstalled(ctx context.Context, i event.Install) error {
	after, err := a.sink.Append(ctx, []event.Record{{Kind: event.KindControl, Received: event.FromTime(time.Now()), Control: i.Control()}})
	if err != nil {
		return err
	}
	return a.sink.Wait(ctx, after)
}

// openHistory opens log and snapshots of a data directory that no server has open, without its state.
func (a *app) openHistory() (err error) {
	c := a.config
	if len(c.Kafka.Brokers) > 0 {
		return errors.New("with Kafka the log is a topic, of which nobody knows whether it still has everything: recsvc train reads the embedded log only")
	}
	if _, err := os.Stat(filepath.Join(c.Data, marker)); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	limitMemory(memoryBudget(c))
	if err := a.openLog(); err != nil {
		return err
	}
	if err := a.wholeLog(); err != nil {
		return err
	}
	a.snapshots, err = state.NewSnapshots(filepath.Join(c.Data, snapshotName))
	if err != nil {
		return err
	}
	a.onClose("snapshots", a.snapshots.Close)
	return nil
}

func (t *trained) write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s trained in %d passes over %d examples (%.1f s), up to %s: snapshot %s\n"+
		"log-loss of a sample of %d impressions, trained against online: %s against %s of the older half, %s against %s of the newer\n",
		t.Model, t.Passes, t.Examples, t.Seconds, t.Cursor, t.Snapshot, t.Memory.Sampled,
		figure(t.Memory.OldTrained, 5), figure(t.Memory.OldOnline, 5), figure(t.Memory.NewTrained, 5), figure(t.Memory.NewOnline, 5))
	return err
}
