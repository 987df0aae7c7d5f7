package wal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// maxBatchRecords bounds one Batch; readBytes bounds it too.
const maxBatchRecords = 4096

// Batch is a run of records as they stand in the log.
type Batch struct {
	First    int64    // sequence of Payloads[0]; the others follow without a gap
	Payloads [][]byte // alias a buffer that is never written to again
}

// Next is the sequence after the batch.
func (b Batch) Next() int64 { return b.First + int64(len(b.Payloads)) }

// Reader reads the log in order and follows it as it grows. It is used by one goroutine at a time; readers do
// not disturb one another, nor the appenders.
type Reader struct {
	log  *Log
	base int64 // of the segment being read
	path string
	from int64 // records below are skipped
	scan scanner
	size int // records of the batch before: about what the next one will hold
}

// Reader returns a reader whose first batch begins at record from: ErrTruncated if retention has removed it,
// ErrAhead if from > Next(). The first Read goes through the segment up to there.
func (l *Log) Reader(from int64) (*Reader, error) {
	l.mu.Lock()
	segments, next := slices.Clone(l.segments), l.next
	l.mu.Unlock()
	if from < segments[0].base {
		return nil, fmt.Errorf("wal: read from record %d, the first is %d: %w", from, segments[0].base, ErrTruncated)
	}
	if from > next {
		return nil, fmt.Errorf("wal: read from record %d, the next is %d: %w", from, next, ErrAhead)
	}
	i := len(segments) - 1
	for segments[i].base > from {
		i--
	}
	r := &Reader{log: l, from: from}
	if err := r.open(segments[i]); err != nil {
		return nil, err
	}
	return r, nil
}

// open turns to the first record of s.
func (r *Reader) open(s segment) error {
	file, err := r.log.opts.FS.OpenFile(s.path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) && r.log.First() > s.base { // removed between look-up and open
		return fmt.Errorf("wal: read from record %d: %w", max(r.from, s.base), ErrTruncated)
	}
	if err != nil {
		return fmt.Errorf("wal: open segment: %w", err)
	}
	old := r.scan.file
	r.base, r.path = s.base, s.path
	r.scan = scanner{file: file, seed: r.log.seed, off: headerBytes, next: s.base, recycle: r.scan.recycle, buf: r.scan.buf}
	if old != nil {
		if err := old.Close(); err != nil {
			return fmt.Errorf("wal: close segment: %w", err)
		}
	}
	return nil
}

// Read returns the next records, at least one and at most about 1 MiB or 4096, as soon as they are written;
// they need not be durable yet. It blocks until there are some, ctx is done, or the log is closed or has
// failed and all that it holds has been read. After an error other than ctx's the reader is of no more use.
func (r *Reader) Read(ctx context.Context) (Batch, error) {
	for {
		v, err := r.log.view(r.base, r.scan.off)
		if err != nil {
			return Batch{}, fmt.Errorf("wal: read record %d: %w", r.scan.next, err)
		}
		switch {
		case r.scan.off < v.end:
			b, err := r.batch(v.end)
			if err != nil || len(b.Payloads) > 0 {
				return b, err
			}
		case v.successor != nil:
			if err := r.advance(*v.successor); err != nil {
				return Batch{}, err
			}
		case v.err != nil:
			return Batch{}, v.err
		default:
			select {
			case <-v.grown:
			case <-ctx.Done():
				return Batch{}, fmt.Errorf("wal: wait for record %d: %w", r.scan.next, ctx.Err())
			}
		}
	}
}

// advance goes on from the end of a closed segment.
func (r *Reader) advance(s segment) error {
	if r.scan.next != s.base {
		return r.scan.corrupt(r.path, "it is missing: the next segment is "+segmentName(s.base))
	}
	return r.open(s)
}

// batch decodes what can be had with at most one read, if that holds anything that is wanted; end is where the
// written part of the segment ends.
func (r *Reader) batch(end int64) (Batch, error) {
	var b Batch
	for len(b.Payloads) < maxBatchRecords && r.scan.off < end {
		p, err := r.scan.decode()
		if errors.Is(err, errShort) {
			if len(b.Payloads) > 0 {
				break
			}
			if err = r.scan.fill(end); err == nil {
				continue
			}
		}
		if err != nil {
			return Batch{}, r.failure(err)
		}
		if r.scan.next <= r.from {
			continue
		}
		if b.Payloads == nil {
			b.First, b.Payloads = r.scan.next-1, make([][]byte, 0, max(r.size, 1))
		}
		b.Payloads = append(b.Payloads, p)
	}
	r.size = len(b.Payloads)
	return b, nil
}

func (r *Reader) failure(err error) error {
	if isBadRecord(err) {
		return r.scan.corrupt(r.path, err.Error())
	}
	return fmt.Errorf("wal: segment %s: %w", r.path, err)
}

// Close lets go of the file. It is not called beside Read.
func (r *Reader) Close() error { return r.scan.file.Close() }

// view is what a reader in one segment may know at a moment.
type view struct {
	end       int64           // bytes of the segment that may be read
	successor *segment        // nil: the segment is the active one
	err       error           // set: nothing will ever be added
	grown     <-chan struct{} // closed with the next write; only at the end of the log
}

// view describes the segment with the given base to a reader who has come to byte off of it.
func (l *Log) view(base, off int64) (view, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := slices.BinarySearchFunc(l.segments, base, func(s segment, base int64) int { return cmp.Compare(s.base, base) })
	if !ok {
		return view{}, ErrTruncated
	}
	v := view{end: l.segments[i].bytes, err: l.err}
	if i+1 < len(l.segments) {
		s := l.segments[i+1]
		v.successor = &s
		return v, nil
	}
	if off == v.end && l.err == nil {
		if l.grown == nil {
			l.grown = make(chan struct{})
		}
		v.grown = l.grown
	}
	return v, nil
}
