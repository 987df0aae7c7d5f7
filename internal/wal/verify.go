package wal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// Report says what was read, and what is there.
type Report struct {
	Segments int64
	Records  int64
	Bytes    int64  // headers included
	First    int64  // sequence of the oldest record that the log has
	Next     int64  // sequence after the last one
	Torn     Repair // of VerifyDir: what Open would cut; zero: nothing
}

// VerifyOptions pace Verify. A zero field takes the default named beside it.
type VerifyOptions struct {
	BytesPerSecond int64                                      // how fast it reads; 0: as fast as it goes
	MaxAge         time.Duration                              // closed segments that were found whole less than this ago are passed over; 0: none is
	Sleep          func(context.Context, time.Duration) error // waits, or returns the context's error; a timer
}

// Verify reads every record that was written when it is called, and returns what it has read and the first damage as a
// *CorruptError. It is meant to run in the background after Open, which reads the last segment only. With MaxAge it goes
// on where a call before ended, at the beginning of the segment. Records that retention removes meanwhile are passed over.
func (l *Log) Verify(ctx context.Context, opts VerifyOptions) (Report, error) {
	l.mu.Lock()
	segments := slices.Clone(l.segments)
	in := inspection{files: l.opts.FS, pace: opts.pace(), report: Report{First: segments[0].base, Next: l.written}}
	l.mu.Unlock()
	for i, s := range segments {
		now, closed := l.opts.Clock(), i+1 < len(segments)
		if closed && !s.whole.IsZero() && now.Sub(s.whole) < opts.MaxAge {
			continue
		}
		before := in.report
		next := in.report.Next
		if closed {
			next = segments[i+1].base
		}
		err := in.segment(ctx, s, closed, next)
		l.metrics.scrubbed(before, in.report, err)
		switch {
		case errors.Is(err, fs.ErrNotExist) && l.First() > s.base: // removed by retention
		case err != nil:
			return in.report, err
		case closed:
			l.vouch(s.base, now)
		}
	}
	l.metrics.scrubEnd.Set(float64(l.opts.Clock().UnixNano()) / 1e9)
	return in.report, nil
}

// vouch notes that a segment was found whole.
func (l *Log) vouch(base int64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.segments {
		if l.segments[i].base == base {
			l.segments[i].whole = now
		}
	}
}

// VerifyDir reads a whole log that nobody has open, and changes nothing. It returns what it could read, and every segment's
// first damage, joined: each a *CorruptError. A torn end is no damage; the report names it. ErrInUse: a server has the
// log open. A directory without a log gives an empty report.
func VerifyDir(dir string) (Report, error) { return verifyDir(dir, osFS{}) }

func verifyDir(dir string, files FS) (_ Report, err error) {
	lock, err := lockDir(dir, syscall.LOCK_SH)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	found, err := look(files, dir)
	if err != nil || len(found.segments) == 0 {
		return Report{}, err
	}
	in := inspection{files: files, report: Report{First: found.segments[0].base}}
	var damage error
	for i, s := range found.segments[:len(found.segments)-1] {
		damage = errors.Join(damage, in.segment(context.Background(), s, true, found.segments[i+1].base))
	}
	return in.report, errors.Join(damage, in.last(*found.last(), found.durable()))
}

// inspection reads segments, from the header on.
type inspection struct {
	files  FS
	pace   func(ctx context.Context, bytes int64) error // called after each read; nil: as fast as it goes
	report Report
}

// segment reads a segment that ends before record next. A closed one ends with its file.
func (in *inspection) segment(ctx context.Context, s segment, closed bool, next int64) (err error) {
	h, size, err := readHeader(in.files, s.path)
	switch {
	case errors.Is(err, errHeader):
		return &CorruptError{File: s.path, Sequence: -1, Reason: err.Error()}
	case err != nil:
		return fmt.Errorf("wal: verify %s: %w", s.path, err)
	case h != s.header:
		return &CorruptError{File: s.path, Sequence: -1, Reason: "its header has changed"}
	case closed && size != s.bytes || size < s.bytes:
		return &CorruptError{File: s.path, Offset: min(size, s.bytes), Sequence: -1, Reason: fmt.Sprintf("it has %d bytes and had %d", size, s.bytes)}
	}
	file, err := in.files.OpenFile(s.path, os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("wal: verify %s: %w", s.path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	scan := scanner{file: file, seed: s.seed(), off: headerBytes, next: s.base, recycle: true}
	if err := in.records(ctx, &scan, s); err != nil {
		return err
	}
	if scan.next != next {
		return scan.corrupt(s.path, fmt.Sprintf("it is missing: the segment ends before record %d", next))
	}
	in.report.Segments++
	return nil
}

// records reads the records of a segment.
func (in *inspection) records(ctx context.Context, scan *scanner, s segment) error {
	in.report.Bytes += headerBytes
	for scan.off < s.bytes {
		begin, records := scan.off, scan.next
		err := scan.chunk(s.bytes)
		in.report.Records += scan.next - records
		in.report.Bytes += scan.off - begin
		switch {
		case isBadRecord(err):
			return scan.corrupt(s.path, err.Error())
		case err != nil:
			return fmt.Errorf("wal: segment %s: %w", s.path, err)
		}
		if in.pace != nil {
			if err := in.pace(ctx, scan.off-begin); err != nil {
				return fmt.Errorf("wal: verify: %w", err)
			}
		}
	}
	return nil
}

// last reads the last segment of a log that nobody has open.
func (in *inspection) last(s segment, durable int64) (err error) {
	file, err := in.files.OpenFile(s.path, os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("wal: verify %s: %w", s.path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	end, err := readTail(file, s, durable)
	if end.off > 0 {
		in.report.Records += end.next - s.base
		in.report.Bytes += end.off
		in.report.Next = end.next
	}
	if err != nil {
		return err
	}
	in.report.Segments++
	if end.torn > 0 {
		in.report.Torn = Repair{File: s.path, Offset: end.off, Bytes: end.torn}
	}
	return nil
}

// pace returns what holds the reading to BytesPerSecond.
func (o VerifyOptions) pace() func(context.Context, int64) error {
	sleep := o.Sleep
	if sleep == nil {
		sleep = sleepFor
	}
	return func(ctx context.Context, bytes int64) error {
		if o.BytesPerSecond <= 0 {
			return ctx.Err()
		}
		return sleep(ctx, time.Duration(float64(bytes)/float64(o.BytesPerSecond)*float64(time.Second)))
	}
}

func sleepFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
