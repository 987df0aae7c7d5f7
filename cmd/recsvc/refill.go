package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"recsvc/internal/config"
	"recsvc/internal/dirty"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/ingest"
	"recsvc/internal/state"
)

const refillHelp = `
Makes the state of changed features from the log, in a data directory that no server has open, and puts it in the place of that
of the former features; what only removed features had is dropped. All else stays as it is: weights, joins, ids, clock. Afterwards
recsvc serve with the same configuration starts at once. A server does the same by itself, beside its work, when it is started under changed
features; this command is for those who have the time now, or not the memory for both at once.

The log must have everything from its first record on, or -archive what it lacks. It may be interrupted at any time: the data directory is that of before until the last moment, and the next call goes on
where this one has stopped. A progress bar is shown on a terminal.`

func refillCommand(ctx context.Context, args []string, std stdio) error {
	fs := flags("backfill", refillHelp, std)
	file := fs.String("config", "", "configuration `FILE` with the changed features; the built-in one when absent")
	fs.String("data", "", "data `DIR`ectory")
	archive := fs.String("archive", "", "archive `DIR`ectory (recsvc archive) of what the log no longer holds")
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	c, err := loadConfig(*file, given(fs, "data"))
	if err != nil {
		return err
	}
	log, err := newLogger("warn", std.err)
	if err != nil {
		return err
	}
	r, err := openRefill(c, *archive, log)
	if err != nil {
		return err
	}
	done, err := r.run(ctx, newCount(std.err, false, "backfill"))
	if err = joinClose(err, r.app); err != nil {
		return err
	}
	return done.write(std.out)
}

// refill is a backfill of a data directory that nobody serves.
type refill struct {
	*app
	archive string // holds what the log has lost; empty: nothing
	to      declared
	meta    state.Meta // of the last checkpoint
	made    bool       // it is of the configured features already
}

// refilled is what a refill has done.
type refilled struct {
	dir      string
	features int
	records  int64 // 0: there was nothing to do
	entries  int64
	digest   dirty.Sum
	took     time.Duration
}

func (d *refilled) write(w io.Writer) error {
	if d.records == 0 {
		_, err := fmt.Fprintf(w, "the state in %s is of the configured features already\n", d.dir)
		return err
	}
	_, err := fmt.Fprintf(w, "%d features made from %d records in %v: %d entries, digest %v\n", d.features, d.records,
		d.took.Round(time.Millisecond), d.entries, d.digest)
	return err
}

// openRefill opens log and state, and refuses what cannot be filled.
func openRefill(c *config.Config, archive string, log *zap.Logger) (*refill, error) {
	if len(c.Kafka.Brokers) > 0 {
		return nil, errors.New("with Kafka the log is a topic, of which nobody knows whether it still has everything: recsvc backfill " +
			"reads the embedded log only")
	}
	r := &refill{app: &app{config: c, log: log, registry: prometheus.NewRegistry()}, archive: archive, to: declare(c)}
	if err := r.open(); err != nil {
		return nil, joinClose(err, r.app)
	}
	return r, nil
}

func (r *refill) open() (err error) {
	if _, err := newFeatures(r.config, nil); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(r.config.Data, marker)); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if _, err := os.Stat(r.markPath()); err == nil {
		return fmt.Errorf("the state in %s was found damaged: start the server, which mends it", r.config.Data)
	}
	limitMemory(memoryBudget(r.config))
	if err := errors.Join(r.endRebuild(), r.openLog()); err != nil {
		return err
	}
	if r.state, err = state.Open(r.stateDir(), r.stateOptions()); err != nil {
		return err
	}
	r.onClose("state", r.state.Close)
	return r.judge()
}

func (r *refill) stateOptions() state.Options {
	return state.Options{
		MinFreeBytes: int64(r.config.Limits.FreeBytes), FoldCheckpoints: tuning.foldCheckpoints, Log: r.log,
	}
}

// judge says why the state cannot be filled, if it cannot.
func (r *refill) judge() error {
	meta, ok := r.state.Latest()
	if !ok || meta.Cursor.Offset(0) == 0 {
		return fmt.Errorf("%s holds no checkpoint: recsvc serve learns from the log by itself", r.stateDir())
	}
	r.meta = meta
	if r.made = meta.Definitions == r.to.hash(); r.made {
		return nil
	}
	from, err := declaredBy(meta)
	switch end := meta.Cursor.Offset(0); {
	case err != nil:
		return fmt.Errorf("%w: recsvc serve learns all anew from the log", err)
	case !from.moves(r.to):
		return errors.New("all models, or feedback, lateness or horizon have changed as well, not the features alone: weights and joins are " +
			"worth nothing then, and recsvc serve learns all anew from the log")
	case len(meta.Shards) == 0:
		return errors.New("the checkpoint is of an older version of recsvc: start a server under the former configuration and stop it, which writes a newer one")
	case !r.logIsWhole() && r.archive == "":
		return fmt.Errorf("the log in %s begins at record %d: features cannot be made without what came before; name an archive of it with -archive",
			filepath.Join(r.config.Data, logName), r.wal.First())
	case r.wal.Next() < end:
		return fmt.Errorf("the log in %s ends at record %d, and the state has seen those up to %d", filepath.Join(r.config.Data, logName), r.wal.Next(), end)
	}
	return nil
}

// past is where the records up to the checkpoint are read from: the archive, as far as it goes, and then the log.
func (r *refill) past() ingest.Source {
	if r.archive == "" {
		return r.source
	}
	return sourceFunc(func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
		archive, err := ingest.NewArchive([]string{r.archive}, ingest.ArchiveOptions{})
		if err != nil {
			return err
		}
		next := from.Offset(0)
		err = relay(ctx, archive, from, func(b *ingest.Batch) error {
			for i := range b.Records {
				if at := b.Records[i].Offset; at != next {
					return fmt.Errorf("the archive in %s lacks the records %d to %d: features cannot be made without them", r.archive, next, at-1)
				}
				next++
			}
			return hand(ctx, out, b)
		})
		if err == nil && next < r.wal.First() {
			err = fmt.Errorf("the archive in %s ends at record %d, and the log begins at %d only: features cannot be made without what lies between",
				r.archive, next, r.wal.First())
		}
		if err != nil {
			return err
		}
		return r.source.Run(ctx, event.Cursor{{Offset: next}}, out)
	})
}

func (r *refill) run(ctx context.Context, bar *bar) (_ *refilled, err error) {
	done := &refilled{dir: r.config.Data, features: len(r.config.Features)}
	if r.made {
		return done, r.clean("")
	}
	start := time.Now()
	if err := r.clean(r.aside()); err != nil {
		return nil, err
	}
	made, err := r.make(ctx, bar)
	if err != nil {
		return nil, err
	}
	r.onClose("new features", made.Close)
	if err := r.move(); err != nil {
		return nil, err
	}
	r.meta, _ = r.state.Latest()
	meta, err := r.replace(ctx, made)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(r.closeLast(), r.clean("")); err != nil {
		return nil, err
	}
	done.records, done.took = meta.Cursor.Offset(0), time.Since(start)
	done.entries, done.digest = meta.Entries, meta.Digest
	return done, nil
}

const asidePrefix = "backfill-"

// aside is the directory in which recsvc backfill makes the configured features.
func (a *app) aside() string {
	hash := definitionsHash(a.config)
	return filepath.Join(a.config.Data, fmt.Sprintf("%s%x", asidePrefix, hash[:6]))
}

// clean removes what other backfills have left; keep is the directory of this one, or empty.
func (r *refill) clean(keep string) error {
	dirs, err := filepath.Glob(filepath.Join(r.config.Data, asidePrefix+"*"))
	for _, dir := range dirs {
		if dir != keep {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}

// make runs the log up to the checkpoint through the features, in a state of their own. One that an earlier call has left goes on.
func (r *refill) make(ctx context.Context, bar *bar) (*state.Store, error) {
	made, err := r.makeIn(ctx, bar)
	if errors.Is(err, errOtherHistory) || errors.Is(err, engine.ErrDefinitions) || errors.Is(err, state.ErrCorrupt) {
		if err := os.RemoveAll(r.aside()); err != nil {
			return nil, err
		}
		made, err = r.makeIn(ctx, bar)
	}
	return made, err
}

// errOtherHistory reports a half-made state that has seen more than the state that it is for.
var errOtherHistory = errors.New("what an earlier backfill has left is ahead of the state")

func (r *refill) makeIn(ctx context.Context, bar *bar) (_ *state.Store, err error) {
	made, err := state.Open(r.aside(), r.stateOptions())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, made.Close())
		}
	}()
	e, err := r.openFiller(made)
	if err != nil {
		return nil, err
	}
	if !r.meta.Cursor.Covers(e.Applied()) {
		return nil, errOtherHistory
	}
	defer bar.done()
	if err := e.Run(ctx, upTo(r.past(), r.meta.Cursor, bar)); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("interrupted at %s of %s; the next call goes on from there: %w", e.Applied(), r.meta.Cursor, err)
		}
		return nil, err
	}
	if last, _ := made.Latest(); !last.Cursor.Covers(r.meta.Cursor) {
		return nil, fmt.Errorf("the features were made up to %s of %s only: is the disk of %s full?", last.Cursor, r.meta.Cursor, r.config.Data)
	}
	return made, nil
}

// openFiller opens the engine that makes the configured features.
func (r *refill) openFiller(made *state.Store) (*engine.Engine, error) {
	parts, err := newParts(r.config, made, nil)
	if err == nil {
		parts.Features, err = r.to.newStore(made) // one that tells nobody of the matches that it meets again
	}
	if err != nil {
		return nil, err
	}
	opts := r.engineOptions()
	opts.Definitions, opts.Declared, opts.FeaturesOnly = r.to.hash(), r.to.text(), true
	opts.Feedback.Cold, opts.Registerer, opts.Trim, opts.Start = made, nil, nil, event.Cursor{}
	return engine.Open(parts, opts)
}

// upTo is a source that ends at a place of the embedded log.
func upTo(src ingest.Source, end event.Cursor, bar *bar) ingest.Source {
	return sourceFunc(func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
		if from.Covers(end) {
			return nil
		}
		return relay(ctx, src, from, func(b *ingest.Batch) error {
			n := len(b.Records)
			for n > 0 && b.Records[n-1].Offset >= end.Offset(0) {
				n--
			}
			b.Records = b.Records[:n]
			if n > 0 {
				bar.reach(b.Records[n-1].Offset+1, end.Offset(0))
			}
			if err := hand(ctx, out, b); err != nil {
				return err
			}
			if n == 0 || b.Records[n-1].Offset+1 >= end.Offset(0) {
				return errEnough
			}
			return nil
		})
	})
}

// replace commits a checkpoint in which the features are those that were made, and all else as it was.
func (r *refill) replace(ctx context.Context, made *state.Store) (state.Meta, error) {
	if err := r.compare(made); err != nil {
		return state.Meta{}, err
	}
	cp := r.state.Begin()
	if err := r.put(cp, made); err != nil {
		cp.Abort()
		return state.Meta{}, err
	}
	if err := cp.Commit(ctx, r.replaced(made)); err != nil {
		return state.Meta{}, err
	}
	meta, _ := r.state.Latest()
	return meta, nil
}

// put writes what was made, and deletes what the state has and it has not.
func (r *refill) put(cp *state.Checkpoint, made *state.Store) error {
	var buf []byte
	for _, prefix := range features.Prefixes() {
		if _, err := made.Pages([]byte{prefix}, func(key, value []byte) error {
			cp.Put(key, value, dirty.SumOf(key, value))
			return nil
		}); err != nil {
			return err
		}
		if _, err := r.state.Pages([]byte{prefix}, func(key, _ []byte) error {
			value, _, ok, err := made.Get(buf[:0], key)
			if buf = value; err == nil && !ok {
				cp.Put(key, nil, dirty.Sum{})
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// replaced describes the checkpoint.
func (r *refill) replaced(made *state.Store) state.Meta {
	m, source := r.meta, shardsOf(made)
	m.Created, m.Definitions, m.Root = event.FromTime(time.Now()), r.to.hash(), r.to.text()
	if len(m.Root) > state.MaxRootBytes {
		m.Root = nil
	}
	m.Shards, m.Entries, m.Digest = nil, 0, dirty.Sum{}
	old := shardsOf(r.state)
	for p := range 256 {
		h, ok := old[byte(p)]
		if features.Owns(byte(p)) {
			h, ok = source[byte(p)]
		}
		if !ok {
			continue
		}
		m.Shards = append(m.Shards, h)
		m.Entries += h.Entries
		m.Digest.Add(h.Digest)
	}
	return m
}

func shardsOf(s *state.Store) map[byte]state.Shard {
	meta, _ := s.Latest()
	shards := make(map[byte]state.Shard, len(meta.Shards))
	for _, h := range meta.Shards {
		shards[h.Prefix] = h
	}
	return shards
}

// compare refuses what was not made of the state's own history: users and items must be the same, items under the same numbers.
func (r *refill) compare(made *state.Store) error {
	ours, theirs := shardsOf(r.state), shardsOf(made)
	for _, prefix := range features.Entities() {
		if a, b := ours[prefix].Entries, theirs[prefix].Entries; a != b {
			return fmt.Errorf("the state has %d entries of table %q, and the log makes %d: it is not the log of this state", a, prefix, b)
		}
	}
	var buf []byte
	for _, prefix := range features.Entities() {
		_, err := made.Pages([]byte{prefix}, func(key, value []byte) error {
			old, _, ok, err := r.state.Get(buf[:0], key)
			if buf = old; err != nil {
				return err
			}
			if !ok || features.StoredID(old) != features.StoredID(value) {
				return fmt.Errorf("entry %x is %q in the state, and the log makes %q of it: it is not the log of this state",
					key, features.StoredID(old), features.StoredID(value))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
