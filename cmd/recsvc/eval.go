package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"

	"recsvc/internal/config"
	"recsvc/internal/eval"
	"recsvc/internal/ingest"
)

const evalHelp = `
Says how well models would have predicted a stream of events, each prediction made before its outcome was known, as replay does, but
of many at once: features are made once, and every arm learns from them on a goroutine of its own, to the bit as a server with that
model would have learned.

-grid names keys of how heads or models learn, with their values; all combinations are arms: -grid 'alpha=0.01,0.03;l1=0,1'. A key may
be that of the heads of one name (click.alpha). What the join depends on (window, delay, examination) cannot be in a grid.

-compare sets learning in real time beside models that are made anew every so often: -compare online,1h,24h. For each time there are three
arms: weights of the last boundary with features of now, features of the last boundary with weights of now, and both of the last boundary,
which is what a nightly pipeline serves. Boundaries are multiples of the time in UTC. A model's own refresh, in the configuration, is not
looked at.

It ends with a table: log-loss, AUC, AUC by user and calibration over everything and over the last half, the gain over the first arm with a
95 % interval over users (a delete-a-group jackknife with 100 groups of users), CPU time, memory, and after how many examples the
normalised entropy of a window has come to stay within 2 % of what the first arm's is in the last quarter. -out writes table (eval.md), figures (eval.json), and a plot of the log-loss over event time
for each head (MODEL-HEAD.svg). All predictions are kept in memory until then: 17 bytes for each exposure and head, and 4 more for each arm.`

type evalFlags struct {
	replayFlags
	grid, compare, out string
}

func compareModels(ctx context.Context, args []string, std stdio) error {
	var f evalFlags
	fs := flags("eval", evalHelp, std)
	f.history(fs)
	fs.StringVar(&f.grid, "grid", "", "`KEY=VALUE,…;…` settings of which all combinations are compared")
	fs.StringVar(&f.compare, "compare", "", "`TIMES` between two refreshes that are compared, online among them")
	fs.StringVar(&f.out, "out", "", "`DIR`ectory for table, figures and plots")
	fs.BoolVar(&f.json, "json", false, "print one JSON object instead of the table")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	f.from = append(f.from, rest...)
	if len(f.from) == 0 {
		fmt.Fprintln(std.err, "recsvc eval: name at least one event file with -from")
		fs.Usage()
		return errUsage
	}
	if err := f.check(); err != nil {
		return err
	}
	c, err := loadConfig(f.config, nil)
	if err != nil {
		return err
	}
	c.Kafka.Brokers = nil
	c.Checkpoint.Interval, c.Checkpoint.Timeout = 24*time.Hour, 24*time.Hour // nobody goes on with the state
	plans, err := planEval(c, f.grid, f.compare)
	if err != nil {
		return err
	}
	result, err := f.run(ctx, c, plans, std)
	if err != nil {
		return err
	}
	return f.report(result, std)
}

// evaluation is what is printed as JSON.
type evaluation struct {
	Seconds   float64 `json:"seconds"`
	PeakBytes int64   `json:"peak_memory_bytes,omitempty"`
	*eval.Result
}

func (f *evalFlags) run(ctx context.Context, c *config.Config, plans []evalPlan, std stdio) (*evaluation, error) {
	start := time.Now()
	var entries []eval.Entry
	for _, p := range byHold(plans) {
		found, err := f.pass(ctx, c, p, std)
		if err != nil {
			return nil, err
		}
		entries = append(entries, found...)
	}
	var heads []string
	for _, h := range feedbackOptions(c).Heads {
		heads = append(heads, h.Name)
	}
	result, err := eval.Judge(heads, inOrder(plans, entries))
	if err != nil {
		return nil, err
	}
	return &evaluation{Seconds: time.Since(start).Seconds(), PeakBytes: peakMemory(), Result: result}, nil
}

// pass runs the stream once, for the arms that see the same features.
func (f *evalFlags) pass(ctx context.Context, c *config.Config, plans []evalPlan, std stdio) (entries []eval.Entry, err error) {
	dir, err := os.MkdirTemp("", "recsvc-eval-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log, err := newLogger("warn", std.err)
	if err != nil {
		return nil, err
	}
	own := *c
	own.Data = dir
	if err := prepareData(dir); err != nil {
		return nil, err
	}
	var arms []*eval.Arm
	for _, p := range plans {
		entry, err := p.entry()
		if err != nil {
			return nil, err
		}
		arms, entries = append(arms, entry.Arm), append(entries, entry)
	}
	before := processClock()
	g, running := errgroup.WithContext(ctx)
	feed := eval.NewFeed(running, len(feedbackOptions(c).Heads), arms)
	g.Go(func() (err error) {
		defer func() { err = errors.Join(err, feed.Close()) }()
		a, err := openAs(&app{tapped: tapped{tap: feed, hold: plans[0].hold}}, &own, log)
		if err != nil {
			return err
		}
		defer func() { err = joinClose(err, a) }()
		bar := newBar(std.err, f.json, "eval", progressbar.OptionShowBytes(true))
		history, err := a.history(f.replayFlags, bar, std)
		if err != nil {
			return err
		}
		defer bar.done()
		src := &closing{source: history, after: a.engine.Longest() + c.Lateness}
		return a.engine.Run(running, ingest.Logged(src, a.sink))
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	features := processClock() - before
	for _, arm := range arms {
		features -= arm.CPU()
	}
	for i := range entries {
		entries[i].Truth, entries[i].Features = feed.Truth(), features
	}
	return entries, nil
}

func (f *evalFlags) report(e *evaluation, std stdio) error {
	if f.out != "" {
		if err := f.write(e); err != nil {
			return err
		}
	}
	if f.json {
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")
		return enc.Encode(e)
	}
	if err := e.WriteTable(std.out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(std.out, "%d examples in %.1f s, %.0f MiB at most\n", e.Examples, e.Seconds, float64(e.PeakBytes)/(1<<20))
	return err
}
