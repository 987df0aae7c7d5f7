package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// session is a short life of a log: it opens, appends, rotates, trims, verifies and closes, up to the first
// error. It returns what was appended, by place, and the place below which all was acknowledged.
func session(dir string, files FS, rng *rand.Rand) (appended map[int64][]byte, acknowledged int64, err error) {
	appended = map[int64][]byte{}
	ctx := context.Background()
	l, err := Open(dir, Options{FS: files, SegmentBytes: 3000, RetainBytes: 9000})
	if err != nil {
		return appended, 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for range 12 {
		batch, next := somePayloads(rng, 1+rng.IntN(8), 900), l.Next()
		for i, p := range batch {
			appended[next+int64(i)] = p
		}
		first, err := l.Append(ctx, batch)
		if err != nil {
			return appended, acknowledged, err
		}
		if first != next {
			return appended, acknowledged, fmt.Errorf("first = %d, want %d", first, next)
		}
		if rng.IntN(3) == 0 {
			continue
		}
		end := first + int64(len(batch))
		if err := l.Wait(ctx, end); err != nil {
			return appended, acknowledged, err
		}
		acknowledged = end
		if err := l.TrimBefore(end / 2); err != nil {
			return appended, acknowledged, err
		}
	}
	_, err = l.Verify(ctx, VerifyOptions{})
	return appended, acknowledged, err
}

// holds checks that the log on files has every acknowledged record that retention left, and nothing that was
// not appended.
func holds(t *testing.T, dir string, files FS, appended map[int64][]byte, acknowledged int64) {
	t.Helper()
	l, err := Open(dir, Options{FS: files})
	if err != nil {
		t.Fatalf("open again: %v", err)
	}
	defer l.Close()
	if l.Next() < acknowledged || l.First() > acknowledged/2 {
		t.Fatalf("log holds records %d to %d, %d were acknowledged", l.First(), l.Next(), acknowledged)
	}
	got, err := readAll(t.Context(), l, l.First())
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range got {
		if want, ok := appended[l.First()+int64(i)]; !ok || !bytes.Equal(p, want) {
			t.Fatalf("record %d is not what was appended", l.First()+int64(i))
		}
	}
}

// One after the other, every operation on the file system fails once.
func TestNoSingleFailureLosesAnAcknowledgedRecord(t *testing.T) {
	for n := int64(1); ; n++ {
		files := newMemFS()
		var ops atomic.Int64
		var failed atomic.Value
		files.fault = func(op, path string) error {
			if ops.Add(1) != n {
				return nil
			}
			failed.Store(op + " " + path)
			return errFault
		}
		dir := t.TempDir()
		appended, acknowledged, err := session(dir, files, rand.New(rand.NewPCG(9, 10)))
		if failed.Load() == nil {
			if err != nil {
				t.Fatalf("without a fault: %v", err)
			}
			if n < 50 {
				t.Fatalf("only %d operations: the session does too little", n)
			}
			return
		}
		if !errors.Is(err, errFault) {
			t.Fatalf("operation %d, %v, failed and the session returned %v", n, failed.Load(), err)
		}
		files.fault = nil
		holds(t, dir, files, appended, acknowledged)
	}
}

// The power fails at every operation in turn, and the disk keeps any of the sectors that were not synced.
func TestPowerLossKeepsWhatWasAcknowledged(t *testing.T) {
	seeds := uint64(6)
	if testing.Short() {
		seeds = 1
	}
	torn := 0
	for seed := range seeds {
		for n, done := int64(1), false; !done; n++ {
			files := newMemFS()
			rng := rand.New(rand.NewPCG(seed, uint64(n)))
			var ops atomic.Int64
			files.fault = func(op, _ string) error {
				switch k := ops.Add(1); {
				case k < n:
					return nil
				case k == n && op == "write":
					return nil // it reaches the cache, and the power fails before what comes next
				default:
					return errFault
				}
			}
			dir := t.TempDir()
			appended, acknowledged, err := session(dir, files, rand.New(rand.NewPCG(seed, 11)))
			done = err == nil
			image := files.powerLoss(rng)
			torn += image.torn
			holds(t, dir, image, appended, acknowledged)
		}
	}
	if torn == 0 {
		t.Error("no power loss ever tore a file: the test proves nothing")
	}
}

func TestAfterAFailedSyncTheLogHasFailedForGood(t *testing.T) {
	for _, op := range []string{"write", "sync"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				files, dir := newMemFS(), t.TempDir()
				l := mustOpen(t, dir, Options{FS: files, BufferBytes: 100})
				mustAppend(t, l, []byte("kept"))
				r, err := l.Reader(1)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				fail := make(chan struct{})
				var asked atomic.Int64
				files.fault = func(o, _ string) error {
					if o != op {
						return nil
					}
					asked.Add(1)
					<-fail
					return errFault
				}
				results := make(chan error, 5)
				for _, size := range []int{30, 30, 80, 30} { // the buffer has room for the first two
					go func() {
						first, err := l.Append(t.Context(), [][]byte{make([]byte, size)})
						if err == nil {
							err = l.Wait(t.Context(), first+1)
						}
						results <- err
					}()
					synctest.Wait()
				}
				go func() {
					for {
						if _, err := r.Read(t.Context()); err != nil {
							results <- err
							return
						}
					}
				}()
				synctest.Wait()
				close(fail)
				for range cap(results) {
					if err := <-results; !errors.Is(err, errFault) {
						t.Errorf("after the failure: %v", err)
					}
				}
				if _, err := l.Append(t.Context(), [][]byte{[]byte("late")}); !errors.Is(err, errFault) {
					t.Errorf("Append to a failed log = %v", err)
				}
				if err := l.Wait(t.Context(), 1); err != nil {
					t.Errorf("Wait for what was durable before = %v", err)
				}
				if err := l.Close(); !errors.Is(err, errFault) {
					t.Errorf("Close of a failed log = %v", err)
				}
				if n := asked.Load(); n != 1 {
					t.Errorf("%s was tried %d times, want once", op, n)
				}
			})
		})
	}
}

func TestASyncUnderWayStillCountsWhenTheNextWriteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newMemFS()
		l := mustOpen(t, t.TempDir(), Options{FS: files})
		finish, writes := make(chan struct{}), 0
		files.fault = func(op, _ string) error {
			switch op {
			case "sync":
				<-finish
			case "write":
				if writes++; writes == 2 {
					return errFault
				}
			}
			return nil
		}
		first := make(chan error)
		go func() { first <- l.Wait(t.Context(), 1) }()
		for range 2 {
			if _, err := l.Append(t.Context(), [][]byte{[]byte("a")}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if err := l.Wait(t.Context(), 2); !errors.Is(err, errFault) {
			t.Errorf("Wait for the failed write = %v", err)
		}
		close(finish)
		if err := <-first; err != nil || l.Durable() != 1 {
			t.Errorf("Wait for the write before = %v, durable = %d", err, l.Durable())
		}
		if err := l.Close(); !errors.Is(err, errFault) {
			t.Errorf("Close = %v", err)
		}
	})
}

// While a sync is slow several writes follow it, and a power loss may keep a later one and lose an earlier.
func TestPowerLossDuringASlowSyncKeepsAPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, files, finish := t.TempDir(), newMemFS(), make(chan struct{})
		l := mustOpen(t, dir, Options{FS: files})
		mustAppend(t, l, []byte("durable"))
		files.fault = func(op, _ string) error {
			if op == "sync" {
				<-finish
			}
			return nil
		}
		appended := map[int64][]byte{0: []byte("durable")}
		for i := range int64(6) {
			appended[1+i] = bytes.Repeat([]byte{byte('a' + i)}, 2000)
			if _, err := l.Append(t.Context(), [][]byte{appended[1+i]}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		var images []*memFS
		for seed := range uint64(100) {
			images = append(images, files.powerLoss(rand.New(rand.NewPCG(seed, 15))))
		}
		close(finish)
		mustClose(t, l) // lets the directory go
		for _, image := range images {
			holds(t, dir, image, appended, 1)
		}
	})
}
