package wal

import (
	"fmt"
	"time"
)

// round is one sync: what is written when it begins is durable when it ends.
type round struct {
	end  int64         // sequence below which it makes everything durable; set when it begins
	done chan struct{} // closed when it has, or never will
}

func newRound() *round { return &round{done: make(chan struct{})} }

// syncLoop is the syncer goroutine, until the log is closed or has failed; the writer goes on beside it. It syncs what is
// written as long as somebody waits for it. What nobody waits for (a list that was served, say) stays behind for up to
// SyncDelay, so that a busy server does not sync for every one.
func (l *Log) syncLoop() {
	for r, file := l.beginRound(); r != nil; r, file = l.beginRound() {
		begin := l.opts.Clock()
		err := file.Sync()
		if err != nil {
			l.fail(fmt.Errorf("sync before record %d: %w", r.end, err))
			l.endRound(r, false)
			continue
		}
		l.metrics.sync.Observe(l.opts.Clock().Sub(begin).Seconds())
		if err := l.note(r.end); err != nil { // before anybody is told
			l.fail(err)
		}
		l.endRound(r, true)
	}
}

// beginRound waits until something is to be synced, and returns the file; nil when there will be nothing.
func (l *Log) beginRound() (*round, File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && !l.due() {
		if l.drained {
			return nil, nil
		}
		l.toSync.Wait()
	}
	if l.err != nil {
		return nil, nil
	}
	l.overdue = false
	if l.delayed != nil {
		l.delayed.Stop()
		l.delayed = nil
	}
	l.syncing, l.upcoming = l.upcoming, newRound()
	l.syncing.end = l.written
	return l.syncing, l.active
}

// due reports whether it is time to sync. The caller holds mu.
func (l *Log) due() bool {
	return l.written > l.durable && (l.wanted > l.durable || l.overdue || l.closed)
}

// expect sees to it that what was written just now is synced some time. The caller holds mu.
func (l *Log) expect() {
	if l.delayed != nil || l.wanted >= l.written {
		return
	}
	l.delayed = time.AfterFunc(l.opts.SyncDelay, func() {
		l.mu.Lock()
		l.overdue = true
		l.mu.Unlock()
		l.toSync.Signal()
	})
}

func (l *Log) endRound(r *round, durable bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if durable {
		l.durable = r.end
	}
	l.syncing = nil
	close(r.done)
}

// fail ends the log for good: who waits, now or later, gets the first cause.
func (l *Log) fail(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.end(fmt.Errorf("wal: %s has failed and takes no records until it is opened anew: %w", l.dir, cause))
	}
}

// end sets the error with which the log refuses everything from now on and wakes all who wait, but for those
// whose records are being synced: they still learn how that went. The caller holds mu.
func (l *Log) end(err error) {
	l.err = err
	close(l.upcoming.done)
	l.upcoming = newRound()
	l.budget.Release(l.filling.weight)
	l.filling = &group{}
	l.wakeReaders()
	l.toWrite.Signal()
	l.toSync.Signal()
}
