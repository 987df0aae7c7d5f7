package wal

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// group is what one write puts into the log.
type group struct {
	frames []byte
	end    int64 // sequence after its last record
	weight int64 // of the budget, given back when it is written
	count  int   // records
}

// writeLoop is the writer goroutine: it writes one group after the other until the log is closed or has
// failed.
func (l *Log) writeLoop() {
	for g := l.take(); g != nil; g = l.take() {
		err := l.write(g)
		l.budget.Release(g.weight)
		if err != nil {
			l.fail(err)
		}
	}
	l.mu.Lock()
	l.drained = true
	l.mu.Unlock()
	l.toSync.Signal()
}

// take waits for a group with records; nil when there will be none.
func (l *Log) take() *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && l.filling.count == 0 {
		if l.closed {
			return nil
		}
		l.toWrite.Wait()
	}
	if l.err != nil {
		return nil
	}
	g := l.filling
	l.filling = &group{frames: l.spare[:0]}
	l.spare = nil
	return g
}

// write puts g on the end of the log and lets the readers have it.
func (l *Log) write(g *group) error {
	var s segment
	var quiet bool
	err := l.insist(func() (err error) {
		s, quiet, err = l.room(int64(len(g.frames)))
		return err
	})
	if err != nil {
		return err
	}
	if quiet {
		setFlag(g.frames, l.seed, flagDurable)
	}
	err = l.insist(func() error { // the same bytes in the same place, however often
		_, err := l.active.WriteAt(g.frames, s.bytes)
		return err
	})
	if err != nil {
		return fmt.Errorf("write %d records to %s: %w", g.count, s.path, err)
	}
	n := int64(len(g.frames))
	l.mu.Lock()
	l.written = g.end
	l.expect()
	l.segments[len(l.segments)-1].bytes += n
	l.wakeReaders()
	l.mu.Unlock()
	l.toSync.Signal()
	if int64(cap(g.frames)) <= 2*l.opts.BufferBytes { // else one long batch would be kept for ever
		l.spare = g.frames
	}
	l.metrics.records.Add(float64(g.count))
	l.metrics.bytes.Add(float64(n))
	l.metrics.pending.Sub(float64(n))
	l.metrics.size.Add(float64(n))
	return nil
}

// insist repeats a step as long as the disk is full, until the log is closed. Nothing else is tried twice: a write that
// found no room has told no lie.
func (l *Log) insist(step func() error) error {
	err := step()
	for noSpace(err) && l.stall(err) {
		timer := time.NewTimer(l.opts.RetryDelay)
		select {
		case <-timer.C:
		case <-l.closing:
			timer.Stop()
		}
		if err = step(); !noSpace(err) {
			l.goOn()
		}
	}
	return err
}

func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// stall notes why the writer makes no progress, and reports whether it is to try again.
func (l *Log) stall(cause error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.closed && l.full != nil { // Close is worth one more try
		return false
	}
	l.full = fmt.Errorf("wal: %s: %w: make room, and the log goes on by itself: %w", l.dir, ErrFull, cause)
	l.metrics.full.Set(1)
	return true
}

func (l *Log) goOn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = nil
	l.metrics.full.Set(0)
}

// room returns the active segment, a new one if n bytes would take the old one past its limit, and whether all
// that was written before is durable.
func (l *Log) room(n int64) (s segment, quiet bool, err error) {
	l.mu.Lock()
	s, quiet = l.segments[len(l.segments)-1], l.durable == l.written
	l.mu.Unlock()
	if s.bytes == headerBytes || s.bytes+n <= l.opts.SegmentBytes {
		return s, quiet, nil
	}
	s, err = l.rotate(s)
	return s, true, err
}

// rotate puts a new segment behind old. It waits until all that was written is durable: a segment that has a
// successor has no torn end, and the syncer is done with its file.
func (l *Log) rotate(old segment) (segment, error) {
	if err := l.Wait(context.Background(), l.written); err != nil {
		return segment{}, err
	}
	file, s, err := l.create(header{log: l.log, base: l.written, previous: old.base, previousBytes: old.bytes})
	if err != nil {
		return segment{}, err
	}
	l.mu.Lock()
	previous := l.active
	l.active, l.segments = file, append(l.segments, s)
	l.mu.Unlock()
	l.metrics.segments.Inc()
	l.metrics.size.Add(headerBytes)
	if err := previous.Close(); err != nil {
		return segment{}, fmt.Errorf("close %s: %w", old.path, err)
	}
	return s, nil
}
