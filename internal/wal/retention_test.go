package wal

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// tenSegments is a log of ten segments with one record of 20 bytes in each, one hour apart.
func tenSegments(t *testing.T, opts Options) (*Log, *time.Time) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	opts.SegmentBytes = 1
	opts.Clock = func() time.Time { return now }
	l := mustOpen(t, t.TempDir(), opts)
	for range 10 {
		mustAppend(t, l, []byte("abc"))
		now = now.Add(time.Hour)
	}
	return l, &now
}

func TestRetention(t *testing.T) {
	const segment = headerBytes + frameHeaderBytes + 3
	for _, tc := range []struct {
		name   string
		opts   Options
		before int64
		first  int64
	}{
		{"without bounds everything stays", Options{}, 10, 0},
		{"size drops the oldest", Options{RetainBytes: 4 * segment}, 10, 6},
		{"size below one segment keeps the active one", Options{RetainBytes: 1}, 10, 9},
		{"what is still needed stays", Options{RetainBytes: 1}, 3, 3},
		{"nothing is needed before the first", Options{RetainBytes: 1}, 0, 0},
		// Record i was written i hours after the start and its segment closed an hour later; it is hour 10.
		{"age drops segments whose last record is older", Options{RetainAge: 5*time.Hour + 1}, 10, 4},
		{"age never drops the active one", Options{RetainAge: time.Nanosecond}, 10, 9},
		{"either bound is enough", Options{RetainAge: 100 * time.Hour, RetainBytes: 8 * segment}, 10, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, _ := tenSegments(t, tc.opts)
			if err := l.TrimBefore(tc.before); err != nil {
				t.Fatal(err)
			}
			if l.First() != tc.first {
				t.Fatalf("first = %d, want %d", l.First(), tc.first)
			}
			if n := len(segmentFiles(t, l.dir)); n != int(10-tc.first) {
				t.Fatalf("%d files, want %d", n, 10-tc.first)
			}
			if got := mustRead(t, l, tc.first); len(got) != int(10-tc.first) {
				t.Fatalf("%d records left", len(got))
			}
			dir := l.dir
			mustClose(t, l)
			if l = mustOpen(t, dir, Options{}); l.First() != tc.first || l.Next() != 10 {
				t.Fatalf("after reopening: records %d to %d", l.First(), l.Next())
			}
		})
	}
}

func TestAReaderInARemovedSegmentSaysSo(t *testing.T) {
	l, _ := tenSegments(t, Options{RetainBytes: 1})
	r, err := l.Reader(2)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.TrimBefore(5); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(t.Context()); !errors.Is(err, ErrTruncated) {
		t.Fatalf("Read = %v, want ErrTruncated", err)
	}
}

// Whatever is bounded and however often the log is opened anew, what the oldest checkpoint still needs stays.
func TestRetentionNeverPassesTheOldestCheckpoint(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for range 20 {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		opts := Options{
			FS: newMemFS(), SegmentBytes: 1 + rng.Int64N(300), RetainBytes: rng.Int64N(1000), RetainAge: time.Duration(rng.IntN(50)) * time.Minute,
			Clock: func() time.Time { return now },
		}
		dir := t.TempDir()
		l, oldest := mustOpen(t, dir, opts), int64(0)
		for range 150 {
			now = now.Add(time.Minute)
			switch rng.IntN(10) {
			case 0:
				mustClose(t, l)
				l = mustOpen(t, dir, opts)
			case 1, 2:
				oldest += rng.Int64N(l.Durable() - oldest + 1)
				fallthrough
			case 3:
				if err := l.TrimBefore(oldest); err != nil {
					t.Fatal(err)
				}
			default:
				mustAppend(t, l, somePayloads(rng, 1+rng.IntN(5), 60)...)
			}
			if l.First() > oldest {
				t.Fatalf("the log begins at record %d, and a checkpoint needs %d", l.First(), oldest)
			}
			if got := mustRead(t, l, oldest); int64(len(got)) != l.Next()-oldest {
				t.Fatalf("%d records from %d to %d", len(got), oldest, l.Next())
			}
		}
		mustClose(t, l)
	}
}

func TestAReaderBehindRetentionIsToldWhatIsLeft(t *testing.T) {
	l, _ := tenSegments(t, Options{RetainBytes: 1})
	if err := l.TrimBefore(5); err != nil {
		t.Fatal(err)
	}
	dir := l.dir
	mustClose(t, l)
	l = mustOpen(t, dir, Options{})
	if _, err := l.Reader(4); !errors.Is(err, ErrTruncated) || !strings.Contains(err.Error(), "the first is 5") {
		t.Errorf("Reader(4) = %v", err)
	}
	if got := mustRead(t, l, 5); len(got) != 5 {
		t.Errorf("%d records from the first on", len(got))
	}
}
