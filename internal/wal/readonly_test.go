package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func mustOpenReadOnly(t *testing.T, dir string) *Log {
	t.Helper()
	l, err := OpenReadOnly(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, l) })
	return l
}

func TestALogThatAServerHoldsCanBeReadUpToWhatIsDurable(t *testing.T) {
	dir := t.TempDir()
	live := mustOpen(t, dir, Options{SegmentBytes: 4 << 10})
	payloads := somePayloads(rand.New(rand.NewPCG(1, 1)), 200, 100)
	for i := range payloads {
		mustAppend(t, live, payloads[i])
		if i%20 != 0 {
			continue
		}
		l := mustOpenReadOnly(t, dir)
		if l.Next() != int64(i+1) || l.First() != 0 || l.ID() != live.ID() {
			t.Fatalf("after %d records: %d to %d of log %d, want log %d", i+1, l.First(), l.Next(), l.ID(), live.ID())
		}
		samePayloads(t, mustReadTo(t, l, l.Next()), payloads[:i+1])
	}
	mustClose(t, live)
	samePayloads(t, mustReadTo(t, mustOpenReadOnly(t, dir), 200), payloads)
}

func TestReadingOnlyChangesNothingAndWritesNothing(t *testing.T) {
	dir := t.TempDir()
	written(t, dir, Options{}, somePayloads(rand.New(rand.NewPCG(1, 1)), 5, 50))
	path := segmentFiles(t, dir)[0]
	torn := append(mustReadFile(t, path), "the start of a record"...)
	mustWriteFile(t, path, torn)
	l := mustOpenReadOnly(t, dir)
	if got := mustReadTo(t, l, l.Next()); len(got) != 5 {
		t.Fatalf("%d records, want the 5 that were durable", len(got))
	}
	if _, err := l.Append(t.Context(), [][]byte{{1}}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Append: %v", err)
	}
	if err := l.TrimBefore(5); err == nil {
		t.Error("segments of a log that is only read were removed")
	}
	r, err := l.Reader(5)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Read(t.Context()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Read at the end: %v", err)
	}
	if got := mustReadFile(t, path); string(got) != string(torn) {
		t.Error("the segment has changed")
	}
}

func TestReadingOnlyTellsDamageAndAbsence(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, dir, segment string)
		want error
	}{
		{"a flipped byte in what was durable", func(t *testing.T, _, segment string) {
			b := mustReadFile(t, segment)
			b[len(b)-1] ^= 1
			mustWriteFile(t, segment, b)
		}, ErrCorrupt},
		{"the last durable record is cut off", func(t *testing.T, _, segment string) {
			mustWriteFile(t, segment, mustReadFile(t, segment)[:headerBytes])
		}, ErrCorrupt},
		{"no directory", func(t *testing.T, dir, _ string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}, fs.ErrNotExist},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			written(t, dir, Options{}, [][]byte{[]byte("one"), []byte("two")})
			tc.do(t, dir, segmentFiles(t, dir)[0])
			if _, err := OpenReadOnly(dir, Options{}); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
	if _, err := OpenReadOnly(t.TempDir(), Options{}); err == nil {
		t.Error("an empty directory was opened as a log")
	}
}

func TestASegmentThatRetentionTakesAwayIsNotPassedOver(t *testing.T) {
	dir := t.TempDir()
	live := mustOpen(t, dir, Options{SegmentBytes: 1 << 10, RetainBytes: 1})
	for i := range 50 {
		mustAppend(t, live, fmt.Appendf(nil, "record %090d", i))
	}
	l := mustOpenReadOnly(t, dir)
	if err := live.TrimBefore(live.Next()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reader(0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, segmentName(l.First()))); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the first segment is still there: %v", err)
	}
}
