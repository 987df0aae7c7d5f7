package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"go.uber.org/zap"

	"recsvc/internal/config"
	"recsvc/internal/dirty"
	"recsvc/internal/engine"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/parity"
	"recsvc/internal/state"
)

const parityHelp = `
Says whether features mean the same live and in history. It takes the vectors that a server captured live and that lie in its last
checkpoint, with the impressions that waited for an outcome then, replays the log of the data directory from its beginning up to
that checkpoint into a temporary state, and compares what is captured there, slot by slot. No server may have the directory
open, or take a copy; it is not changed.

For each feature it counts slots with another value or category (mismatch), slots that the server lacked (missing) and that it had
and the replay has not (extra). When anything differs, the exit status is 1.`

type parityFlags struct {
	data, config, since, until string
	json                       bool
}

func parityCheck(ctx context.Context, args []string, std stdio) error {
	var f parityFlags
	fs := flags("parity", parityHelp, std)
	fs.StringVar(&f.data, "data", "", "data `DIR`ectory of a stopped server, or a copy")
	fs.StringVar(&f.config, "config", "", "configuration `FILE`; the built-in one when absent")
	fs.StringVar(&f.since, "since", "", "compare only what was shown at this `TIME` or later (RFC 3339 or a date)")
	fs.StringVar(&f.until, "until", "", "compare only what was shown before this `TIME`")
	fs.BoolVar(&f.json, "json", false, "print one JSON object instead of the table")
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	if f.data == "" {
		fmt.Fprintln(std.err, "recsvc parity: name the directory with -data")
		fs.Usage()
		return errUsage
	}
	c, err := loadConfig(f.config, nil)
	if err != nil {
		return err
	}
	c.Kafka.Brokers = nil // the log of the directory
	report, err := f.run(ctx, c, std)
	if err != nil {
		return err
	}
	if f.json {
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = report.write(std.out)
	}
	if err == nil && !report.Equal() {
		err = fmt.Errorf("what was captured in %s is not what its log makes of it", f.data)
	}
	return err
}

// parityReport is a comparison with where it was made.
type parityReport struct {
	Cursor      string `json:"cursor"`      // the place of the log that both sides stand at
	Definitions bool   `json:"definitions"` // the configuration has the definitions that the state was made under
	parity.Report
}

func (f *parityFlags) run(ctx context.Context, c *config.Config, std stdio) (_ *parityReport, err error) {
	var opts parity.Options
	if opts.Since, err = parseTime("-since", f.since); err != nil {
		return nil, err
	}
	if opts.Until, err = parseTime("-until", f.until); err != nil {
		return nil, err
	}
	history, err := borrowHistory(f.data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, history.Close()) }()
	log, err := newLogger("warn", std.err)
	if err != nil {
		return nil, err
	}
	live, meta, err := captured(c, filepath.Join(f.data, stateName))
	if err != nil {
		return nil, err
	}
	c.Data = history.dir
	bar := newCount(std.err, f.json, "parity")
	recorder, err := recompute(ctx, c, log, meta.Cursor.Offset(0), bar)
	if err != nil {
		return nil, err
	}
	bar.done()
	report, err := parity.Compare(recorder, live.EachPending, opts)
	if err != nil {
		return nil, err
	}
	return &parityReport{Cursor: cursorText(meta.Cursor), Definitions: meta.Definitions == definitionsHash(c), Report: *report}, nil
}

// captured is the join of the last checkpoint of a state, as it lies on disk.
func captured(c *config.Config, dir string) (_ *feedback.Joiner, meta state.Meta, err error) {
	scratch, err := os.MkdirTemp("", "recsvc-parity-")
	if err != nil {
		return nil, meta, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	live, err := feedback.New(feedbackOptions(c), nothing{})
	if err != nil {
		return nil, meta, err
	}
	others := func(prefix byte) bool { return !feedback.Owns(prefix) }
	meta, err = state.Read(dir, scratch, others, func(key, value []byte, sum dirty.Sum) error { return live.Load(key, value, sum) })
	if err != nil {
		return nil, meta, err
	}
	return live, meta, live.EndLoad()
}

// recompute runs the log up to a record through the engine and returns what was captured of the impressions that wait then.
func recompute(ctx context.Context, c *config.Config, log *zap.Logger, end int64, bar *bar) (r *parity.Recorder, err error) {
	a, err := openObserved(c, log, func(store *features.Store) (engine.Observer, error) {
		r = parity.NewRecorder(store)
		return r, nil
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, a) }()
	if err := a.wholeLog(); err != nil {
		return nil, err
	}
	if next := a.wal.Next(); next < end {
		return nil, fmt.Errorf("the log ends at record %d, and the state has seen those up to %d: they do not belong together", next, end)
	}
	return r, a.engine.Run(ctx, a.upTo(end, bar.reach))
}

func (r *parityReport) write(w io.Writer) error {
	fmt.Fprintf(w, "%d impressions compared at %s; %d only in the replay, %d only in the state\n", r.Compared, r.Cursor, r.Missing, r.Extra)
	if !r.Definitions {
		fmt.Fprintln(w, "NOTE: the configuration has other definitions of features or heads than the state was made under")
	}
	for _, e := range r.Examples {
		fmt.Fprintln(w, "  "+e)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nfeature\tslots\tmismatch\tmissing\textra\t\n")
	total := parity.Feature{Name: "all"}
	for _, f := range r.Features {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t\n", f.Name, f.Slots, f.Mismatch, f.Missing, f.Extra)
		total.Slots, total.Mismatch, total.Missing, total.Extra = total.Slots+f.Slots, total.Mismatch+f.Mismatch, total.Missing+f.Missing, total.Extra+f.Extra
	}
	fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t\n", total.Name, total.Slots, total.Mismatch, total.Missing, total.Extra)
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range r.Features {
		for _, e := range f.Examples {
			fmt.Fprintf(w, "%s: %s\n", f.Name, e)
		}
	}
	p := r.Predictions
	_, err := fmt.Fprintf(w, "\npredictions: %d compared, %d differ, by %.3g at most (they should not, where one binary made both)\n", p.Compared, p.Different, p.Greatest)
	return err
}
