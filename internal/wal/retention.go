package wal

import (
	"fmt"
	"slices"
)

// TrimBefore removes segments, oldest first, whose records all lie below seq and that retention gives up:
// while the log is larger than RetainBytes, or where the youngest record is older than RetainAge. With neither
// bound set everything is kept. The active segment always stays. A reader that stands in a removed segment
// gets ErrTruncated.
func (l *Log) TrimBefore(seq int64) error {
	l.trim.Lock()
	defer l.trim.Unlock()
	if err := l.settleRemoval(); err != nil {
		return err
	}
	for {
		s, ok, err := l.detach(seq)
		if err != nil || !ok {
			return err
		}
		if err := l.opts.FS.Remove(s.path); err != nil {
			l.mu.Lock()
			l.segments = slices.Insert(l.segments, 0, s)
			l.mu.Unlock()
			return fmt.Errorf("wal: remove segment: %w", err)
		}
		l.metrics.segments.Dec()
		l.metrics.size.Sub(float64(s.bytes))
		l.removing = true
		if err := l.settleRemoval(); err != nil {
			return err
		}
	}
}

// settleRemoval makes the last removal durable. They go one by one: after a crash no gap may stand where a younger one got to
// disk first.
func (l *Log) settleRemoval() error {
	if !l.removing {
		return nil
	}
	if err := l.opts.FS.SyncDir(l.dir); err != nil {
		return fmt.Errorf("wal: sync %s after removing a segment: %w", l.dir, err)
	}
	l.removing = false
	return nil
}

// detach takes the oldest segment off the list if it may go.
func (l *Log) detach(seq int64) (s segment, ok bool, err error) {
	oldest := l.opts.Clock().Add(-l.opts.RetainAge).UnixNano()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return segment{}, false, l.closedError()
	}
	if len(l.segments) < 2 || l.segments[1].base > seq {
		return segment{}, false, nil
	}
	size := int64(0)
	for _, s := range l.segments {
		size += s.bytes
	}
	large := l.opts.RetainBytes > 0 && size > l.opts.RetainBytes
	old := l.opts.RetainAge > 0 && l.segments[1].created < oldest // the successor began when this one ended
	if !large && !old {
		return segment{}, false, nil
	}
	s = l.segments[0]
	l.segments = l.segments[1:]
	return s, true, nil
}
