package wal

import "fmt"

// commit is the committer goroutine: it makes one group after the other durable until the log is closed or
// fails.
func (l *Log) commit() {
	defer close(l.done)
	for g := l.take(); g != nil; g = l.take() {
		if err := l.flush(g); err != nil {
			l.fail(err)
			return
		}
	}
}

// take waits for a group with records and makes it the flushing one; nil when the log is closed and all is
// done.
func (l *Log) take() *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.filling.count == 0 {
		if l.closed {
			return nil
		}
		l.work.Wait()
	}
	l.flushing, l.filling = l.filling, newGroup(l.spare)
	l.spare = nil
	return l.flushing
}

// flush writes g, lets the readers have it, syncs, and wakes those who wait for it.
func (l *Log) flush(g *group) error {
	s, err := l.room(int64(len(g.frames)))
	if err != nil {
		return err
	}
	if _, err := l.active.WriteAt(g.frames, s.bytes); err != nil {
		return fmt.Errorf("write %d records to %s: %w", g.count, s.path, err)
	}
	l.publish(g)
	begin := l.opts.Clock()
	if err := l.active.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", s.path, err)
	}
	l.metrics.sync.Observe(l.opts.Clock().Sub(begin).Seconds())
	l.settle(g)
	return nil
}

// room returns the active segment, a new one if n bytes would take the old one past its limit. All that was
// written before is synced, so a segment that has a successor is durable.
func (l *Log) room(n int64) (segment, error) {
	l.mu.Lock()
	old, base := l.segments[len(l.segments)-1], l.written
	l.mu.Unlock()
	if old.bytes == headerBytes || old.bytes+n <= l.opts.SegmentBytes {
		return old, nil
	}
	file, s, err := l.create(header{log: l.log, base: base, previous: old.base, previousBytes: old.bytes})
	if err != nil {
		return segment{}, err
	}
	closed := l.active.Close()
	l.active = file
	if closed != nil {
		return segment{}, fmt.Errorf("close %s: %w", old.path, closed)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = append(l.segments, s)
	l.metrics.segments.Inc()
	l.metrics.size.Add(headerBytes)
	return s, nil
}

// publish makes the written group readable and gives its buffer free.
func (l *Log) publish(g *group) {
	n, weight := int64(len(g.frames)), g.weight
	l.mu.Lock()
	l.written = g.end
	l.segments[len(l.segments)-1].bytes += n
	g.weight = 0
	l.wakeReaders()
	l.mu.Unlock()
	l.budget.Release(weight)
	if int64(cap(g.frames)) <= l.opts.BufferBytes { // else one long batch would be remembered for ever
		l.spare = g.frames
	}
	g.frames = nil
	l.metrics.records.Add(float64(g.count))
	l.metrics.bytes.Add(float64(n))
	l.metrics.pending.Sub(float64(n))
	l.metrics.size.Add(float64(n))
}

// settle records that g is durable.
func (l *Log) settle(g *group) {
	l.mu.Lock()
	l.durable = g.end
	l.flushing = nil
	l.mu.Unlock()
	close(g.done)
}

// fail ends the log for good: who waits, now or later, gets the error.
func (l *Log) fail(cause error) {
	l.mu.Lock()
	weight := l.flushing.weight + l.filling.weight
	l.err = fmt.Errorf("wal: %s has failed and takes no records until it is opened anew: %w", l.dir, cause)
	l.wake()
	l.mu.Unlock()
	l.budget.Release(weight)
}
