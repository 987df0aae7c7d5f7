package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"recsvc/internal/config"
	"recsvc/internal/crosses"
	"recsvc/internal/engine"
	"recsvc/internal/features"
)

const crossesHelp = `
Searches for pairs of categorical features that tell the model of a configuration more together than it knows from each, and
writes them as features of the kind cross, ready to be pasted, each with what it saves of the log-loss. It reads events as export
does, through the very same engine, up to -n exposures of the head; the last 30 % of them are kept out of the search, and judge what
was found. What they do not confirm is written as a comment.

Numbers take part where a bucketize of theirs is declared. The cost is bounded by -budget. The same input makes the same findings.
docs/learning.md tells how the search works.`

type crossFlags struct {
	exportFlags
	head   string
	n      int
	search crosses.Options
}

func findCrosses(ctx context.Context, args []string, std stdio) error {
	var f crossFlags
	fs := flags("crosses", crossesHelp, std)
	fs.Var(&f.from, "from", "event `FILE`; may be repeated, and arguments after the flags are further files")
	fs.Var(&f.items, "items", "catalogue `FILE`; may be repeated")
	fs.Var(&f.users, "users", "profile `FILE`; may be repeated")
	fs.StringVar(&f.config, "config", "", "configuration `FILE`; the built-in one when absent")
	fs.StringVar(&f.data, "data", "", "data `DIR`ectory to read the log of, instead of files")
	fs.StringVar(&f.out, "out", "", "`FILE` to write; the standard output when absent")
	fs.StringVar(&f.head, "head", "", "`HEAD` of the first model to find crosses for; its first when absent")
	fs.IntVar(&f.n, "n", 300_000, "`EXPOSURES` to look at, from the beginning")
	fs.IntVar(&f.search.Keep, "keep", 8, "`CROSSES` to find at most")
	fs.Int64Var(&f.search.Budget, "budget", 50_000_000, "`EXPOSURES` to look at over all pairs: a second or two for each ten million")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	f.from = append(f.from, rest...)
	if wrong := f.wrong(); wrong != "" {
		fmt.Fprintln(std.err, "recsvc crosses: "+wrong)
		fs.Usage()
		return errUsage
	}
	c, err := loadConfig(f.config, nil)
	if err != nil {
		return err
	}
	c.Kafka.Brokers = nil // history goes into a log of its own
	sample, err := f.sample(ctx, c, std)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	writeCrosses(&text, f.head, sample.Len(), sample.Search(f.search))
	if f.out == "" {
		_, err = std.out.Write(text.Bytes())
		return err
	}
	return writeWhole(f.out, text.Bytes())
}

// wrong says what is wrong with the flags.
func (f *crossFlags) wrong() string {
	switch {
	case len(f.from) == 0 && f.data == "":
		return "name event files with -from, or a data directory with -data"
	case f.data != "" && len(f.from)+len(f.items)+len(f.users) > 0:
		return "-data reads a log, -from, -items and -users read files: use one or the other"
	case f.n < 1000:
		return fmt.Sprintf("-n %d: less than 1000 exposures tell nothing", f.n)
	case f.search.Keep < 1:
		return fmt.Sprintf("-keep %d: want 1 or more", f.search.Keep)
	case f.search.Budget < 1:
		return fmt.Sprintf("-budget %d: want 1 or more", f.search.Budget)
	}
	return ""
}

// seat returns the place of the head among those of the first model, by which the join knows it.
func (f *crossFlags) seat(m *config.Model) (int, error) {
	var names []string
	for _, h := range m.Heads {
		names = append(names, h.Name)
	}
	if f.head == "" {
		f.head = names[0]
	}
	i := slices.Index(names, f.head)
	if i < 0 {
		return 0, fmt.Errorf("-head %q: the model %s has the heads %v", f.head, m.Name, names)
	}
	return i, nil
}

// sample runs the history through an engine, in a directory that it removes.
func (f *crossFlags) sample(ctx context.Context, c *config.Config, std stdio) (_ *crosses.Sample, err error) {
	head, err := f.seat(&c.Models[0])
	if err != nil {
		return nil, err
	}
	release, err := f.place(c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	log, err := newLogger("warn", std.err)
	if err != nil {
		return nil, err
	}
	var watch *crossWatch
	a, err := openObserved(c, log, func(store *features.Store) (engine.Observer, error) {
		watch = newCrossWatch(store, head, f.n)
		return watch, nil
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, a) }()
	for _, d := range c.Features {
		if d.Kind == "cross" && len(d.Inputs) == 2 {
			watch.sample.Exclude(d.Inputs[0], d.Inputs[1])
		}
	}
	x := &exporting{exportFlags: &f.exportFlags, config: c, verb: "crosses"}
	src, done, err := x.source(a, std)
	if err != nil {
		return nil, err
	}
	if err := a.engine.Run(ctx, src); err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	done()
	return watch.sample, nil
}

// writeCrosses writes what was found as YAML.
func writeCrosses(w io.Writer, head string, exposures int, r crosses.Result) {
	fmt.Fprintf(w, "# %d pairs tried on %d exposures of %s, with %d visits. Saved of the log-loss beyond the model and the lines above, per exposure,\n",
		r.Pairs, exposures, head, r.Visits)
	fmt.Fprintf(w, "# on the last 30 %% of the exposures, by which nothing was chosen. What is commented out they do not confirm.\n")
	if len(r.Found) == 0 {
		fmt.Fprintln(w, "# Nothing was found.")
		return
	}
	fmt.Fprintln(w, "features:")
	for i := range r.Found {
		f := &r.Found[i]
		comment := ""
		if !f.Confirmed() {
			comment = "# "
		}
		a, b := f.Fields[0], f.Fields[1]
		fmt.Fprintf(w, "  %s- {name: %s_x_%s, kind: cross, inputs: [%s, %s]} # %.2f mbit, %.1fσ; %.2f mbit while searched; %d combinations\n",
			comment, a, b, a, b, 1000*f.Held, f.Z, 1000*f.Gain, f.Combinations)
	}
}
