package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"recsvc/internal/dirty"
)

func TestLoadGivesExactlyTheLastCommittedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	w := newWorld()
	for round := range 4 { // reopen in between
		s := openStore(t, dir, small())
		must(t, verifyStore(s))
		for range 7 {
			must(t, w.commit(s))
			must(t, verifyStore(s))
		}
		if meta, ok := s.Latest(); !ok || meta.Epoch != w.epoch {
			t.Fatalf("round %d: latest is %d, want %d", round, meta.Epoch, w.epoch)
		}
		closeStore(t, s)
	}
}

func TestFoldingLeavesOneFilePerRecentCheckpointAndTheSameContent(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, small())
	w := newWorld()
	for range 30 {
		must(t, w.commit(s))
		s.folder.Wait()
	}
	must(t, verifyStore(s))
	deltas := 0
	for _, name := range fileNames(t, dir) {
		if _, ok := parseDeltaName(name); ok {
			deltas++
		}
	}
	if deltas < 1 || deltas > 5 || s.folded.Epoch < 25 {
		t.Errorf("%d deltas, folded up to %d of 30", deltas, s.folded.Epoch)
	}
}

func TestAnEmptyDirectoryHoldsNothing(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "new", "dir"), small())
	if _, ok := s.Latest(); ok {
		t.Error("there is a checkpoint")
	}
	if got := s.Oldest(); len(got) != 0 {
		t.Errorf("oldest cursor %v", got)
	}
	must(t, verifyStore(s))
	if err := s.Rollback(); !errors.Is(err, ErrNoPrevious) {
		t.Errorf("roll back: %v", err)
	}
}

func TestACheckpointWithoutChangesMovesTheCursorOnly(t *testing.T) {
	s := openStore(t, t.TempDir(), small())
	w := newWorld()
	must(t, w.commit(s))
	meta := w.meta()
	meta.Cursor[0].Offset = 12345
	must(t, s.Begin().Commit(context.Background(), meta))
	got, _ := s.Latest()
	if got.Epoch != 2 || got.Cursor[0].Offset != 12345 || got.Bytes == 0 {
		t.Errorf("latest %+v", got)
	}
	must(t, s.Load(func(_, _ []byte, _ dirty.Sum) error { return nil }))
}

func TestTheLastPutOfAKeyCounts(t *testing.T) {
	s := openStore(t, t.TempDir(), small())
	c := s.Begin()
	key := []byte("k")
	c.Put(key, []byte("old"), dirty.SumOf(key, []byte("old")))
	c.Put(key, nil, dirty.Sum{})
	c.Put(key, []byte("new"), dirty.SumOf(key, []byte("new")))
	must(t, c.Commit(context.Background(), Meta{Digest: dirty.SumOf(key, []byte("new")), Entries: 1}))
	var got []byte
	must(t, s.Load(func(_, value []byte, _ dirty.Sum) error { got = bytes.Clone(value); return nil }))
	if string(got) != "new" {
		t.Errorf("loaded %q", got)
	}
}

func TestRollbackGoesBackOneCheckpoint(t *testing.T) {
	for _, folds := range []int{100, 1} {
		dir := t.TempDir()
		opts := small()
		opts.FoldCheckpoints = folds
		s := openStore(t, dir, opts)
		w := newWorld()
		for range 9 {
			must(t, w.commit(s))
		}
		if m, ok := s.Previous(); !ok || m.Epoch != 8 || s.Oldest().String() != m.Cursor.String() {
			t.Fatalf("previous is %d", m.Epoch)
		}
		must(t, s.Rollback())
		if m, _ := s.Latest(); m.Epoch != 8 {
			t.Fatalf("latest is %d", m.Epoch)
		}
		must(t, verifyStore(s))
		closeStore(t, s)

		s = openStore(t, dir, opts)
		must(t, verifyStore(s))
		must(t, worldAt(8).commit(s))
		must(t, verifyStore(s))
	}
}

func TestPagesReadsOnePrefixConsistentlyBesideCommits(t *testing.T) {
	s := openStore(t, t.TempDir(), small())
	w := newWorld()
	must(t, w.commit(s))
	var reading sync.WaitGroup
	stop := make(chan struct{})
	reading.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := verifyOnePrefix(s); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 40 {
		must(t, w.commit(s))
	}
	close(stop)
	reading.Wait()
	must(t, verifyOnePrefix(s))
}

// verifyOnePrefix checks that the entries under "w" are those of the checkpoint that Pages names.
func verifyOnePrefix(s *Store) error {
	before, _ := s.Latest()
	var got []string
	meta, err := s.Pages([]byte("w"), func(key, value []byte) error {
		got = append(got, string(key)+"="+string(value))
		return nil
	})
	if err != nil {
		return err
	}
	if after, _ := s.Latest(); meta.Epoch < before.Epoch || meta.Epoch > after.Epoch {
		return fmt.Errorf("epoch %d, read between %d and %d", meta.Epoch, before.Epoch, after.Epoch)
	}
	var want []string
	for k, v := range worldAt(meta.Epoch).content {
		if k[0] == 'w' {
			want = append(want, k+"="+v)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Errorf("the entries are not those of checkpoint %d", meta.Epoch)
	}
	return nil
}

func TestLoadReturnsTheErrorOfItsCallback(t *testing.T) {
	s := openStore(t, t.TempDir(), small())
	must(t, newWorld().commit(s))
	want := errors.New("enough")
	if err := s.Load(func(_, _ []byte, _ dirty.Sum) error { return want }); err != want {
		t.Errorf("got %v", err)
	}
}

func TestASecondOpenOfTheSameDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	openStore(t, dir, small())
	_, err := Open(dir, small())
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

func TestADirectoryThatIsNotOursIsRefused(t *testing.T) {
	for name, text := range map[string]string{"notes.txt": "x", formatName: "recsvc state 2\n"} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		if _, err := Open(dir, small()); !errors.Is(err, ErrFormat) {
			t.Errorf("with %s: %v", name, err)
		}
		if got := fileNames(t, dir); len(got) != 1 {
			t.Errorf("with %s: left %v", name, got)
		}
	}
}

func TestTooLittleSpaceIsRefusedBeforeAnythingIsMapped(t *testing.T) {
	opts := small()
	opts.MinFreeBytes = 1 << 60
	if _, err := Open(t.TempDir(), opts); !errors.Is(err, ErrDiskFull) {
		t.Errorf("got %v", err)
	}
}

func TestFoldingWaitsForSpace(t *testing.T) {
	s := openStore(t, t.TempDir(), small())
	s.opts.MinFreeBytes = 1 << 60
	if err := s.Ready(); !errors.Is(err, ErrDiskFull) {
		t.Errorf("ready: %v", err)
	}
	if err := s.Room(); !errors.Is(err, ErrDiskFull) {
		t.Errorf("room: %v", err)
	}
	w := newWorld()
	for range 8 {
		must(t, w.commit(s))
		s.folder.Wait()
	}
	if len(s.deltas) != 8 {
		t.Errorf("%d deltas, want all 8", len(s.deltas))
	}
	s.opts.MinFreeBytes = 1
	must(t, w.commit(s))
	s.folder.Wait()
	if s.folded.Epoch != 8 {
		t.Errorf("folded up to %d, want 8", s.folded.Epoch)
	}
	must(t, verifyStore(s))
}

// A fold takes seconds, in which somebody else can fill the disk.
func TestAFoldStopsWhenTheDiskFillsWhileItIsUnderWay(t *testing.T) {
	s := openStore(t, t.TempDir(), folding())
	fold, full := 0, true
	s.fault = func(p string, after bool) error {
		switch {
		case p == string(stepFoldScan) && !after:
			fold++
			if full {
				s.opts.MinFreeBytes = 1 << 60
			}
		case p == string(stepFoldWrite) && !after && full:
			t.Error("written to a full disk")
		}
		return nil
	}
	o := newOwner()
	commit := func() {
		t.Helper()
		must(t, o.commit(context.Background(), s))
		s.folder.Wait()
	}
	for fold == 0 {
		commit()
	}
	if s.folded.Epoch != 0 || !errors.Is(s.foldErr, ErrDiskFull) || s.retry != (retry{}) {
		t.Errorf("folded up to %d, %v, %+v", s.folded.Epoch, s.foldErr, s.retry)
	}
	must(t, o.verify(s))
	full, s.opts.MinFreeBytes = false, 1
	commit()
	if s.folded.Epoch == 0 {
		t.Errorf("not folded when there was room again: %v", s.foldErr)
	}
	must(t, o.verify(s))
}

func TestWhatAFoldWritesToHasItsPlaceOnTheDisk(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, folding())
	w := newWorld()
	for s.folded.Epoch == 0 {
		must(t, w.commit(s))
		s.folder.Wait()
	}
	logs, err := filepath.Glob(filepath.Join(dir, baseName, "*.mem"))
	must(t, err)
	if len(logs) == 0 {
		t.Fatal("badger has no write-ahead log")
	}
	info, err := os.Stat(logs[len(logs)-1])
	must(t, err)
	if taken := info.Sys().(*syscall.Stat_t).Blocks * 512; taken < info.Size() {
		t.Errorf("%s has %d bytes and %d of them on the disk", logs[len(logs)-1], info.Size(), taken)
	}
}

// Whoever closes a store on a full disk is about to end, and nothing may kill him on the way.
func TestClosingWritesNothingToAFullDisk(t *testing.T) {
	dir := t.TempDir()
	opts := folding()
	s, err := Open(dir, opts)
	must(t, err)
	o := newOwner()
	for s.folded.Epoch == 0 {
		must(t, o.commit(context.Background(), s))
		s.folder.Wait()
	}
	s.opts.MemTableBytes = 1 << 60
	if err := s.Close(); !errors.Is(err, ErrDiskFull) {
		t.Errorf("closed with %v", err)
	}
	left := t.TempDir() // whose lock nobody holds
	copyDir(t, dir, left)
	must(t, s.db.Close())
	must(t, o.verify(openStore(t, left, opts)))
}

func TestTheCheckpointAfterALostOneTakesItsPlace(t *testing.T) {
	for name, tc := range map[string]struct {
		lose func(*Checkpoint) error
		want error
	}{
		"aborted":   {func(c *Checkpoint) error { c.Abort(); return c.Commit(context.Background(), Meta{}) }, ErrAbandoned},
		"abandoned": {func(c *Checkpoint) error { c.Abandon(); return c.Commit(context.Background(), Meta{}) }, ErrAbandoned},
		"wrong tables": {func(c *Checkpoint) error {
			return c.Commit(context.Background(), Meta{Shards: []Shard{{'a', 1, dirty.Sum{}}}})
		}, nil},
		"too large": {func(c *Checkpoint) error {
			c.Put([]byte("k"), make([]byte, MaxValueBytes+1), dirty.Sum{})
			return c.Commit(context.Background(), Meta{})
		}, ErrTooLarge},
		"cancelled": {func(c *Checkpoint) error {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return c.Commit(ctx, Meta{})
		}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir(), small())
			w := newWorld()
			must(t, w.commit(s))
			c := s.Begin()
			c.Put([]byte("lost"), []byte("v"), dirty.Sum{})
			if err := tc.lose(c); err == nil || !errors.Is(err, tc.want) && tc.want != nil {
				t.Errorf("got %v", err)
			}
			<-c.Done()
			must(t, s.Ready())
			must(t, verifyStore(s))
			must(t, w.commit(s))
			must(t, verifyStore(s))
			must(t, verifyGet(s, w))
		})
	}
}

func TestMisusedCheckpointsSayWhy(t *testing.T) {
	s := openStore(t, t.TempDir(), small())
	ctx := context.Background()
	first, second := s.Begin(), s.Begin()
	second.Put([]byte("k"), []byte("v"), dirty.Sum{})
	if err := second.Commit(ctx, Meta{}); !errors.Is(err, ErrBusy) {
		t.Errorf("second open checkpoint: %v", err)
	}
	must(t, first.Commit(ctx, Meta{}))
	for range 3 {
		first.Put([]byte("late"), make([]byte, MaxValueBytes), dirty.Sum{})
	}
	if err := first.Commit(ctx, Meta{}); !errors.Is(err, ErrClosed) {
		t.Errorf("second commit: %v", err)
	}
	first.Abort()
	c := s.Begin()
	if err := c.Commit(ctx, Meta{Root: make([]byte, MaxRootBytes+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("large root: %v", err)
	}
	closeStore(t, s)
	if err := s.Begin().Commit(ctx, Meta{}); !errors.Is(err, ErrClosed) {
		t.Errorf("commit after close: %v", err)
	}
	if err := s.Load(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("load after close: %v", err)
	}
}

func TestCloseGivesUpAnOpenCheckpoint(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, small())
	w := newWorld()
	must(t, w.commit(s))
	w.step(s.Begin().Put)
	closeStore(t, s)
	must(t, verifyStore(openStore(t, dir, small())))
}

func TestPutWaitsWhenTheDiskIsBehindAndMemoryStaysBounded(t *testing.T) {
	opts := small()
	opts.QueueBytes = 3 * blockTarget
	s := openStore(t, t.TempDir(), opts)
	entered, release := make(chan struct{}, 100), make(chan struct{})
	s.fault = func(p string, after bool) error {
		if p == string(stepWrite) && !after {
			entered <- struct{}{}
			<-release
		}
		return nil
	}
	c := s.Begin()
	done := make(chan struct{})
	value := make([]byte, 512<<10)
	go func() {
		defer close(done)
		for i := range 20 {
			key := []byte{byte(i)}
			c.Put(key, value, dirty.SumOf(key, value))
		}
	}()
	<-entered // the disk hangs
	select {
	case <-done:
		t.Error("20 half-MiB entries were taken with 3 MiB of queue")
	case release <- struct{}{}: // ends only because it is released
	}
	close(release)
	<-done
	if c.blocks > 3 {
		t.Errorf("%d blocks made, want at most 3", c.blocks)
	}
	c.Abort()
}

func TestWrongOptionsAreNamed(t *testing.T) {
	for field, opts := range map[string]Options{
		"QueueBytes": {QueueBytes: -1}, "FoldBytes": {FoldBytes: -1}, "FoldCheckpoints": {FoldCheckpoints: 501},
		"IndexBytes": {IndexBytes: -1}, "MemTableBytes": {MemTableBytes: 1}, "MinFreeBytes": {MinFreeBytes: -1},
	} {
		if _, err := Open(t.TempDir(), opts); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestTwoStoresShareARegistryOnlyWhenToldTo(t *testing.T) {
	opts := small()
	opts.Registerer, opts.Log = prometheus.NewRegistry(), zap.NewNop()
	s := openStore(t, t.TempDir(), opts)
	openStore(t, t.TempDir(), small())
	must(t, newWorld().commit(s))
	families, err := opts.Registerer.(*prometheus.Registry).Gather()
	must(t, err)
	for _, f := range families {
		if name := f.GetName(); !strings.HasPrefix(name, "recsvc_state_") && !strings.HasPrefix(name, "recsvc_scrub_") || f.GetHelp() == "" {
			t.Errorf("metric %s: %q", f.GetName(), f.GetHelp())
		}
	}
	if len(families) == 0 {
		t.Error("no metrics")
	}
}

func TestBadgerIsNewEnough(t *testing.T) {
	// Older ones lose writes or bring deleted keys back: dgraph-io/badger #2143, #2310, #2312, #2327.
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	must(t, err)
	info, _ := debug.ReadBuildInfo()
	version := ""
	for _, d := range info.Deps {
		if d.Path == "github.com/dgraph-io/badger/v4" {
			version = d.Version
		}
	}
	for line := range strings.Lines(string(mod)) {
		if f := strings.Fields(line); version == "" && len(f) >= 2 && f[0] == "github.com/dgraph-io/badger/v4" {
			version = f[1]
		}
	}
	if !atLeast(version, [3]int{4, 9, 6}) {
		t.Errorf("badger is %q, want v4.9.6 or newer", version)
	}
}
