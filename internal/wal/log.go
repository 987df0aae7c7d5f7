package wal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Log is an open log. Its methods may be called from any goroutine.
type Log struct {
	dir     string
	opts    Options
	log     int64  // see header.log
	seed    uint32 // where the checksums start
	repair  Repair // by Open
	lock    *os.File
	metrics *metrics
	budget  *semaphore.Weighted // BufferBytes; first come, first served
	stop    func() error        // Close, once

	marked File           // the mark; of the syncer alone while it runs
	spare  []byte         // of the writer alone: the buffer of the group before, to be used again
	loops  sync.WaitGroup // writer and syncer

	trim     sync.Mutex // one TrimBefore at a time; taken before mu
	removing bool       // a removal is not known to be durable; under trim

	mu       sync.Mutex    // guards what follows; never held during I/O
	toWrite  sync.Cond     // the writer waits here for records in filling
	toSync   sync.Cond     // the syncer waits here for written to pass durable
	filling  *group        // gathers what is appended
	syncing  *round        // under way; nil when there is none
	upcoming *round        // the one after
	next     int64         // sequence of the next record appended
	written  int64         // every record below can be read; moved by the writer
	durable  int64         // every record below is synced; moved by the syncer
	wanted   int64         // somebody has asked for every record below to be durable
	overdue  bool          // something written has waited SyncDelay without being asked for
	delayed  *time.Timer   // sets overdue; nil: nothing waits unasked
	segments []segment     // oldest first, the last one is active; never empty
	active   File          // of the last segment; changed by the writer while nothing is being synced
	grown    chan struct{} // made by a reader at the end, closed by the next write
	closing  chan struct{} // closed by Close
	full     error         // why the writer waits for room on the disk; nil: it does not
	closed   bool          // Close was called: nothing more is taken
	drained  bool          // the writer has ended
	err      error         // why all is refused: the first failure, or ErrClosed once closed and drained
}

// segment is one file of the log.
type segment struct {
	header
	path  string
	bytes int64     // written
	whole time.Time // when Verify last found it so; zero: not yet
}

// Append gives payloads the next places in the log and returns the first of them; the others follow without
// a gap, whatever is appended beside. They can be read within microseconds; Wait(ctx, first+len(payloads))
// tells when they are durable.
//
// Append copies the payloads. It blocks while BufferBytes wait to be written, in order of arrival, and gives
// up with ctx: then, as after every other error, none of the payloads is in the log. While the disk is full it returns
// ErrFull at once; what was appended before is written when there is room.
func (l *Log) Append(ctx context.Context, payloads [][]byte) (first int64, err error) {
	size := int64(0)
	for i, p := range payloads {
		if len(p) > MaxRecordBytes {
			return 0, fmt.Errorf("wal: append record %d of %d: %d bytes, at most %d: %w", i, len(payloads), len(p), MaxRecordBytes, ErrTooLarge)
		}
		size += int64(frameHeaderBytes + len(p))
	}
	weight := min(size, l.opts.BufferBytes) // a longer batch goes alone
	if err := l.budget.Acquire(ctx, weight); err != nil {
		return 0, fmt.Errorf("wal: append %d records: wait for room in the buffer: %w", len(payloads), err)
	}
	first, err = l.enqueue(payloads, size, weight)
	if err != nil {
		l.budget.Release(weight)
		return 0, err
	}
	l.toWrite.Signal()
	l.metrics.pending.Add(float64(size))
	return first, nil
}

// enqueue adds payloads, size bytes with their frames, to the filling group, which takes over weight.
func (l *Log) enqueue(payloads [][]byte, size, weight int64) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := cmp.Or(l.refusal(), l.full); err != nil {
		return 0, err
	}
	if len(payloads) == 0 {
		return l.next, nil // weighs nothing
	}
	g, first := l.filling, l.next
	g.frames = slices.Grow(g.frames, int(size))
	for _, p := range payloads {
		g.frames = appendFrame(g.frames, l.seed, frame{sequence: l.next, payload: p})
		l.next++
	}
	g.count += len(payloads)
	g.end = l.next
	g.weight += weight
	return first, nil
}

// refusal says why the log has ended. The caller holds mu.
func (l *Log) refusal() error {
	if l.err == nil && l.closed {
		return l.closedError()
	}
	return l.err
}

func (l *Log) closedError() error { return fmt.Errorf("wal: %s: %w", l.dir, ErrClosed) }

// Wait blocks until every record below next is durable. Records not yet appended are waited for as well.
// When the log has failed, or is closed, with a record below next not durable, it returns why.
func (l *Log) Wait(ctx context.Context, next int64) error {
	for {
		l.mu.Lock()
		if l.wanted < next {
			l.wanted = next
			l.toSync.Signal()
		}
		durable, err, r := l.durable, l.err, l.upcoming
		if l.syncing != nil && next <= l.syncing.end {
			r, err = l.syncing, nil
		}
		l.mu.Unlock()
		if durable >= next {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return fmt.Errorf("wal: wait for records below %d: %w", next, ctx.Err())
		}
	}
}

// First is the sequence of the oldest record that the log still has; Next() when it has none.
func (l *Log) First() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[0].base
}

// Next is the sequence that the next record will get.
func (l *Log) Next() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Durable is the sequence below which every record is synced.
func (l *Log) Durable() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// Full returns ErrFull while the writer waits for room on the disk.
func (l *Log) Full() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full
}

// Err is the failure that ended the log, ErrClosed after Close, nil while it takes records.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refusal()
}

// Repaired says what Open cut from the end of the log. Its zero value: nothing.
func (l *Log) Repaired() Repair { return l.repair }

// Close writes and syncs what was appended, wakes all who wait and lets the directory go. nil means that every
// record ever appended is durable. Later calls return the same.
func (l *Log) Close() error { return l.stop() }

func (l *Log) shut() error {
	l.mu.Lock()
	l.closed = true
	close(l.closing)
	l.mu.Unlock()
	l.toWrite.Signal()
	l.loops.Wait()
	l.mu.Lock()
	failure := l.err
	if l.err == nil {
		l.end(l.closedError())
	}
	if l.delayed != nil {
		l.delayed.Stop()
	}
	l.mu.Unlock()
	l.trim.Lock() // nothing is removed once the directory is let go
	defer l.trim.Unlock()
	if failure == nil {
		failure = l.seal()
	}
	return errors.Join(failure, l.marked.Close(), l.active.Close(), l.lock.Close())
}

// seal makes the mark of a log that is closed durable.
func (l *Log) seal() error {
	if err := l.marked.Sync(); err != nil {
		return fmt.Errorf("wal: sync mark: %w", err)
	}
	return nil
}

// wakeReaders releases the readers at the end of the log. The caller holds mu.
func (l *Log) wakeReaders() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}
