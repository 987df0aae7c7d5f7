package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestRecordsComeBackAsTheyWereAppended(t *testing.T) {
	for _, tc := range []struct {
		name  string
		opts  Options
		batch int
		size  int
	}{
		{"small records in one segment", Options{}, 100, 300},
		{"records longer than one read", Options{}, 1, 3 << 20},
		{"a segment for each batch", Options{SegmentBytes: 1}, 20, 300},
		{"segments of a few batches", Options{SegmentBytes: 10_000}, 20, 300},
		{"batches longer than the buffer", Options{BufferBytes: 100}, 20, 300},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, rng := t.TempDir(), rand.New(rand.NewPCG(1, 2))
			l := mustOpen(t, dir, tc.opts)
			var want [][]byte
			for range 20 {
				batch := somePayloads(rng, tc.batch, tc.size)
				if first := mustAppend(t, l, batch...); first != int64(len(want)) {
					t.Fatalf("first = %d, want %d", first, len(want))
				}
				want = append(want, batch...)
			}
			samePayloads(t, mustRead(t, l, 0), want)
			samePayloads(t, mustRead(t, l, 7), want[7:])
			mustClose(t, l)

			l = mustOpen(t, dir, tc.opts)
			if n := int64(len(want)); l.First() != 0 || l.Next() != n || l.Durable() != n {
				t.Fatalf("after reopening: first %d, next %d, durable %d, want 0, %d, %d", l.First(), l.Next(), l.Durable(), n, n)
			}
			if l.Repaired() != (Repair{}) {
				t.Fatalf("a log that was closed was repaired: %+v", l.Repaired())
			}
			samePayloads(t, mustRead(t, l, 0), want)
			if _, err := l.Verify(t.Context(), VerifyOptions{}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAppendCopiesThePayloads(t *testing.T) {
	l := mustOpen(t, t.TempDir(), Options{})
	p := []byte("before")
	mustAppend(t, l, p)
	copy(p, "after!")
	samePayloads(t, mustRead(t, l, 0), [][]byte{[]byte("before")})
}

func TestEarlierBatchesOfAReaderStayAsTheyWere(t *testing.T) {
	l, rng := mustOpen(t, t.TempDir(), Options{SegmentBytes: 300_000}), rand.New(rand.NewPCG(3, 4))
	want := somePayloads(rng, 9000, 500)
	for i := 0; i < len(want); i += 1000 {
		mustAppend(t, l, want[i:i+1000]...)
	}
	got := mustRead(t, l, 0) // keeps all batches to the end
	samePayloads(t, got, want)
}

func TestAReaderFollowsWhatIsAppended(t *testing.T) {
	l := mustOpen(t, t.TempDir(), Options{SegmentBytes: 5000})
	const n = 3000
	r, err := l.Reader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		for i := range n {
			if _, err := l.Append(context.Background(), [][]byte{fmt.Append(nil, i)}); err != nil {
				t.Error(err)
			}
		}
	}()
	for next := int64(0); next < n; {
		b, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range b.Payloads {
			if string(p) != fmt.Sprint(b.First+int64(i)) {
				t.Fatalf("record %d is %q", b.First+int64(i), p)
			}
		}
		next = b.Next()
	}
}

// Random appends from many goroutines against the obvious model: a list under a lock.
func TestConcurrentAppendsKeepOneContiguousOrder(t *testing.T) {
	l := mustOpen(t, t.TempDir(), Options{SegmentBytes: 20_000, BufferBytes: 4000})
	var mu sync.Mutex
	twin := map[int64][]byte{}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 5))
			for range 150 {
				batch := somePayloads(rng, rng.IntN(20), 200)
				first, err := l.Append(t.Context(), batch)
				if err == nil && rng.IntN(3) == 0 {
					err = l.Wait(t.Context(), first+int64(len(batch)))
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for i, p := range batch {
					if _, taken := twin[first+int64(i)]; taken {
						t.Errorf("place %d was given twice", first+int64(i))
					}
					twin[first+int64(i)] = p
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	want := make([][]byte, len(twin))
	for seq, p := range twin {
		if seq >= int64(len(want)) {
			t.Fatalf("place %d of %d: there is a gap", seq, len(want))
		}
		want[seq] = p
	}
	if err := l.Wait(t.Context(), l.Next()); err != nil {
		t.Fatal(err)
	}
	samePayloads(t, mustRead(t, l, 0), want)
}

// gate holds up an operation of a memFS.
type gate struct {
	op   string
	once sync.Once
	open chan struct{}
}

func (g *gate) fault(op, _ string) error {
	if op == g.op {
		<-g.open
	}
	return nil
}

// gatedLog is open in memory; operations op wait until the gate is opened.
func gatedLog(t *testing.T, op string, opts Options) (*Log, *gate) {
	files, g := newMemFS(), &gate{op: op, open: make(chan struct{})}
	opts.FS = files
	l := mustOpen(t, t.TempDir(), opts)
	files.fault = g.fault // nothing is under way
	t.Cleanup(g.release)
	return l, g
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

func TestARecordCanBeReadBeforeItIsSyncedAndIsAcknowledgedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, g := gatedLog(t, "sync", Options{})
		defer l.Close()
		defer g.release()
		if _, err := l.Append(t.Context(), [][]byte{[]byte("a")}); err != nil {
			t.Fatal(err)
		}
		samePayloads(t, mustRead(t, l, 0), [][]byte{[]byte("a")})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := l.Wait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || l.Durable() != 0 {
			t.Fatalf("while the sync is under way: Wait = %v, Durable = %d", err, l.Durable())
		}
		g.release()
		if err := l.Wait(t.Context(), 1); err != nil || l.Durable() != 1 {
			t.Fatalf("after the sync: Wait = %v, Durable = %d", err, l.Durable())
		}
	})
}

func TestWhatIsAppendedDuringASyncSharesTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		l, g := gatedLog(t, "sync", Options{Registerer: reg})
		defer l.Close()
		defer g.release()
		go func() { _ = l.Wait(t.Context(), 1) }()
		for range 50 {
			if _, err := l.Append(t.Context(), [][]byte{[]byte("abc")}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the first is in its sync before the others come
		}
		if got := mustRead(t, l, 0); len(got) != 50 || l.Durable() != 0 {
			t.Errorf("during the sync %d records can be read, %d are durable; want 50, 0", len(got), l.Durable())
		}
		g.release()
		if err := l.Wait(t.Context(), 50); err != nil {
			t.Fatal(err)
		}
		mustClose(t, l)
		want := `
			# HELP recsvc_wal_records_total Records written to the log.
			# TYPE recsvc_wal_records_total counter
			recsvc_wal_records_total 50
			# HELP recsvc_wal_written_bytes_total Bytes of records written to the log, frames included.
			# TYPE recsvc_wal_written_bytes_total counter
			recsvc_wal_written_bytes_total 1000
			# HELP recsvc_wal_pending_bytes Bytes appended but not yet written.
			# TYPE recsvc_wal_pending_bytes gauge
			recsvc_wal_pending_bytes 0
			# HELP recsvc_wal_segments Segment files of the log.
			# TYPE recsvc_wal_segments gauge
			recsvc_wal_segments 1
			# HELP recsvc_wal_size_bytes Size of the log on disk.
			# TYPE recsvc_wal_size_bytes gauge
			recsvc_wal_size_bytes 1064
			# HELP recsvc_wal_sync_seconds Duration of one sync of the log; one for each group of records.
		`
		names := []string{"recsvc_wal_records_total", "recsvc_wal_written_bytes_total", "recsvc_wal_pending_bytes", "recsvc_wal_segments", "recsvc_wal_size_bytes"}
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), names...); err != nil {
			t.Error(err)
		}
		if n := syncs(t, reg); n != 2 {
			t.Errorf("50 appends took %d syncs, want 2", n)
		}
	})
}

func TestWhatNobodyWaitsForIsSyncedInGoodTimeAndTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		l := mustOpen(t, t.TempDir(), Options{FS: newMemFS(), Registerer: reg, SyncDelay: 50 * time.Millisecond})
		defer l.Close()
		begin := syncs(t, reg)
		for range 20 {
			if _, err := l.Append(t.Context(), [][]byte{[]byte("abc")}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond)
		}
		if got := l.Durable(); got != 0 {
			t.Errorf("%d records were synced before their time", got)
		}
		time.Sleep(11 * time.Millisecond)
		synctest.Wait()
		if got, n := l.Durable(), syncs(t, reg)-begin; got != 20 || n != 1 {
			t.Errorf("after the delay %d of 20 records are durable, by %d syncs; want all, by one", got, n)
		}
		if _, err := l.Append(t.Context(), [][]byte{[]byte("abc")}); err != nil {
			t.Fatal(err)
		}
		asked := time.Now()
		if err := l.Wait(t.Context(), 21); err != nil || time.Since(asked) != 0 {
			t.Errorf("Wait = %v after %v: who asks need not wait for the delay", err, time.Since(asked))
		}
	})
}

func syncs(t *testing.T, reg *prometheus.Registry) uint64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "recsvc_wal_sync_seconds" {
			return f.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	t.Fatal("no recsvc_wal_sync_seconds")
	return 0
}

func TestAppendBlocksWhileTheBufferIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, g := gatedLog(t, "write", Options{BufferBytes: 1000})
		defer l.Close()
		defer g.release()
		batch := [][]byte{make([]byte, 300)}
		for range 3 {
			if _, err := l.Append(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := l.Append(ctx, batch); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("fourth append = %v, want it to wait for room", err)
		}
		if l.Next() != 3 {
			t.Fatalf("an append that gave up took a place: next = %d", l.Next())
		}
		g.release()
		if first, err := l.Append(t.Context(), batch); first != 3 || err != nil {
			t.Fatalf("append after the write = %d, %v", first, err)
		}
	})
}

func TestCloseMakesEverythingDurableAndWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, files := t.TempDir(), newMemFS()
		l := mustOpen(t, dir, Options{FS: files})
		r, err := l.Reader(0)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := l.Wait(context.Background(), 100); !errors.Is(err, ErrClosed) {
				t.Errorf("Wait for a record that never came = %v", err)
			}
		})
		wg.Go(func() {
			for next := int64(0); ; {
				b, err := r.Read(context.Background())
				if err != nil {
					if !errors.Is(err, ErrClosed) || next != 2 {
						t.Errorf("after %d records Read = %v", next, err)
					}
					return
				}
				next = b.Next()
			}
		})
		if _, err := l.Append(t.Context(), [][]byte{[]byte("a"), []byte("b")}); err != nil {
			t.Fatal(err)
		}
		mustClose(t, l)
		wg.Wait()
		mustClose(t, l) // again
		if _, err := l.Append(t.Context(), [][]byte{nil}); !errors.Is(err, ErrClosed) {
			t.Errorf("Append after Close = %v", err)
		}
		if err := l.TrimBefore(2); !errors.Is(err, ErrClosed) {
			t.Errorf("TrimBefore after Close = %v", err)
		}
		if err := l.Wait(t.Context(), 2); err != nil {
			t.Errorf("Wait after Close for what is durable = %v", err)
		}
		after := mustOpen(t, dir, Options{FS: files.powerLoss(rand.New(rand.NewPCG(1, 1)))})
		samePayloads(t, mustRead(t, after, 0), [][]byte{[]byte("a"), []byte("b")})
		mustClose(t, after)
	})
}

func TestPlacesOutsideTheLogAreRefused(t *testing.T) {
	l := mustOpen(t, t.TempDir(), Options{SegmentBytes: 1, RetainBytes: 1})
	mustAppend(t, l, []byte("a"))
	mustAppend(t, l, []byte("b"))
	if err := l.TrimBefore(1); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reader(0); !errors.Is(err, ErrTruncated) {
		t.Errorf("Reader(0) of a log that begins at 1 = %v", err)
	}
	if _, err := l.Reader(3); !errors.Is(err, ErrAhead) {
		t.Errorf("Reader(3) of a log that ends at 2 = %v", err)
	}
	if _, err := l.Append(t.Context(), [][]byte{make([]byte, MaxRecordBytes+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Append of too long a record = %v", err)
	}
	if first, err := l.Append(t.Context(), nil); first != 2 || err != nil {
		t.Errorf("Append of nothing = %d, %v", first, err)
	}
}

func TestTheLongestRecordFits(t *testing.T) {
	l := mustOpen(t, t.TempDir(), Options{BufferBytes: 1})
	p := bytes.Repeat([]byte("x"), MaxRecordBytes)
	mustAppend(t, l, p)
	samePayloads(t, mustRead(t, l, 0), [][]byte{p})
}

func TestADirectoryIsOpenedOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "log")
	l := mustOpen(t, dir, Options{})
	_, err := Open(dir, Options{})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("second Open = %v, want ErrInUse with the directory's name", err)
	}
	mustAppend(t, l, []byte("still works"))
	mustClose(t, l)
	mustOpen(t, dir, Options{})
}

func TestWrongOptionsAreNamed(t *testing.T) {
	for name, opts := range map[string]Options{
		"SegmentBytes": {SegmentBytes: -1}, "BufferBytes": {BufferBytes: -1},
		"RetainBytes": {RetainBytes: -1}, "RetainAge": {RetainAge: -1},
	} {
		if _, err := Open(t.TempDir(), opts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Open with a wrong %s = %v", name, err)
		}
	}
}
