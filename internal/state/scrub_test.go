package state

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"recsvc/internal/dirty"
)

// folded makes a store with some checkpoints in badger and some in deltas.
func folded(t *testing.T, dir string, opts Options) (*Store, *world) {
	t.Helper()
	s := openStore(t, dir, opts)
	w := newWorld()
	for range 12 {
		must(t, w.commit(s))
		s.folder.Wait()
	}
	if s.folded.Epoch == 0 || len(s.deltas) < 2 {
		t.Fatalf("folded up to %d, %d deltas: the test shows nothing", s.folded.Epoch, len(s.deltas))
	}
	return s, w
}

func scrubStore(s *Store) (ScrubReport, error) { return s.Scrub(context.Background(), ScrubOptions{}) }

func TestAScrubOfAWholeStateReportsAllOfIt(t *testing.T) {
	dir := t.TempDir()
	s, w := folded(t, dir, small())
	closeStore(t, s)
	s = openStore(t, dir, small()) // so that badger has tables
	r, err := scrubStore(s)
	must(t, err)
	var least int64 = deltaBytes(s.deltas)
	for k, v := range w.content {
		least += int64(len(k) + len(v))
	}
	if r.Epoch != w.epoch || r.Entries != int64(len(w.content)) || r.Bytes < least || r.Took <= 0 {
		t.Errorf("report %+v, want epoch %d, %d entries, at least %d bytes", r, w.epoch, len(w.content), least)
	}
	m := s.metrics
	if testutil.ToFloat64(m.scrubs.WithLabelValues("ok")) != 1 || testutil.ToFloat64(m.scrubBytes) != float64(r.Bytes) ||
		time.Since(time.Unix(int64(testutil.ToFloat64(m.scrubSuccess)), 0)) > time.Hour {
		t.Error("metrics differ")
	}
	empty := openStore(t, t.TempDir(), small())
	if r, err := scrubStore(empty); err != nil || r.Epoch != 0 || r.Entries != 0 {
		t.Errorf("an empty store: %+v, %v", r, err)
	}
}

func TestAScrubFindsEveryFlippedBitOfADelta(t *testing.T) {
	dir := t.TempDir()
	s, _ := folded(t, dir, small())
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 { // in the files that the store has open
		d := s.deltas[rng.IntN(len(s.deltas))]
		whole, err := os.ReadFile(d.path)
		must(t, err)
		at := rng.IntN(len(whole))
		if rng.IntN(4) == 0 {
			at = rng.IntN(deltaHeader)
		}
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << rng.IntN(8)
		must(t, os.WriteFile(d.path, flipped, 0o600))
		if _, err := scrubStore(s); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) ||
			!strings.Contains(err.Error(), filepath.Base(d.path)) {
			t.Errorf("%s, byte %d: %v", d.path, at, err)
		}
		must(t, os.WriteFile(d.path, whole, 0o600))
	}
	if got := testutil.ToFloat64(s.metrics.scrubs.WithLabelValues("damaged")); got != 200 {
		t.Errorf("%v of 200 counted as damaged", got)
	}
	_, err := scrubStore(s)
	must(t, err)
}

func TestAScrubFindsWhatANewerEntryHides(t *testing.T) {
	s := openStore(t, t.TempDir(), small())
	key := []byte("k")
	for _, value := range []string{"a value that is hidden", "a newer one"} {
		c := s.Begin()
		sum := dirty.SumOf(key, []byte(value))
		c.Put(key, []byte(value), sum)
		must(t, c.Commit(context.Background(), Meta{Entries: 1, Digest: sum}))
	}
	// As a broken memory would write it: the block's checksum is right, the entry's is not.
	d := s.deltas[0]
	whole, err := os.ReadFile(d.path)
	must(t, err)
	b := &block{buf: whole[deltaHeader:d.commit], records: 1}
	b.buf[len(b.buf)-1] ^= 1
	b.seal(blockEntries)
	must(t, os.WriteFile(d.path, whole, 0o600))
	must(t, s.Load(func(_, _ []byte, _ dirty.Sum) error { return nil }))
	if _, err := scrubStore(s); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "entry 6b") {
		t.Errorf("got %v", err)
	}
}

func TestAScrubFindsWhatBadgerLostAndNamesTheTable(t *testing.T) {
	s, _ := folded(t, t.TempDir(), small())
	must(t, s.db.DropPrefix([]byte("ew")))
	_, err := scrubStore(s)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), `table "w"`) || !strings.Contains(err.Error(), remedy) {
		t.Errorf("got %v", err)
	}
}

func TestAScrubFindsAFlippedBitInATableOfBadger(t *testing.T) {
	dir := t.TempDir()
	s, _ := folded(t, dir, small())
	closeStore(t, s)
	found, refused := 0, 0
	rng := rand.New(rand.NewPCG(5, 5))
	for range 10 {
		damaged := t.TempDir()
		copyDir(t, dir, damaged)
		paths, err := filepath.Glob(filepath.Join(damaged, baseName, "*.sst"))
		must(t, err)
		if len(paths) == 0 {
			t.Fatal("no tables")
		}
		flip(t, paths[rng.IntN(len(paths))], rng)
		s, err := Open(damaged, small())
		if err != nil {
			refused++
			continue
		}
		if _, err := scrubStore(s); !errors.Is(err, ErrCorrupt) {
			t.Errorf("scrub says %v", err)
		}
		found++
		closeStore(t, s)
	}
	t.Logf("%d found, %d refused by Open", found, refused)
	if found == 0 {
		t.Error("none came as far as a scrub")
	}
}

func TestAScrubBesideCommitsAndFoldsSeesOneCheckpoint(t *testing.T) {
	s := openStore(t, t.TempDir(), folding())
	w := newWorld()
	must(t, w.commit(s))
	done := make(chan error)
	go func() {
		var err error
		for range 20 {
			if err == nil {
				_, err = scrubStore(s)
			}
		}
		done <- err
	}()
	for {
		select {
		case err := <-done:
			must(t, err)
			return
		default:
			must(t, w.commit(s))
		}
	}
}

func TestAScrubKeepsToItsPace(t *testing.T) {
	now := time.Unix(1000, 0)
	var slept time.Duration
	opts := small()
	opts.Clock = func() time.Time { return now }
	s, _ := folded(t, t.TempDir(), opts)
	const rate = 10_000
	r, err := s.Scrub(context.Background(), ScrubOptions{
		BytesPerSecond: rate,
		Sleep: func(_ context.Context, d time.Duration) error {
			now, slept = now.Add(d), slept+d
			return nil
		},
	})
	must(t, err)
	want := time.Duration(r.Bytes) * time.Second / rate
	if diff := want - slept; diff < 0 || diff > minPause {
		t.Errorf("slept for %v, want %v for %d bytes", slept, want, r.Bytes)
	}
	if r.Took != slept {
		t.Errorf("took %v, want %v", r.Took, slept)
	}
}

func TestAScrubStopsWhenItIsToldTo(t *testing.T) {
	s, _ := folded(t, t.TempDir(), small())
	sleeping := make(chan struct{})
	slow := ScrubOptions{BytesPerSecond: 1, Sleep: func(ctx context.Context, d time.Duration) error {
		close(sleeping)
		return sleep(ctx, d)
	}}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-sleeping; cancel() }()
	if _, err := s.Scrub(ctx, slow); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	sleeping = make(chan struct{})
	closed := make(chan struct{})
	go func() { defer close(closed); <-sleeping; closeStore(t, s) }()
	if _, err := s.Scrub(context.Background(), slow); !errors.Is(err, ErrClosed) {
		t.Errorf("while closing: %v", err)
	}
	<-closed
	if got := testutil.ToFloat64(s.metrics.scrubs.WithLabelValues("stopped")); got != 2 {
		t.Errorf("%v counted as stopped, want 2", got)
	}
	if _, err := scrubStore(s); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	if err := sleep(context.Background(), time.Nanosecond); err != nil {
		t.Error(err)
	}
}

func TestAFileThatCannotBeReadIsAFailedScrubNotADamage(t *testing.T) {
	if got := scrubResult(&fs.PathError{Op: "read", Err: errInjected}); got != "failed" {
		t.Errorf("got %q", got)
	}
}
