package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/ingest"
	"recsvc/internal/state"
	"recsvc/internal/wal"
)

// A child is this binary again, as a server that follows the log of a directory to its end and panics at a step.
const (
	childDir   = "RECSVC_CRASH_CHILD"
	childStep  = "RECSVC_CRASH_STEP"
	childCount = "RECSVC_CRASH_COUNT" // the step's occurrence at which it panics
)

// stepHandOut is the one step that belongs to neither engine nor state.
const stepHandOut = "ingest: decode and hand out"

// allSteps are all places at which a process may end.
func allSteps() (steps []string) {
	names := []string{stepHandOut}
	for _, s := range engine.Steps() {
		names = append(names, "engine: "+string(s))
	}
	for _, s := range state.Steps() {
		names = append(names, "state: "+s)
	}
	for _, s := range names {
		steps = append(steps, s+", before", s+", after")
	}
	return steps
}

func childMain(dir string) {
	count := 0
	_, _ = fmt.Sscan(os.Getenv(childCount), &count)
	var calls atomic.Int64
	m := &machine{dir: dir, interval: time.Hour}
	m.look = func(step string) error {
		if count > 0 && step == os.Getenv(childStep) && calls.Add(1) == int64(count) {
			panic("injected at " + step)
		}
		return nil
	}
	s := &server{machine: m}
	err := s.open()
	if err == nil {
		err = s.Run(context.Background(), s.inSteps())
	}
	if count > 0 && calls.Load() >= int64(count) {
		select {} // one goroutine panics while others see its channels closed: the process ends in a moment
	}
	if err := errors.Join(err, s.close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// inSteps hands out what the log has, with a checkpoint after every few records and time for the folds.
func (s *server) inSteps() ingest.Source {
	return sourceFunc(func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
		for next, end := from.Offset(0), s.wal.Next(); next < end; {
			_ = s.step(stepHandOut, false)
			recs, err := readLog(ctx, s.wal, next, min(next+25, end))
			if err != nil {
				return err
			}
			out <- &ingest.Batch{Records: recs}
			_ = s.step(stepHandOut, true)
			next += int64(len(recs))
			if err := s.Wait(ctx, event.Cursor{{Offset: next}}); err != nil {
				return err
			}
			if _, err := s.Checkpoint(ctx); err != nil {
				return err
			}
			if err := s.awaitFold(); err != nil {
				return err
			}
		}
		return nil
	})
}

// awaitFold returns when no more checkpoints are left than may be without a fold.
func (s *server) awaitFold() error {
	for {
		deltas, err := filepath.Glob(filepath.Join(s.dir, "state", "*.delta"))
		if err != nil || len(deltas) <= 3 {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// readLog reads records of the log.
func readLog(ctx context.Context, w *wal.Log, from, to int64) (recs []event.Record, err error) {
	r, err := w.Reader(from)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for from < to {
		b, err := r.Read(ctx)
		if err != nil {
			return nil, err
		}
		for i := 0; i < len(b.Payloads) && from < to; i++ {
			rec := event.Record{Offset: from}
			if err := event.DecodeRecord(b.Payloads[i], &rec); err != nil {
				return nil, err
			}
			recs = append(recs, rec)
			from++
		}
	}
	return recs, nil
}

// stream is n records or a few more with everything in them, as the intake makes them.
func stream(t *testing.T, seed uint64, n int) (recs []event.Record) {
	t.Helper()
	v, err := ingest.NewValidator(ingest.ValidatorOptions{Horizon: horizon})
	if err != nil {
		t.Fatal(err)
	}
	in, err := ingest.NewIntake(v, ingest.IntakeOptions{MaxRecordBytes: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	g := newTraffic(seed)
	add := func(p post) {
		some, err := p.judged(in, g.now)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range some {
			r.Offset = int64(len(recs))
			recs = append(recs, r)
		}
	}
	add(g.catalogue())
	for len(recs) < n {
		switch g.rng.IntN(10) {
		case 0:
			add(g.tick(2 * time.Minute))
		case 1, 2:
			served, items, user, request := g.list(func(string, string, event.Time) float64 { return 0.5 })
			add(served)
			add(body(event.KindEvent, g.shown(request, user, items)))
		default:
			add(g.next())
		}
	}
	add(g.tick(dwellWindow + lateness + time.Second))
	return recs
}

// write puts records into the log of a machine's directory.
func (m *machine) write(t *testing.T, recs []event.Record) {
	t.Helper()
	w, err := wal.Open(m.dir, m.logOptions())
	if err != nil {
		t.Fatal(err)
	}
	log, err := ingest.NewEmbedded(w, ingest.EmbeddedOptions{})
	if err == nil {
		_, err = log.Append(t.Context(), recs)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
}

// asLeft is what the state of a machine says that nobody runs. All of it is read and checked.
func (m *machine) asLeft(t *testing.T) outcome {
	t.Helper()
	s := &server{machine: m}
	err := s.open()
	var o outcome
	if err == nil {
		o, err = outcomeOf(s.Engine, s.store)
	}
	if err := errors.Join(err, s.close()); err != nil {
		t.Fatal(err)
	}
	return o
}

// runChild runs a child to its end and reports whether that was the panic it was to end in.
func runChild(t *testing.T, dir, step string, count int) (panicked bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+dir, childStep+"="+step, childCount+"="+fmt.Sprint(count))
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &stderr
	err := cmd.Run()
	switch {
	case err == nil:
		return false
	case strings.Contains(stderr.String(), "panic: injected at "+step):
		return true
	}
	t.Fatalf("%s: the child ended with %v: %s", step, err, stderr.String())
	return false
}

// One process after the other works on the same directory and ends in a panic, before and after each step of the way of a
// record and of a checkpoint. When the log is at its end the state must be the twin's; then it is made anew from the log.
func TestAPanicAtAnyStepCostsNothingButTime(t *testing.T) {
	recs := stream(t, 5, 1000)
	m := &machine{dir: scratch(t), interval: time.Hour}
	m.write(t, recs)
	want := m.twin(t, recs)
	judge := func() {
		if d := m.asLeft(t).differences(want); d != "" {
			t.Fatal(d)
		}
		if err := os.RemoveAll(filepath.Join(m.dir, "state")); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	panics, steps := 0, allSteps()
	for round := range Times(1, 10) {
		for _, step := range steps {
			count := 1
			if round > 0 {
				count += rng.IntN(4)
			}
			reached := false
			for range 2 { // with what is left of the log it may not come so far
				if reached = runChild(t, m.dir, step, count); reached {
					panics++
					break
				}
				judge()
			}
			if !reached && round == 0 {
				t.Errorf("no process came to %q", step)
			}
		}
	}
	runChild(t, m.dir, "", 0)
	judge()
	Count(t, "panics at steps survived", panics)
	Count(t, "steps, before and after", len(steps))
}
