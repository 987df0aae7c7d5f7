package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/wal"
)

// sickFS is the operating system's file system with a disk that does as fault says before each write and sync of a segment.
type sickFS struct {
	wal.FS
	mu    sync.Mutex
	fault func(op string) error
}

func (s *sickFS) set(fault func(op string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

func (s *sickFS) ask(name, op string) error {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault == nil || filepath.Ext(name) != ".wal" {
		return nil
	}
	return fault(op)
}

func (s *sickFS) OpenFile(name string, flag int, perm os.FileMode) (wal.File, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	return sickFile{f, s, strings.TrimSuffix(name, ".tmp")}, err
}

type sickFile struct {
	wal.File
	fs   *sickFS
	name string
}

func (f sickFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.fs.ask(f.name, "write"); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f sickFile) Sync() error {
	if err := f.fs.ask(f.name, "sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

// sick is an embedded log on a disk that can be made to fail.
func sick(t *testing.T) (*Embedded, *sickFS, *wal.Log, string) {
	t.Helper()
	disk, dir := &sickFS{FS: wal.OS()}, t.TempDir()
	w, err := wal.Open(dir, wal.Options{FS: disk, BufferBytes: 2000, RetryDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return must(NewEmbedded(w, EmbeddedOptions{Workers: 2})), disk, w, dir
}

func TestASlowDiskHoldsAppendersBackUntilTheirTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, disk, _, _ := sick(t)
		release := make(chan struct{})
		disk.set(func(string) error { <-release; return nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		appended := 0
		for appended < 1000 { // far more than the buffer holds
			if _, err := l.Append(ctx, logClicks(appended, 1)); err != nil {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Append = %v", err)
				}
				break
			}
			appended++
		}
		if appended == 0 || appended == 1000 || l.End().Offset(0) != int64(appended) {
			t.Errorf("%d records were taken, the log ends at %v", appended, l.End())
		}
		if err := l.Wait(ctx, l.End()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %v", err)
		}
		close(release)
		if err := l.Wait(t.Context(), l.End()); err != nil {
			t.Errorf("once the disk is quick again: %v", err)
		}
		if _, err := l.Append(t.Context(), logClicks(appended, 1)); err != nil {
			t.Error(err)
		}
		f := startFollower(t, l, nil)
		if got := f.take(appended + 1); got[appended].Offset != int64(appended) || got[appended].Event.ID != fmt.Sprint("e", appended) {
			t.Errorf("the last record is %+v", got[appended])
		}
	})
}

func TestAFullDiskIsSaidAtOnceAndPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, disk, _, _ := sick(t)
		disk.set(func(string) error { return syscall.ENOSPC })
		cursor, err := l.Append(t.Context(), logClicks(0, 1))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := l.Append(t.Context(), logClicks(1, 1)); !errors.Is(err, wal.ErrFull) || !strings.Contains(err.Error(), "make room") {
			t.Errorf("Append = %v", err)
		}
		disk.set(nil)
		if err := l.Wait(t.Context(), cursor); err != nil {
			t.Fatalf("with room again: %v", err)
		}
		if cursor, err = l.Append(t.Context(), logClicks(1, 1)); err != nil || l.Wait(t.Context(), cursor) != nil || cursor.Offset(0) != 2 {
			t.Errorf("the next record: %v, %v", cursor, err)
		}
	})
}

// After a failed sync nothing is taken any more, the source hands out what was written and says why it ends, and the log that
// is opened anew holds all that was acknowledged.
func TestAFailedSyncEndsTheLogForAppendersAndFollowers(t *testing.T) {
	l, disk, w, dir := sick(t)
	cursor, err := l.Append(t.Context(), logClicks(0, 3))
	if err != nil || l.Wait(t.Context(), cursor) != nil {
		t.Fatal(err)
	}
	f := startFollower(t, l, nil)
	disk.set(func(op string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	})
	if cursor, err = l.Append(t.Context(), logClicks(3, 2)); err != nil {
		t.Fatal(err)
	}
	got := f.take(5)
	if err := l.Wait(t.Context(), cursor); !errors.Is(err, syscall.EIO) {
		t.Errorf("Wait = %v", err)
	}
	if _, err := l.Append(t.Context(), logClicks(5, 1)); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "opened anew") {
		t.Errorf("Append = %v", err)
	}
	if err := f.ended(); !errors.Is(err, syscall.EIO) || len(got) != 5 {
		t.Errorf("the source handed out %d records and ended with %v", len(got), err)
	}
	disk.set(nil)
	if _, err := l.Append(t.Context(), logClicks(5, 1)); !errors.Is(err, syscall.EIO) {
		t.Errorf("Append on a disk that is well again = %v", err)
	}
	if err := w.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Close = %v", err)
	}
	again := must(NewEmbedded(openWAL(t, dir), EmbeddedOptions{}))
	if again.Durable().Offset(0) < 3 || !again.Durable().Covers(again.End()) {
		t.Errorf("durable %v, end %v", again.Durable(), again.End())
	}
	if recs := startFollower(t, again, nil).take(3); recs[0].Event.ID != "e0" || recs[2].Event.ID != "e2" {
		t.Errorf("%+v", recs)
	}
}

func TestAPlaceThatRetentionHasPassedIsRefused(t *testing.T) {
	w, err := wal.Open(t.TempDir(), wal.Options{SegmentBytes: 1, RetainBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	l := must(NewEmbedded(w, EmbeddedOptions{}))
	for i := range 5 {
		cursor, err := l.Append(t.Context(), logClicks(i, 1))
		if err != nil || l.Wait(t.Context(), cursor) != nil {
			t.Fatal(err)
		}
	}
	if err := w.TrimBefore(3); err != nil {
		t.Fatal(err)
	}
	if err := l.Run(t.Context(), event.Cursor{{Offset: 2}}, nil); !errors.Is(err, wal.ErrTruncated) {
		t.Errorf("Run = %v", err)
	}
	if got := startFollower(t, l, l.First()).take(2); got[0].Offset != 3 {
		t.Errorf("the first record that is left is %d", got[0].Offset)
	}
}

func TestAPlaceIsFoundByTheTimeOfReceipt(t *testing.T) {
	l := must(NewEmbedded(openWAL(t, t.TempDir()), EmbeddedOptions{}))
	if _, err := l.Append(t.Context(), logClicks(0, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(t.Context(), l.End()); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[event.Time]int64{-5: 0, 1: 0, 2: 1, 777: 776, 1000: 999, 1001: 1000} { // record i was received at i+1
		if got, err := l.SeekTime(t.Context(), at); err != nil || got.Offset(0) != want {
			t.Errorf("time %d is at %v, want %d, %v", at, got, want, err)
		}
	}
}
