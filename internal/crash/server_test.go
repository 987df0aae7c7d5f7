package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
	"recsvc/internal/state"
	"recsvc/internal/validation"
	"recsvc/internal/wal"
)

// The bounds of time, shorter than the real ones so that a short stream reaches all of them.
const (
	lateness    = 2 * time.Second
	horizon     = time.Hour
	clickWindow = 2 * time.Minute
	dwellWindow = 5 * time.Minute
)

// definitions holds a feature of each kind and each owner of state.
func definitions() []features.Definition {
	prior := features.Prior{Strength: 5}
	return []features.Definition{
		{Name: "user", Kind: "attribute", Field: "user.id"},
		{Name: "category", Kind: "attribute", Field: "item.categories[0]"},
		{Name: "price", Kind: "attribute", Field: "item.price", As: "log"},
		{Name: "user_x_category", Kind: "cross", Inputs: []string{"user", "category"}},
		{Name: "user_shown", Kind: "count", Scope: []string{"user"}, On: features.On("exposure")},
		{Name: "item_clicks_5m", Kind: "count", Scope: []string{"item"}, On: features.On("click"), Window: 5 * time.Minute, Slide: 30 * time.Second, As: "log"},
		{Name: "user_category_ctr", Kind: "rate", Scope: []string{"user", "item.categories[0]"}, Of: features.On("click"), Over: features.On("exposure"), Prior: prior, As: "log_odds"},
		{Name: "tab_ctr", Kind: "rate", Scope: []string{"context.tab"}, Of: features.On("click"), Over: features.On("exposure"), HalfLife: 10 * time.Minute, Prior: prior, As: "log_odds"},
		{Name: "user_last", Kind: "last_k", Scope: []string{"user"}, On: features.On("exposure"), Outcomes: []string{"click"}, N: 3, As: "outcomes"},
		{Name: "item_dwell", Kind: "mean", Scope: []string{"item"}, On: features.On("dwell"), Prior: prior, As: "log"},
	}
}

// join holds a head that corrects what it has learned, and one that waits until its window closes.
func join(b budget, cold *state.Store) feedback.Options {
	least := 10.0
	o := feedback.Options{
		Heads: []feedback.HeadOptions{
			{Name: "ctr/click", Positive: []feedback.Label{{Type: "click"}}, Window: clickWindow},
			{Name: "ctr/long_dwell", Positive: []feedback.Label{{Type: "dwell", Min: &least}}, Window: dwellWindow, Delay: feedback.Close},
		},
		ExposureWait: 3 * time.Second, LateMemory: horizon, ServedIsExposure: map[string]bool{"auto": true},
	}
	if b.joins > 0 {
		o.Cold, o.Bytes = cold, b.joins
	}
	return o
}

// budget is how much memory users and pending impressions may take, in bytes. 0: any.
type budget struct{ users, joins int64 }

// machine is what outlives a server: its disks, and how often what was survived.
type machine struct {
	dir  string
	disk *disk
	seen sync.Map // offset: the record that the engine was handed last, in its binary form

	look     func(step string) error // before and after each step of engine and state; nil: nobody looks on
	budget   budget
	interval time.Duration // between checkpoints
	logger   *zap.Logger   // nil: silent
}

// newMachine returns one with empty disks, in memory where the system has room for files there.
func newMachine(t *testing.T) *machine {
	t.Helper()
	return &machine{dir: scratch(t), disk: newDisk(), interval: time.Hour}
}

// scratch is a directory of the test's own: in memory if possible, since badger writes more than the tests are about.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "recsvc-crash-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// server is the whole server but for HTTP.
type server struct {
	*machine
	wal      *wal.Log
	log      *ingest.Embedded
	intake   *ingest.Intake
	store    *state.Store
	snaps    *state.Snapshots
	features *features.Store
	model    *model.Model
	letters  *ingest.DeadLetters
	*engine.Engine

	rolledBack bool
	failing    atomic.Bool // checkpoints are to fail
	cancel     context.CancelFunc
	ended      chan struct{} // closed when the engine has; the error below is good then
	endedWith  error
}

// start opens everything and lets the engine follow the log.
func (m *machine) start() (*server, error) {
	s := &server{machine: m, ended: make(chan struct{})}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.ended)
		s.endedWith = s.Run(ctx, m.recorded(s.log))
	}()
	return s, nil
}

func (s *server) open() (err error) {
	s.wal, err = wal.Open(s.dir, s.logOptions())
	if err != nil {
		return err
	}
	if s.log, err = ingest.NewEmbedded(s.wal, ingest.EmbeddedOptions{Workers: 1}); err != nil {
		return err
	}
	v, err := ingest.NewValidator(ingest.ValidatorOptions{Horizon: horizon})
	if err != nil {
		return err
	}
	if s.intake, err = ingest.NewIntake(v, ingest.IntakeOptions{MaxRecordBytes: 4 << 10}); err != nil {
		return err
	}
	if s.snaps, err = state.NewSnapshots(filepath.Join(s.dir, "snapshots")); err != nil {
		return err
	}
	err = s.openEngine()
	if errors.Is(err, state.ErrCorrupt) && s.store != nil {
		s.rolledBack = true
		if err := errors.Join(s.store.Rollback(), s.store.Close()); err != nil {
			return err
		}
		err = s.openEngine()
	}
	if err != nil {
		return err
	}
	if seen, end := s.Applied().Offset(0), s.wal.Next(); seen > end {
		return fmt.Errorf("the state has seen %d records, the log has %d", seen, end)
	}
	return nil
}

func (s *server) openEngine() (err error) {
	parts, err := newParts(filepath.Join(s.dir, "state"), s.stateOptions(), s.budget)
	if err != nil {
		return err
	}
	s.store, s.features, s.model, s.letters = parts.State, parts.Features, parts.Models[0], parts.Letters
	s.Engine, err = engine.Open(parts, engine.Options{
		Feedback: join(s.budget, parts.State), Interval: s.interval, MinPause: time.Millisecond, Snapshots: s.snaps, Logger: s.logger, Start: event.Cursor{{Offset: s.wal.First()}},
		Durable: func(ctx context.Context, c event.Cursor) error {
			if s.failing.Load() {
				return errFault
			}
			return s.log.Wait(ctx, c)
		},
		Trim:  func(c event.Cursor) error { return s.wal.TrimBefore(c.Offset(0)) },
		Fault: func(step engine.Step, after bool) { _ = s.step("engine: "+string(step), after) },
	})
	return err
}

func (m *machine) logOptions() wal.Options {
	o := wal.Options{SegmentBytes: 16 << 10, SyncDelay: time.Millisecond, RetryDelay: time.Millisecond}
	if m.disk != nil {
		o.FS, o.RetainBytes = m.disk, 48<<10
	}
	return o
}

// step passes a step on to the test that looks on.
func (m *machine) step(name string, after bool) error {
	if m.look == nil {
		return nil
	}
	if after {
		name += ", after"
	} else {
		name += ", before"
	}
	return m.look(name)
}

func (m *machine) stateOptions() state.Options {
	return state.Options{
		MemTableBytes: 8 << 20, MinFreeBytes: 1, FoldCheckpoints: 2,
		Fault: func(step string, after bool) error { return m.step("state: "+step, after) },
	}
}

// newParts makes new and empty rooms over a state directory.
func newParts(dir string, opts state.Options, b budget) (p engine.Parts, err error) {
	var errs [6]error
	var readers features.Options
	p.State, errs[5] = state.Open(dir, opts)
	if b.users > 0 {
		readers.Cold, readers.UserBytes = p.State, b.users
	}
	p.Features, errs[0] = features.New(definitions(), readers)
	ctr, err := model.New(model.Options{Name: "ctr", Bits: 12, Heads: []model.HeadOptions{
		{Name: "click", Hyper: model.Hyper{Alpha: 0.1, Beta: 1}}, {Name: "long_dwell", Hyper: model.Hyper{Alpha: 0.1, Beta: 1}},
	}})
	p.Models, errs[1] = []*model.Model{ctr}, err
	p.Clock, errs[2] = ingest.NewClock(ingest.ClockOptions{Lateness: lateness, Horizon: horizon})
	p.Dedup, errs[3] = ingest.NewDedup(ingest.DedupOptions{Horizon: horizon})
	p.Letters, errs[4] = ingest.NewDeadLetters(ingest.DeadLettersOptions{Keep: 50})
	return p, errors.Join(errs[:]...)
}

// recorded is a source that remembers what it hands out. What lies before the place where a server starts is durable, and
// what does not last is handed out anew: in the end the memory is what the log has, or had before it was trimmed.
func (m *machine) recorded(src ingest.Source) ingest.Source {
	return sourceFunc(func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
		batches, ended := make(chan *ingest.Batch), make(chan error, 1)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			ended <- src.Run(ctx, from, batches)
			close(batches)
		}()
		for b := range batches {
			if ctx.Err() != nil {
				continue // nothing may follow on what was not taken
			}
			for i := range b.Records {
				m.seen.Store(b.Records[i].Offset, event.AppendRecord(nil, &b.Records[i]))
			}
			select {
			case out <- b:
			case <-ctx.Done():
			}
		}
		return <-ended
	})
}

type sourceFunc func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error

// Run implements ingest.Source.
func (f sourceFunc) Run(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
	return f(ctx, from, out)
}

// stop ends the server in good order: the writer leaves a last checkpoint.
func (s *server) stop() error {
	err := s.end()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, s.close())
}

// end ends the engine and says what it ended with.
func (s *server) end() error {
	s.cancel()
	<-s.ended
	return s.endedWith
}

// abandon ends a server that is dead or has failed, and says what its engine ended with. Whatever it still does, the disk
// of its log takes no notice.
func (s *server) abandon() error {
	s.disk.kill()
	err := s.end()
	_ = s.close() // what is closed badly is found when it is opened again
	return err
}

func (s *server) close() error {
	var errs []error
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.snaps != nil {
		errs = append(errs, s.snaps.Close())
	}
	if s.wal != nil {
		errs = append(errs, s.wal.Close())
	}
	return errors.Join(errs...)
}

// records returns all that the log ever had, in its order.
func (m *machine) records(end int64) (recs []event.Record, err error) {
	for offset := range end {
		b, ok := m.seen.Load(offset)
		if !ok {
			return nil, fmt.Errorf("record %d was never handed out", offset)
		}
		r := event.Record{Offset: offset}
		if err := event.DecodeRecord(b.([]byte), &r); err != nil {
			return nil, err
		}
		recs = append(recs, r)
	}
	return recs, nil
}

// outcome is what must not depend on how the records of a log came to be applied.
type outcome struct {
	Digest  string
	Entries int64
	Cursor  string
	Counts  [6]uint64
	Heads   []validation.Metrics
	Weights string // all that are not blank
}

// outcomeOf describes an engine that has written its last checkpoint, after a scrub.
func outcomeOf(e *engine.Engine, store *state.Store) (o outcome, err error) {
	if _, err := store.Scrub(context.Background(), state.ScrubOptions{}); err != nil {
		return o, err
	}
	c, ok := e.LastCheckpoint()
	if !ok {
		return o, errors.New("there is no checkpoint")
	}
	s := e.Status()
	o = outcome{
		Digest: fmt.Sprintf("%016x%016x", c.Digest.Hi, c.Digest.Lo), Entries: c.Entries, Cursor: c.Cursor.String(),
		Counts: [6]uint64{s.Applied, s.Duplicate, s.Late, s.DeadLettered, s.Served, s.Skewed},
	}
	for _, h := range e.Models[0].Heads() {
		o.Heads = append(o.Heads, h.Validation().Total())
	}
	var weights bytes.Buffer
	_, err = store.Pages([]byte{'w'}, func(key, value []byte) error {
		fmt.Fprintf(&weights, "%x %x\n", key, value)
		return nil
	})
	o.Weights = weights.String()
	return o, err
}

// twin is what one engine that nothing happens to makes of the records.
func (m *machine) twin(t *testing.T, recs []event.Record) outcome {
	t.Helper()
	dir := scratch(t)
	parts, err := newParts(dir, state.Options{MemTableBytes: 8 << 20, MinFreeBytes: 1}, budget{})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.State.Close()
	snaps, err := state.NewSnapshots(filepath.Join(m.dir, "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	defer snaps.Close()
	e, err := engine.Open(parts, engine.Options{Feedback: join(budget{}, nil), Interval: time.Hour, Snapshots: snaps})
	if err == nil {
		err = e.Run(t.Context(), sourceFunc(func(ctx context.Context, _ event.Cursor, out chan<- *ingest.Batch) error {
			out <- &ingest.Batch{Records: recs}
			return nil
		}))
	}
	if err != nil {
		t.Fatalf("the twin: %v", err)
	}
	o, err := outcomeOf(e, parts.State)
	if err != nil {
		t.Fatalf("the twin: %v", err)
	}
	return o
}

// differences names the fields that differ; "" when there are none.
func (o outcome) differences(want outcome) string {
	var d []string
	add := func(what string, got, want any) {
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			if what == "weights" {
				g, w = "some", "others"
			}
			d = append(d, fmt.Sprintf("%s %s, the twin has %s", what, g, w))
		}
	}
	add("digest", o.Digest, want.Digest)
	add("entries", o.Entries, want.Entries)
	add("cursor", o.Cursor, want.Cursor)
	add("counts", o.Counts, want.Counts)
	add("metrics", o.Heads, want.Heads)
	add("weights", o.Weights, want.Weights)
	return strings.Join(d, "\n")
}
