package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"

	"recsvc/internal/api"
	"recsvc/internal/config"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/ingest"
	"recsvc/internal/ope"
)

const opeHelp = `
Estimates from logged traffic what other policies would have earned: off-policy evaluation. It reads event files or an archive as
replay does, or (-data) the embedded log of a data directory that no server has open, through the very same engine in a temporary
state. What a model predicts for an impression is what it had learned before the impression: nothing of the outcome leaks.

A policy (-policy, may be repeated) is NAME[:SETTING…]:

  uniform        each candidate with the same probability
  served         the scores that the lists were ranked by, under another rule
  MODEL          a model of the configuration ranks what the log knows of each list anew; MODEL/HEAD: by one of its heads
  frequencies    shows each item in a position as often as another log (-frequencies) did; of exposures without a list only

Settings, of served and models: greedy; epsilon=E, instead of the scene's own; softmax=T, instead of the best first.

Lists that the server made are read from their propensities: those tell the pool and what was ranked best in it. Exposures that
came with a propensity and without a list were chosen, it is taken, from the whole catalogue, if that has at most -candidates items.
Whatever cannot be evaluated is counted with the reason. docs/learning.md explains the estimators.`

type opeFlags struct {
	replayFlags
	policies                           list
	reward, only, frequencies, ofThose string
	pending                            string
	clip                               float64
	draws, candidates                  int
	seed                               uint64
}

func evaluatePolicies(ctx context.Context, args []string, std stdio) error {
	var f opeFlags
	fs := flags("ope", opeHelp, std)
	f.history(fs)
	fs.StringVar(&f.data, "data", "", "data `DIR`ectory to read the log of, instead of files")
	fs.BoolVar(&f.json, "json", false, "print one JSON object instead of the table")
	fs.Var(&f.policies, "policy", "`POLICY` to evaluate; may be repeated; uniform, served:greedy and all models when absent")
	fs.StringVar(&f.reward, "head", "", "the `HEAD` whose outcome is the reward; what the champion ranks by when absent")
	fs.StringVar(&f.only, "only", "", "evaluate on traffic with this `KEY=VALUE` in its context alone")
	fs.StringVar(&f.frequencies, "frequencies", "", "event `FILE` whose exposures the policy frequencies follows")
	fs.StringVar(&f.ofThose, "frequencies-only", "", "of those, the exposures with this `KEY=VALUE` in their context")
	fs.StringVar(&f.pending, "pending", "", "exposures whose windows are open at the end: `close|drop`; close: nothing more came, as with -from; drop: leave them out, as with -data")
	fs.Float64Var(&f.clip, "clip", 10, "greatest weight `M` of the clipped estimators")
	fs.IntVar(&f.draws, "bootstrap", 1000, "`N` draws for the bootstrap intervals; 0: none")
	fs.Uint64Var(&f.seed, "seed", 1, "`SEED` of the draws")
	fs.IntVar(&f.candidates, "candidates", 1000, "`N` items: the largest catalogue that exposures without a list are taken to be chosen from")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	f.from = append(f.from, rest...)
	if wrong := f.wrong(); wrong != "" {
		fmt.Fprintln(std.err, "recsvc ope: "+wrong)
		fs.Usage()
		return errUsage
	}
	c, err := loadConfig(f.config, nil)
	if err != nil {
		return err
	}
	c.Kafka.Brokers = nil // history goes into a log of its own
	x := &evaluating{opeFlags: &f, config: c}
	if err := x.run(ctx, std); err != nil {
		return err
	}
	return writeOffPolicy(std.out, x.report(), f.json)
}

// wrong says what is wrong with the flags.
func (f *opeFlags) wrong() string {
	switch {
	case len(f.from) == 0 && f.data == "":
		return "name event files or an archive with -from, or a data directory with -data"
	case f.data != "" && len(f.from)+len(f.items)+len(f.users) > 0:
		return "-data reads a log, -from, -items and -users read files: use one or the other"
	case f.data != "" && (f.since.set || f.until.set):
		return "-since and -until are for archives"
	case f.pending != "" && f.pending != "close" && f.pending != "drop":
		return fmt.Sprintf("-pending %q: want close or drop", f.pending)
	case !(f.clip >= 1) || math.IsInf(f.clip, 0):
		return fmt.Sprintf("-clip %v: want a number of 1 or more", f.clip)
	case f.draws < 0 || f.candidates < 1:
		return "-bootstrap must be 0 or more, -candidates 1 or more"
	case f.ofThose != "" && f.frequencies == "":
		return "-frequencies-only is of a log that -frequencies names"
	}
	return ""
}

// evaluating is one run of the command.
type evaluating struct {
	*opeFlags
	config      *config.Config
	target      string // model/head
	evaluations []*ope.Evaluation
	names       []string
	collector   *ope.Collector
	catalogue   chosenFrom
}

func (x *evaluating) run(ctx context.Context, std stdio) (err error) {
	opts, err := x.options(ctx)
	if err != nil {
		return err
	}
	release, err := x.place()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	log, err := newLogger("warn", std.err)
	if err != nil {
		return err
	}
	a, err := openObserved(x.config, log, func(store *features.Store) (engine.Observer, error) {
		x.catalogue.store, x.catalogue.most = store, x.candidates
		opts.Candidates = &x.catalogue
		x.collector, err = ope.NewCollector(opts)
		return x.collector, err
	})
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, a) }()
	x.catalogue.models = a.models
	src, done, err := x.source(a, std)
	if err != nil {
		return err
	}
	defer done()
	return a.engine.Run(ctx, src)
}

// options are what the collector is to do.
func (x *evaluating) options(ctx context.Context) (opts ope.CollectorOptions, err error) {
	if opts.Reward, x.target, err = rewardHead(x.config, x.reward); err != nil {
		return opts, fmt.Errorf("-head: %w", err)
	}
	if x.only != "" {
		if opts.Only, err = contextIs(x.only); err != nil {
			return opts, fmt.Errorf("-only %w", err)
		}
	}
	table, err := x.table(ctx)
	if err != nil {
		return opts, err
	}
	for _, text := range x.chosen() {
		p, err := parsePolicy(x.config, text, table)
		if err != nil {
			return opts, err
		}
		e, err := ope.NewEvaluation(ope.Options{Clip: x.clip})
		if err != nil {
			return opts, fmt.Errorf("-clip: %w", err)
		}
		opts.Policies, x.evaluations, x.names = append(opts.Policies, p), append(x.evaluations, e), append(x.names, text)
	}
	opts.Epsilon, opts.Take = epsilons(x.config), x.take
	opts.Pending = 1 << 26 // it may take what memory there is
	return opts, nil
}

// chosen are the policies asked for.
func (x *evaluating) chosen() []string {
	if len(x.policies) > 0 {
		return x.policies
	}
	x.config.OffPolicy.Policies = nil
	texts := offPolicies(x.config)
	if x.frequencies != "" {
		texts = append(texts, policyFrequencies)
	}
	return texts
}

func (x *evaluating) take(s *ope.Settled, choices []ope.Choice) {
	for i := range choices {
		x.evaluations[i].Add(s, &choices[i])
	}
}

// table counts the exposures of the log that -frequencies names; nil where it names none.
func (x *evaluating) table(ctx context.Context) (*ope.Frequencies, error) {
	if x.frequencies == "" {
		return nil, nil
	}
	belongs := func(event.Attributes) bool { return true }
	if x.ofThose != "" {
		var err error
		if belongs, err = contextIs(x.ofThose); err != nil {
			return nil, fmt.Errorf("-frequencies-only %w", err)
		}
	}
	validator, err := ingest.NewValidator(ingest.ValidatorOptions{Horizon: x.config.Horizon, MaxFuture: x.config.MaxFuture, ItemlessTypes: x.config.ItemlessTypes})
	if err != nil {
		return nil, err
	}
	files, err := ingest.NewFiles(validator, ingest.FilesOptions{Events: []string{x.frequencies}, MaxRecordBytes: int(x.config.Limits.RecordBytes)})
	if err != nil {
		return nil, err
	}
	table := ope.NewFrequencies()
	err = relay(ctx, files, nil, func(b *ingest.Batch) error {
		for i := range b.Records {
			if e := b.Records[i].Event; e != nil && e.Type == "exposure" && belongs(e.Context) {
				table.Add(e.Position, e.Item)
			}
		}
		return nil
	})
	if err == nil && table.N() == 0 {
		err = fmt.Errorf("-frequencies %s: it shows nothing of what -frequencies-only asks for", x.frequencies)
	}
	return table, err
}

// place makes the temporary data directory; release removes it.
func (x *evaluating) place() (release func() error, err error) {
	if x.data != "" {
		b, err := borrowHistory(x.data)
		if err != nil {
			return nil, err
		}
		x.config.Data = b.dir
		return b.Close, nil
	}
	if err := x.check(); err != nil {
		return nil, err
	}
	if x.config.Data, err = os.MkdirTemp("", "recsvc-ope-"); err != nil {
		return nil, err
	}
	return func() error { return os.RemoveAll(x.config.Data) }, nil
}

// source is what the engine reads.
func (x *evaluating) source(a *app, std stdio) (src ingest.Source, done func(), err error) {
	end := &closing{after: a.engine.Longest() + x.config.Lateness}
	if x.data == "" {
		bar := newProgress(std.err, x.json)
		if end.source, err = a.history(x.replayFlags, bar, std); err != nil {
			return nil, nil, err
		}
		if x.pending == "drop" {
			return ingest.Logged(end.source, a.sink), bar.done, nil
		}
		return ingest.Logged(end, a.sink), bar.done, nil
	}
	if err := a.wholeLog(); err != nil {
		return nil, nil, err
	}
	bar := newCount(std.err, x.json, "ope")
	end.source = a.upTo(a.wal.Next(), bar.reach)
	if x.pending == "close" { // the tick goes into the copy of the log
		return sourceFunc(end.pass).then(ingest.Logged(sourceFunc(end.end), a.sink)), bar.done, nil
	}
	return end.source, bar.done, nil
}

func (x *evaluating) report() *api.OffPolicy {
	out := &api.OffPolicy{Reward: x.target, Pending: x.collector.Pending()}
	for i, e := range x.evaluations {
		out.Policies = append(out.Policies, policyValue(x.names[i], e, ope.Bootstrap{Draws: x.draws, Seed: x.seed}))
	}
	return out
}
