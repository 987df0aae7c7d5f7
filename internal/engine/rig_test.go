package engine

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
	"recsvc/internal/state"
	"recsvc/internal/validation"
)

// The test engine's bounds, shorter than the real ones so that a short stream reaches all of them.
const (
	lateness    = 2 * time.Second
	horizon     = time.Hour
	clickWindow = 2 * time.Minute
	dwellWindow = 5 * time.Minute
)

// definitions holds at least one feature of each kind and each owner of state.
func definitions() []features.Definition {
	prior := features.Prior{Strength: 5}
	return []features.Definition{
		{Name: "user", Kind: "attribute", Field: "user.id"},
		{Name: "category", Kind: "attribute", Field: "item.categories[0]"},
		{Name: "price", Kind: "attribute", Field: "item.price", As: "log"},
		{Name: "price_bucket", Kind: "bucketize", Inputs: []string{"price"}},
		{Name: "user_x_category", Kind: "cross", Inputs: []string{"user", "category"}},
		{Name: "item_age", Kind: "age", Field: "item.created", As: "log"},
		{Name: "user_shown", Kind: "count", Scope: []string{"user"}, On: features.On("exposure")},
		{Name: "item_views", Kind: "count", Scope: []string{"item"}, On: features.On("view")},
		{Name: "item_clicks_5m", Kind: "count", Scope: []string{"item"}, On: features.On("click"), Window: 5 * time.Minute, Slide: 30 * time.Second, As: "log"},
		{Name: "user_category_ctr", Kind: "rate", Scope: []string{"user", "item.categories[0]"}, Of: features.On("click"), Over: features.On("exposure"), Prior: prior, As: "log_odds"},
		{Name: "tab_ctr", Kind: "rate", Scope: []string{"context.tab"}, Of: features.On("click"), Over: features.On("exposure"), HalfLife: 10 * time.Minute, Prior: prior, As: "log_odds"},
		{Name: "user_last", Kind: "last_k", Scope: []string{"user"}, On: features.On("exposure"), Outcomes: []string{"click"}, N: 3, As: "outcomes"},
		{Name: "user_gap", Kind: "time_since", Scope: []string{"user"}, On: features.On("exposure"), As: "log"},
		{Name: "item_dwell", Kind: "mean", Scope: []string{"item"}, On: features.On("dwell"), Prior: prior, As: "log"},
	}
}

func heads() []feedback.HeadOptions { return headsOf("ctr") }

// headsOf are the two heads that every model of the rigs has.
func headsOf(models ...string) (heads []feedback.HeadOptions) {
	least := 10.0
	for _, name := range models {
		heads = append(heads,
			feedback.HeadOptions{Name: FlatName(name, "click"), Positive: []feedback.Label{{Type: "click"}}, Window: clickWindow},
			feedback.HeadOptions{
				Name: FlatName(name, "long_dwell"), Positive: []feedback.Label{{Type: "dwell", Min: &least}}, Window: dwellWindow, Delay: feedback.Close,
			})
	}
	return heads
}

// ctrModel is a model with the heads of headsOf.
func ctrModel(t *testing.T, name string, bits int, alpha float64) *model.Model {
	t.Helper()
	rate := model.Hyper{Alpha: alpha, Beta: 1}
	return must(model.New(model.Options{Name: name, Bits: bits, Heads: []model.HeadOptions{
		{Name: "click", Hyper: rate}, {Name: "long_dwell", Hyper: rate},
	}}))(t)
}

// rig is an engine with real rooms in a directory.
type rig struct {
	*Engine
	t     *testing.T
	store *state.Store
	snaps *state.Snapshots
}

// openRig opens the engine of dir. The caller closes it, or runs it with records, which does.
func openRig(t *testing.T, dir string, change ...func(*Options)) *rig {
	t.Helper()
	r, err := tryRig(t, dir, change...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryRig(t *testing.T, dir string, change ...func(*Options)) (*rig, error) {
	t.Helper()
	return tryRigOf(t, dir, definitions(), change...)
}

// tryRigOf is tryRig under the given definitions.
func tryRigOf(t *testing.T, dir string, defs []features.Definition, change ...func(*Options)) (*rig, error) {
	t.Helper()
	return tryRigWith(t, dir, rigParts(t, defs), change...)
}

// tryRigWith is tryRig with other rooms, but for those that need a place on disk.
func tryRigWith(t *testing.T, dir string, parts Parts, change ...func(*Options)) (*rig, error) {
	t.Helper()
	opts := rigOptions()
	opts.Feedback.Heads = nil
	for _, m := range parts.Models {
		opts.Feedback.Heads = append(opts.Feedback.Heads, headsOf(m.Name())...)
	}
	r := &rig{t: t, snaps: must(state.NewSnapshots(filepath.Join(dir, "snapshots")))(t)}
	opts.Snapshots = r.snaps
	for _, f := range change {
		f(&opts)
	}
	parts.Letters = must(ingest.NewDeadLetters(ingest.DeadLettersOptions{Keep: 50}))(t)
	parts.State = must(state.Open(filepath.Join(dir, "state"), state.Options{MemTableBytes: 8 << 20, MinFreeBytes: 1}))(t)
	r.store = parts.State
	e, err := Open(parts, opts)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.Engine = e
	return r, nil
}

func rigOptions() Options {
	return Options{
		Feedback: feedback.Options{Heads: heads(), ExposureWait: 3 * time.Second, LateMemory: horizon, ServedIsExposure: map[string]bool{"auto": true}},
		Interval: time.Hour, // tests force their checkpoints
	}
}

// rigParts are the rooms of a rig without a place on disk.
func rigParts(t *testing.T, defs []features.Definition) Parts {
	t.Helper()
	return Parts{
		Features: must(features.New(defs, features.Options{}))(t),
		Models:   []*model.Model{ctrModel(t, "ctr", 14, 0.1)},
		Clock:    must(ingest.NewClock(ingest.ClockOptions{Lateness: lateness, Horizon: horizon}))(t),
		Dedup:    must(ingest.NewDedup(ingest.DedupOptions{Horizon: horizon}))(t),
	}
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (r *rig) close() error { return errors.Join(r.store.Close(), r.snaps.Close()) }

// run applies the part of the log that the state lacks, in batches of the given sizes, and closes everything.
func (r *rig) run(log []event.Record, sizes ...int) outcomeOf {
	r.t.Helper()
	if err := r.Run(r.t.Context(), &memory{log: log, sizes: sizes}); err != nil {
		r.t.Fatal(err)
	}
	return r.outcome()
}

// outcomeOf is what must not depend on how the records of a log came to be applied.
type outcomeOf struct {
	checkpoint CheckpointStatus
	status     Status
	heads      []validation.Metrics
	days       [][]validation.Day
	joined     feedback.Counters
}

// outcome closes a rig whose Run has ended and says what has become of it.
func (r *rig) outcome() outcomeOf {
	r.t.Helper()
	out := outcomeOf{status: r.Status(), joined: r.joiner.Counters()}
	out.checkpoint, _ = r.LastCheckpoint()
	for _, m := range r.Models {
		for _, h := range m.Heads() {
			out.heads = append(out.heads, h.Validation().Total())
			out.days = append(out.days, h.Validation().Days())
		}
	}
	if err := errors.Join(out.joined.Check(), out.status.RecordsLaw); err != nil {
		r.t.Error(err)
	}
	if err := r.close(); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// sameAs compares all but what tells of this process alone.
func (o outcomeOf) sameAs(t *testing.T, want outcomeOf) {
	t.Helper()
	if o.checkpoint.Digest != want.checkpoint.Digest || o.checkpoint.Entries != want.checkpoint.Entries {
		t.Errorf("digest %x of %d entries, want %x of %d", o.checkpoint.Digest, o.checkpoint.Entries, want.checkpoint.Digest, want.checkpoint.Entries)
	}
	if got, want := o.checkpoint.Cursor.String(), want.checkpoint.Cursor.String(); got != want {
		t.Errorf("cursor %s, want %s", got, want)
	}
	for i := range want.heads {
		if o.heads[i] != want.heads[i] {
			t.Errorf("head %d: metrics %+v, want %+v", i, o.heads[i], want.heads[i])
		}
		if !slices.Equal(o.days[i], want.days[i]) {
			t.Errorf("head %d: days %+v, want %+v", i, o.days[i], want.days[i])
		}
	}
	if got, want := counted(o.status), counted(want.status); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func counted(s Status) [6]uint64 {
	return [...]uint64{s.Applied, s.Duplicate, s.Late, s.DeadLettered, s.Served, s.Skewed}
}

// memory is a log in memory, as a source. It hands out what lies behind the cursor in batches of the given sizes, used
// in turn, and ends, unless follow is set.
type memory struct {
	log    []event.Record
	sizes  []int
	follow bool
}

// Run implements ingest.Source.
func (m *memory) Run(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
	rest := slices.DeleteFunc(slices.Clone(m.log), func(r event.Record) bool { return r.Offset < from.Offset(r.Partition) })
	for i := 0; len(rest) > 0; i++ {
		n := 64
		if len(m.sizes) > 0 {
			n = m.sizes[i%len(m.sizes)]
		}
		n = min(n, len(rest))
		select {
		case out <- &ingest.Batch{Records: rest[:n:n]}:
		case <-ctx.Done():
			return ctx.Err()
		}
		rest = rest[n:]
	}
	if m.follow {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// live is a log that a test appends to while the engine follows it.
type live struct {
	*rig
	batches chan *ingest.Batch
	log     []event.Record
	ended   chan error
	once    sync.Once
}

// follow runs the engine beside the test until stop.
func (r *rig) follow() *live {
	l := &live{rig: r, batches: make(chan *ingest.Batch), ended: make(chan error, 1)}
	go func() { l.ended <- r.Run(r.t.Context(), l) }()
	r.t.Cleanup(func() { l.once.Do(func() { close(l.batches) }) })
	return l
}

// Run implements ingest.Source.
func (l *live) Run(ctx context.Context, _ event.Cursor, out chan<- *ingest.Batch) error {
	for {
		select {
		case b, ok := <-l.batches:
			if !ok {
				return nil
			}
			select {
			case out <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// place gives records their places in the log of partition 0.
func place(log []event.Record, recs ...event.Record) []event.Record {
	for _, r := range recs {
		r.Offset = int64(len(log))
		log = append(log, r)
	}
	return log
}

// hand appends records to the log and does not wait for them.
func (l *live) hand(recs ...event.Record) event.Cursor {
	from := len(l.log)
	l.log = place(l.log, recs...)
	l.batches <- &ingest.Batch{Records: slices.Clone(l.log[from:])}
	return event.Cursor{{Partition: 0, Offset: int64(len(l.log))}}
}

// append appends records to the log and returns when they are applied.
func (l *live) append(recs ...event.Record) event.Cursor {
	l.t.Helper()
	c := l.hand(recs...)
	if err := l.Wait(l.t.Context(), c); err != nil {
		l.t.Fatal(err)
	}
	return c
}

// stop ends the log, which ends the engine.
func (l *live) stop() outcomeOf {
	l.t.Helper()
	l.once.Do(func() { close(l.batches) })
	if err := <-l.ended; err != nil {
		l.t.Fatal(err)
	}
	return l.outcome()
}

// vectors evaluates the features of one item for a user, as a reader beside the writer does; none for an unknown item.
func (r *rig) vectors(user, item string, context event.Attributes, now event.Time) (shared, own model.Vector) {
	q := r.Features.NewQuery()
	r.Features.RLock()
	defer r.Features.RUnlock()
	ref, ok := r.Features.LookupItem(item)
	if !ok {
		return shared, own
	}
	q.Begin(user, context, now)
	var v features.Vector
	shared = model.Vector(q.Shared())
	q.Item(&v, ref)
	return shared, model.Vector(v)
}

// predict is the prediction of every head for an item, as lists are scored.
func (r *rig) predict(user, item string, now event.Time) []float32 {
	shared, own := r.vectors(user, item, nil, now)
	p := make([]float32, len(r.Models[0].Heads()))
	r.Models[0].Predict(p, shared, own)
	return p
}

// weight returns the weight in the click head of a numeric feature that is not 0 for the user and item now.
func (r *rig) weight(feature, user, item string, now event.Time) float32 {
	r.t.Helper()
	q := r.Features.NewQuery()
	q.Trace(true)
	r.Features.RLock()
	defer r.Features.RUnlock()
	ref, ok := r.Features.LookupItem(item)
	if !ok {
		r.t.Fatalf("item %q is unknown", item)
	}
	q.Begin(user, nil, now)
	var own features.Vector
	shared := q.Shared()
	names := q.SlotNames()
	q.Item(&own, ref)
	for i, c := range r.Models[0].Head(0).Explain(nil, model.Vector(shared), model.Vector(own)) {
		if i == len(names) {
			names = append(names, q.SlotNames()...)
		}
		if names[i] == feature {
			return c.Weight
		}
	}
	r.t.Fatalf("feature %q is 0", feature)
	return 0
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

// failing is a source that breaks where another one ends.
type failing struct {
	*memory
	err error
}

// Run implements ingest.Source.
func (f failing) Run(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
	return errors.Join(f.memory.Run(ctx, from, out), f.err)
}
