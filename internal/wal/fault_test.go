package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// history is what the lives of a log were told.
type history struct {
	appended     map[int64][]byte // by place
	acknowledged int64            // all below was
	trimmed      int64            // retention was allowed to remove what lies below
}

func newHistory() *history { return &history{appended: map[int64][]byte{}} }

// session is a short life of a log: it opens, appends, rotates, trims, verifies and closes, up to the first error.
func (h *history) session(dir string, files FS, rng *rand.Rand) (err error) {
	ctx := context.Background()
	l, err := Open(dir, Options{FS: files, SegmentBytes: 3000, RetainBytes: 9000, RetryDelay: time.Nanosecond})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if l.Next() < h.acknowledged {
		return fmt.Errorf("the log ends at %d, %d records were acknowledged", l.Next(), h.acknowledged)
	}
	maps.DeleteFunc(h.appended, func(seq int64, _ []byte) bool { return seq >= l.Next() }) // lost before they were acknowledged
	h.acknowledged = l.Next()                                                              // Open says so
	for range 12 {
		batch, next := somePayloads(rng, 1+rng.IntN(8), 900), l.Next()
		for i, p := range batch {
			h.appended[next+int64(i)] = p
		}
		first, err := l.Append(ctx, batch)
		if err != nil {
			return err
		}
		if first != next {
			return fmt.Errorf("first = %d, want %d", first, next)
		}
		if rng.IntN(3) == 0 {
			continue
		}
		end := first + int64(len(batch))
		if err := l.Wait(ctx, end); err != nil {
			return err
		}
		h.acknowledged = end
		h.trimmed = end / 2
		if err := l.TrimBefore(h.trimmed); err != nil {
			return err
		}
	}
	_, err = l.Verify(ctx, VerifyOptions{})
	return err
}

// holds checks that the log on files has every acknowledged record that retention left, and nothing that was
// not appended.
func (h *history) holds(t *testing.T, dir string, files FS) {
	t.Helper()
	l, err := Open(dir, Options{FS: files})
	if err != nil {
		t.Fatalf("open again: %v", err)
	}
	defer l.Close()
	if l.Next() < h.acknowledged || l.First() > h.trimmed {
		t.Fatalf("log holds records %d to %d, %d were acknowledged, %d trimmed", l.First(), l.Next(), h.acknowledged, h.trimmed)
	}
	got, err := readAll(t.Context(), l, l.First())
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range got {
		if want, ok := h.appended[l.First()+int64(i)]; !ok || !bytes.Equal(p, want) {
			t.Fatalf("record %d is not what was appended", l.First()+int64(i))
		}
	}
}

// tear leaves on the disk what a crash in the middle of a write does.
func (m *memFS) tear() {
	var last string
	for name := range m.names {
		if strings.HasSuffix(name, segmentSuffix) {
			last = max(last, name)
		}
	}
	if last == "" {
		return
	}
	d := m.names[last]
	size := len(d.data)
	d.data = append(d.data, "the first bytes of a record"...)
	d.touch(size, len(d.data))
}

// One after the other, every operation on the file system fails once, and the disk is well again. Then the log is opened
// anew, with a torn end into the bargain, goes on, and at last the power fails: what a sync was told to have written must be
// there, though an earlier one had failed.
func TestNoSingleFailureLosesAnAcknowledgedRecord(t *testing.T) {
	for _, fault := range []error{errFault, syscall.ENOSPC, shortWrite{1, syscall.EIO}} {
		t.Run(fault.Error(), func(t *testing.T) {
			survived, step := 0, int64(1)
			if testing.Short() {
				step = 7
			}
			for n := int64(1); ; n += step {
				files, h := newMemFS(), newHistory()
				var ops atomic.Int64
				var failed atomic.Value
				files.fault = func(op, path string) error {
					if ops.Add(1) != n {
						return nil
					}
					failed.Store(op + " " + path)
					return fault
				}
				dir, rng := t.TempDir(), rand.New(rand.NewPCG(9, uint64(n)))
				for life := range 3 {
					before := failed.Load()
					err := h.session(dir, files, rng)
					if now := failed.Load(); (before != nil || now == nil) && err != nil {
						t.Fatalf("life %d, operation %d, %v: %v", life, n, now, err)
					} else if now != nil && before == nil && err == nil {
						survived++ // the log waited until there was room
					} else if err != nil && !errors.Is(err, fault) {
						t.Fatalf("operation %d, %v, failed and the session returned %v", n, now, err)
					}
					h.holds(t, dir, files.powerLoss(rng))
					files.tear()
				}
				files.fault = nil
				h.holds(t, dir, files)
				h.holds(t, dir, files.powerLoss(rng))
				if failed.Load() == nil {
					if n < 150 {
						t.Fatalf("only %d operations: the session does too little", n)
					}
					break
				}
			}
			if waits := errors.Is(fault, syscall.ENOSPC); (survived > 0) != waits {
				t.Errorf("%d failures went unnoticed", survived)
			}
		})
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
			dir, h := t.TempDir(), newHistory()
			err := h.session(dir, files, rand.New(rand.NewPCG(seed, 11)))
			done = err == nil
			image := files.powerLoss(rng)
			torn += image.torn
			h.holds(t, dir, image)
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
		h := &history{appended: map[int64][]byte{0: []byte("durable")}, acknowledged: 1}
		for i := range int64(6) {
			h.appended[1+i] = bytes.Repeat([]byte{byte('a' + i)}, 2000)
			if _, err := l.Append(t.Context(), [][]byte{h.appended[1+i]}); err != nil {
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
			h.holds(t, dir, image)
		}
	})
}

// With a disk that is full after any number of bytes of a write, nobody is told that his records are durable, new ones are
// refused at once, and when there is room everything goes on.
func TestTheLogWaitsForRoomOnAFullDisk(t *testing.T) {
	group := [][]byte{[]byte("three"), nil, []byte("five")}
	size := 3*frameHeaderBytes + 9
	for n := range size {
		synctest.Test(t, func(t *testing.T) {
			dir, files := t.TempDir(), newMemFS()
			l := mustOpen(t, dir, Options{FS: files})
			mustAppend(t, l, []byte("zero"), []byte("one"), []byte("two"))
			var full atomic.Bool
			full.Store(true)
			files.fault = func(op, _ string) error {
				if full.Load() && op == "write" {
					return shortWrite{n, syscall.ENOSPC}
				}
				return nil
			}
			if _, err := l.Append(t.Context(), group); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- l.Wait(context.Background(), 6) }()
			synctest.Wait()
			if _, err := l.Append(t.Context(), [][]byte{[]byte("refused")}); !errors.Is(err, ErrFull) {
				t.Fatalf("Append to a full disk = %v", err)
			}
			if !errors.Is(l.Full(), ErrFull) || l.Err() != nil || l.Durable() != 3 || len(done) != 0 {
				t.Fatalf("full %v, failed %v, %d records durable", l.Full(), l.Err(), l.Durable())
			}
			samePayloads(t, mustReadTo(t, l, 3), [][]byte{[]byte("zero"), []byte("one"), []byte("two")})
			crashed := files.powerLoss(rand.New(rand.NewPCG(uint64(n), 1)))

			full.Store(false)
			time.Sleep(time.Second)
			if err := <-done; err != nil || l.Full() != nil {
				t.Fatalf("with room again: %v, %v", err, l.Full())
			}
			if first := mustAppend(t, l, []byte("six")); first != 6 {
				t.Fatalf("the next record is %d", first)
			}
			all := append([][]byte{[]byte("zero"), []byte("one"), []byte("two")}, append(group, []byte("six"))...)
			samePayloads(t, mustRead(t, l, 0), all)
			mustClose(t, l)

			crashed.fault = nil
			l = mustOpen(t, dir, Options{FS: crashed})
			if l.Next() < 3 || l.Next() > 6 {
				t.Fatalf("after a crash %d records are there", l.Next())
			}
			samePayloads(t, mustRead(t, l, 0), all[:l.Next()])
			mustClose(t, l)
		})
	}
}

func TestCloseDoesNotWaitForRoom(t *testing.T) {
	for name, room := range map[string]bool{"there is none": false, "there is some by now": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				files, dir := newMemFS(), t.TempDir()
				l := mustOpen(t, dir, Options{FS: files, RetryDelay: time.Hour})
				var full atomic.Bool
				full.Store(true)
				files.fault = func(op, _ string) error {
					if full.Load() && op == "write" {
						return syscall.ENOSPC
					}
					return nil
				}
				if _, err := l.Append(t.Context(), [][]byte{[]byte("late")}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				full.Store(!room)
				err := l.Close()
				files.fault = nil
				again := mustOpen(t, dir, Options{FS: files})
				if (err == nil) != room || (again.Next() == 1) != room {
					t.Errorf("Close = %v, %d records are there", err, again.Next())
				}
				mustClose(t, again)
			})
		})
	}
}

// A write that breaks off after any number of bytes for another reason ends the log, and opening it anew finds whole records.
func TestABrokenOffWriteLeavesWholeRecords(t *testing.T) {
	group := [][]byte{[]byte("one"), nil, []byte("three")}
	for n := range 3*frameHeaderBytes + 9 {
		dir, files := t.TempDir(), newMemFS()
		l := mustOpen(t, dir, Options{FS: files})
		mustAppend(t, l, []byte("zero"))
		files.fault = func(op, _ string) error {
			if op == "write" {
				return shortWrite{n, syscall.EIO}
			}
			return nil
		}
		if _, err := l.Append(t.Context(), group); err != nil {
			t.Fatal(err)
		}
		if err := l.Wait(t.Context(), 4); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Wait = %v", err)
		}
		if _, err := l.Append(t.Context(), group); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "opened anew") {
			t.Fatalf("Append to a failed log = %v", err)
		}
		if err := l.Close(); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Close = %v", err)
		}
		files.fault = nil
		l = mustOpen(t, dir, Options{FS: files})
		samePayloads(t, mustRead(t, l, 0), append([][]byte{[]byte("zero")}, group...)[:l.Next()])
		if whole := int64(1 + n/(frameHeaderBytes+4)); l.Next() > whole+1 || n < frameHeaderBytes+3 && l.Next() != 1 {
			t.Fatalf("%d bytes reached the file, and %d records are there", n, l.Next())
		}
		mustClose(t, l)
	}
}

// After a failed sync the kernel takes the lost pages for clean. A process that opens the log anew reads them from the page
// cache and may be told by the next sync that all is well.
func TestWhatAFailedSyncLostIsWrittenAgain(t *testing.T) {
	dir, files := t.TempDir(), newMemFS()
	l := mustOpen(t, dir, Options{FS: files})
	mustAppend(t, l, []byte("durable"))
	var syncs atomic.Int64
	files.fault = func(op, _ string) error {
		if op == "sync" && syncs.Add(1) == 1 {
			return errFault
		}
		return nil
	}
	first, err := l.Append(t.Context(), [][]byte{bytes.Repeat([]byte("lost"), 5000)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(t.Context(), first+1); !errors.Is(err, errFault) {
		t.Fatalf("Wait = %v", err)
	}
	if err := l.Close(); !errors.Is(err, errFault) {
		t.Fatalf("Close = %v", err)
	}
	l = mustOpen(t, dir, Options{FS: files})
	if l.Durable() != 2 {
		t.Fatalf("%d records are said to be durable", l.Durable())
	}
	mustClose(t, l)
	l = mustOpen(t, dir, Options{FS: files.powerLoss(rand.New(rand.NewPCG(1, 2)))})
	if got := mustRead(t, l, 0); len(got) != 2 {
		t.Errorf("%d records survived the loss of power", len(got))
	}
	mustClose(t, l)
}

// The directory's sync after a new segment fails. A process that opens the log anew finds the segment and writes to it: it
// must not be gone after a loss of power.
func TestOpenMakesTheNamesDurable(t *testing.T) {
	dir, files, h := t.TempDir(), newMemFS(), newHistory()
	l := mustOpen(t, dir, Options{FS: files, SegmentBytes: 1})
	mustAppend(t, l, []byte("first"))
	files.fault = func(op, _ string) error {
		if op == "syncdir" {
			return errFault
		}
		return nil
	}
	if _, err := l.Append(t.Context(), [][]byte{[]byte("second")}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); !errors.Is(err, errFault) {
		t.Fatalf("Close = %v", err)
	}
	files.fault = nil
	l = mustOpen(t, dir, Options{FS: files})
	if seq := mustAppend(t, l, []byte("again")); seq != 1 {
		t.Fatalf("record %d", seq)
	}
	mustClose(t, l)
	h.appended[0], h.appended[1], h.acknowledged = []byte("first"), []byte("again"), 2
	for seed := range uint64(20) {
		h.holds(t, dir, files.powerLoss(rand.New(rand.NewPCG(seed, 3))))
	}
}

// The sync after the removal of a segment fails. No later removal may reach the disk before it does.
func TestRemovalsReachTheDiskInTheirOrder(t *testing.T) {
	dir, files, h := t.TempDir(), newMemFS(), newHistory()
	l := mustOpen(t, dir, Options{FS: files, SegmentBytes: 1, RetainBytes: 1})
	for seq := range int64(6) {
		h.appended[seq] = []byte("abc")
		mustAppend(t, l, h.appended[seq])
	}
	h.acknowledged, h.trimmed = 6, 5
	failures := 2
	var images []*memFS
	files.fault = func(op, _ string) error {
		for seed := range uint64(10) {
			images = append(images, files.powerLoss(rand.New(rand.NewPCG(seed, 4))))
		}
		if op == "syncdir" && failures > 0 {
			failures--
			return errFault
		}
		return nil
	}
	for range 2 {
		if err := l.TrimBefore(5); !errors.Is(err, errFault) {
			t.Fatalf("TrimBefore = %v", err)
		}
	}
	if err := l.TrimBefore(5); err != nil || l.First() != 5 {
		t.Fatalf("TrimBefore = %v, first %d", err, l.First())
	}
	files.fault = nil
	mustClose(t, l)
	for _, image := range images {
		h.holds(t, dir, image)
	}
}

func TestASyncThatFindsNoRoomIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files, finish := newMemFS(), make(chan struct{})
		l := mustOpen(t, t.TempDir(), Options{FS: files, SegmentBytes: 1, SyncDelay: time.Nanosecond})
		files.fault = func(op, _ string) error {
			if op != "sync" {
				return nil
			}
			<-finish
			return syscall.ENOSPC
		}
		for range 2 { // the second waits for a new segment, and so for the sync of the first
			if _, err := l.Append(t.Context(), [][]byte{[]byte("a")}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		close(finish)
		time.Sleep(time.Minute)
		if err := l.Err(); !errors.Is(err, syscall.ENOSPC) || l.Full() != nil {
			t.Errorf("failed with %v, full: %v", err, l.Full())
		}
		if err := l.Close(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Close = %v", err)
		}
	})
}
