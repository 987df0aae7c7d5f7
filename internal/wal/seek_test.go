package wal

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

func stampOf(payload []byte) (time.Time, error) {
	if len(payload) < 8 {
		return time.Time{}, errFault
	}
	return time.Unix(int64(binary.BigEndian.Uint64(payload)), 0), nil
}

func stampPayload(seconds int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(seconds)) }

func TestSeekTimeFindsTheFirstRecordOfATime(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for round := range 30 {
		segment, back := int64(1+rng.IntN(400)), int64(1)
		if round%2 == 0 { // the clocks of several appenders, and segments that are long enough for that
			segment, back = 400, 2
		}
		l := mustOpen(t, t.TempDir(), Options{FS: newMemFS(), SegmentBytes: segment, First: rng.Int64N(2) * 1000, RetainBytes: 1})
		var stamps []int64
		first := l.Next()
		for now, n := int64(100), rng.IntN(60); len(stamps) < n; {
			now += rng.Int64N(4)
			stamps = append(stamps, now-rng.Int64N(back))
			mustAppend(t, l, stampPayload(stamps[len(stamps)-1]))
		}
		if err := l.TrimBefore(first + int64(len(stamps))/3); err != nil {
			t.Fatal(err)
		}
		stamps = stamps[l.First()-first:]
		for at := int64(95); at < 300; at++ {
			want := l.Next()
			for i, s := range stamps {
				if s >= at {
					want = l.First() + int64(i)
					break
				}
			}
			got, err := l.SeekTime(t.Context(), time.Unix(at, 0), stampOf)
			if err != nil || got != want {
				t.Fatalf("seconds %v from record %d: time %d is at %d, want %d, %v", stamps, l.First(), at, got, want, err)
			}
		}
		mustClose(t, l)
	}
}

func TestSeekTimeReadsFewSegments(t *testing.T) {
	files := newMemFS()
	l := mustOpen(t, t.TempDir(), Options{FS: files, SegmentBytes: 1})
	for i := range int64(500) {
		mustAppend(t, l, stampPayload(i))
	}
	reads := 0
	files.fault = func(op, _ string) error {
		if op == "read" {
			reads++
		}
		return nil
	}
	if got, err := l.SeekTime(t.Context(), time.Unix(321, 0), stampOf); err != nil || got != 321 {
		t.Errorf("at %d, %v", got, err)
	}
	if reads > 15 {
		t.Errorf("%d reads of 500 segments", reads)
	}
}

func TestSeekTimeSaysWhatWentWrong(t *testing.T) {
	l := mustOpen(t, t.TempDir(), Options{SegmentBytes: 1})
	mustAppend(t, l, stampPayload(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.SeekTime(ctx, time.Unix(1, 0), stampOf); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	mustAppend(t, l, []byte("short"))
	if _, err := l.SeekTime(t.Context(), time.Unix(2, 0), stampOf); !errors.Is(err, errFault) {
		t.Errorf("a record without a time: %v", err)
	}
}
