package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/export"
	"recsvc/internal/features"
	"recsvc/internal/ingest"
)

const exportHelp = `
Writes a training set: one row for each exposure, with every feature as it was captured before the exposure moved any window,
the outcome under each head, weight, propensity and the prediction at capture. It reads event files as replay does, or (-data)
the embedded log of a data directory that no server has open, from its beginning, through the very same engine in a temporary
state; the directory is not changed. The same input gives the same bytes. docs/export.md explains the columns.

-out names a file (.parquet, or else NDJSON) or a directory, which gets files of a million rows each. They appear under their
names when all of them are complete.

An exposure whose label windows have not all passed when the input ends has no label yet. With -from it is taken that nothing
more came, as replay does; with -data it is left out. -pending says otherwise.`

type exportFlags struct {
	replayFlags
	out, format, since, until, pending, model string
	sample                                    int
}

func exportRows(ctx context.Context, args []string, std stdio) error {
	var f exportFlags
	fs := flags("export", exportHelp, std)
	fs.Var(&f.from, "from", "event `FILE`; may be repeated, and arguments after the flags are further files")
	fs.Var(&f.items, "items", "catalogue `FILE`; may be repeated")
	fs.Var(&f.users, "users", "profile `FILE`; may be repeated")
	fs.StringVar(&f.config, "config", "", "configuration `FILE`; the built-in one when absent")
	fs.StringVar(&f.data, "data", "", "data `DIR`ectory to read the log of, instead of files")
	fs.StringVar(&f.out, "out", "", "`FILE` or directory to write")
	fs.StringVar(&f.format, "format", "", "`FORMAT`: ndjson or parquet; by the name of the file when absent")
	fs.StringVar(&f.since, "since", "", "leave out what was shown before this `TIME` (RFC 3339 or a date)")
	fs.StringVar(&f.until, "until", "", "leave out what was shown at this `TIME` or later")
	fs.IntVar(&f.sample, "sample", 1, "keep one of `N` requests, or exposures without a request, by the hash of their ids")
	fs.StringVar(&f.pending, "pending", "", "exposures without all labels at the end: `close|drop`; close: nothing more came; drop: leave them out")
	fs.StringVar(&f.model, "model", "", "write labels and predictions of the heads of this `MODEL`; of the champion when absent")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	f.from = append(f.from, rest...)
	if wrong := f.wrong(); wrong != "" {
		fmt.Fprintln(std.err, "recsvc export: "+wrong)
		fs.Usage()
		return errUsage
	}
	c, err := loadConfig(f.config, nil)
	if err != nil {
		return err
	}
	c.Kafka.Brokers = nil // history goes into a log of its own
	if err := oneModel(c, f.model); err != nil {
		return err
	}
	return f.run(ctx, c, std)
}

// oneModel leaves one model of a configuration, as its champion: the named one, or the champion where none is named.
func oneModel(c *config.Config, name string) error {
	at := c.Champion()
	if name != "" {
		at = slices.IndexFunc(c.Models, func(m config.Model) bool { return m.Name == name })
	}
	if at < 0 {
		return c.Errorf("models", "no model %q is declared", name)
	}
	c.Models = []config.Model{c.Models[at]}
	c.Models[0].Role = roleChampion
	return nil
}

// wrong says what is wrong with the flags.
func (f *exportFlags) wrong() string {
	switch {
	case len(f.from) == 0 && f.data == "":
		return "name event files with -from, or a data directory with -data"
	case f.data != "" && len(f.from)+len(f.items)+len(f.users) > 0:
		return "-data reads a log, -from, -items and -users read files: use one or the other"
	case f.out == "":
		return "name the file or directory to write with -out"
	case f.format != "" && f.format != string(export.NDJSON) && f.format != string(export.Parquet):
		return fmt.Sprintf("-format %q: want ndjson or parquet", f.format)
	case f.sample < 1:
		return fmt.Sprintf("-sample %d: want 1 (all) or more", f.sample)
	case f.pending != "" && f.pending != "close" && f.pending != "drop":
		return fmt.Sprintf("-pending %q: want close or drop", f.pending)
	}
	return ""
}

// closes reports whether what is pending at the end is taken to be settled.
func (f *exportFlags) closes() bool { return f.pending == "close" || f.pending == "" && f.data == "" }

func (f *exportFlags) run(ctx context.Context, c *config.Config, std stdio) (err error) {
	opts := export.Options{Sample: f.sample}
	if opts.Since, err = parseTime("-since", f.since); err != nil {
		return err
	}
	if opts.Until, err = parseTime("-until", f.until); err != nil {
		return err
	}
	release, err := f.place(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	log, err := newLogger("warn", std.err)
	if err != nil {
		return err
	}
	x := &exporting{exportFlags: f, config: c, opts: opts, verb: "export"}
	defer func() {
		if x.files != nil {
			err = errors.Join(err, x.files.Abort())
		}
	}()
	start := time.Now()
	a, err := openObserved(c, log, x.observe)
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, a) }()
	src, done, err := x.source(a, std)
	if err != nil {
		return err
	}
	if err := a.engine.Run(ctx, src); err != nil {
		return err
	}
	done()
	names, err := x.files.Commit()
	if err != nil {
		return err
	}
	return x.report(std, names, time.Since(start))
}

// place makes the temporary data directory; release removes it.
func (f *exportFlags) place(c *config.Config) (release func() error, err error) {
	if f.data != "" {
		b, err := borrowHistory(f.data)
		if err != nil {
			return nil, err
		}
		c.Data = b.dir
		return b.Close, nil
	}
	if c.Data, err = os.MkdirTemp("", "recsvc-export-"); err != nil {
		return nil, err
	}
	return func() error { return os.RemoveAll(c.Data) }, nil
}

// exporting is one run of the command.
type exporting struct {
	*exportFlags
	config *config.Config
	opts   export.Options
	verb   string // what the progress bar says
	files  *export.Files
	table  *export.Table
}

func (x *exporting) observe(store *features.Store) (_ engine.Observer, err error) {
	var heads []string
	for _, h := range x.config.Models[0].Heads { // there is one: see oneModel
		heads = append(heads, h.Name)
	}
	schema := export.Schema{Heads: heads, Features: store.Columns()}
	definitions := definitionsHash(x.config)
	x.files, err = export.CreateFiles(x.out, schema, export.FilesOptions{
		Format: export.Format(x.format),
		Maker:  export.Maker{Version: release, Build: commit(), Facts: map[string]string{"recsvc.definitions": fmt.Sprintf("%x", definitions)}},
	})
	if err != nil {
		return nil, err
	}
	x.table = export.NewTable(store, schema, x.files, x.opts)
	return x.table, nil
}

// source is what the engine reads: the log of a directory, or files.
func (x *exporting) source(a *app, std stdio) (src ingest.Source, done func(), err error) {
	end := &closing{after: a.engine.Longest() + x.config.Lateness}
	if x.data == "" {
		bar := newProgress(std.err, false)
		files, err := ingest.NewFiles(a.validator, ingest.FilesOptions{
			Items: x.items, Users: x.users, Events: x.from, MaxRecordBytes: int(x.config.Limits.RecordBytes),
			Metrics: a.metrics, Progress: bar.update,
		})
		if end.source = files; x.closes() {
			return ingest.Logged(end, a.sink), bar.done, err
		}
		return ingest.Logged(files, a.sink), bar.done, err
	}
	if err := a.wholeLog(); err != nil {
		return nil, nil, err
	}
	bar := newCount(std.err, false, x.verb)
	log := a.upTo(a.wal.Next(), bar.reach)
	if end.source = log; x.closes() { // the tick goes into the copy of the log
		return sourceFunc(end.pass).then(ingest.Logged(sourceFunc(end.end), a.sink)), bar.done, nil
	}
	return log, bar.done, nil
}

func (x *exporting) report(std stdio, names []string, took time.Duration) error {
	c := x.table.Counts()
	what := names[0]
	if len(names) > 1 {
		what = fmt.Sprintf("%s and %d more", what, len(names)-1)
	}
	_, err := fmt.Fprintf(std.out, "%d rows in %s (%.1f s); left out: %d by -since, -until or -sample, %d without all labels yet, %d erased\n",
		c.Rows, what, took.Seconds(), c.LeftOut, c.Pending, c.Erased)
	return err
}

// parseTime reads a time or a date of a flag; nothing is 0.
func parseTime(name, text string) (event.Time, error) {
	if text == "" {
		return 0, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return event.FromTime(t), nil
		}
	}
	return 0, fmt.Errorf("%s %q: want a time such as 2026-03-01T08:00:00Z, or a date", name, text)
}
