package wal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"
)

// SeekTime returns the place of the first record whose stamp is t or later; the end of what is written if there is none.
// stamp reads the time out of a payload, which the log does not look into.
//
// It takes the first records of segments to be in the order of their stamps, looks for the segment by halving, and reads
// from the segment before it on. So stamps may go back by as much as one segment covers.
func (l *Log) SeekTime(ctx context.Context, t time.Time, stamp func(payload []byte) (time.Time, error)) (int64, error) {
	for {
		seq, err := l.seek(ctx, t, stamp)
		if !errors.Is(err, ErrTruncated) { // else retention was faster: look at what is left
			return seq, err
		}
	}
}

func (l *Log) seek(ctx context.Context, t time.Time, stamp func([]byte) (time.Time, error)) (int64, error) {
	l.mu.Lock()
	segments, end := slices.Clone(l.segments), l.written
	l.mu.Unlock()
	var failure error
	i := sort.Search(len(segments), func(i int) bool { // the first segment that begins at t or later
		if failure != nil || segments[i].base == end {
			return true
		}
		var first time.Time
		if first, failure = l.firstStamp(ctx, segments[i].base, stamp); failure != nil {
			return true
		}
		return !first.Before(t)
	})
	if failure != nil {
		return 0, failure
	}
	r, err := l.Reader(segments[max(0, i-2)].base)
	if err != nil {
		return 0, err
	}
	seq, err := r.find(ctx, end, t, stamp)
	return seq, errors.Join(err, r.Close())
}

func (l *Log) firstStamp(ctx context.Context, seq int64, stamp func([]byte) (time.Time, error)) (t time.Time, err error) {
	r, err := l.Reader(seq)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b, err := r.Read(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return stamped(b, 0, stamp)
}

// find reads on, up to record end, to the first record whose stamp is t or later.
func (r *Reader) find(ctx context.Context, end int64, t time.Time, stamp func([]byte) (time.Time, error)) (int64, error) {
	r.scan.recycle = true
	for r.scan.next < end {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("wal: seek %v: %w", t, err)
		}
		b, err := r.Read(ctx)
		if err != nil {
			return 0, err
		}
		for i := range b.Payloads {
			switch at, err := stamped(b, i, stamp); {
			case err != nil:
				return 0, err
			case !at.Before(t):
				return b.First + int64(i), nil
			}
		}
	}
	return end, nil
}

func stamped(b Batch, i int, stamp func([]byte) (time.Time, error)) (time.Time, error) {
	t, err := stamp(b.Payloads[i])
	if err != nil {
		return time.Time{}, fmt.Errorf("wal: time of record %d: %w", b.First+int64(i), err)
	}
	return t, nil
}
