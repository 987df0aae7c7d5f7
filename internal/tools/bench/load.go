package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// load is what one way of asking has come to.
type load struct {
	took    latencies // of the answers that count, sorted
	refused int       // answers of another status than the one expected
	odd     int       // answers that the check did not like
	seconds float64
	usage   usage
	worst   lag

	checkpoints []checkpoint // that ended meanwhile
}

// perSecond is the rate of answers that count.
func (l *load) perSecond() float64 { return float64(len(l.took)) / l.seconds }

// closedLoad sends the next request on a connection when the last one is answered.
type closedLoad struct {
	conns  int
	status int // that counts
	next   func(dst []byte) []byte
	check  func(body []byte) bool // nil: every body is fine
	limit  int64                  // requests in all; 0: any number
	ahead  int                    // requests of a connection that the engine may not have applied yet; 0: any number
	every  time.Duration          // between two requests of a connection; 0: at once
}

// run loads the server for as long as asked, or until the limit is reached.
func (c closedLoad) run(ctx context.Context, addr string, long time.Duration) (*load, error) {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	workers := make([]closedWorker, c.conns)
	var wg sync.WaitGroup
	var started atomic.Int64
	start := time.Now()
	for i := range workers {
		wg.Go(func() { workers[i].run(ctx, c, addr, &started) })
	}
	wg.Wait()
	out := &load{seconds: time.Since(start).Seconds()}
	parts := make([]latencies, len(workers))
	var errs []error
	for i := range workers {
		w := &workers[i]
		parts[i] = w.took
		out.refused += w.refused
		out.odd += w.odd
		errs = append(errs, w.err)
	}
	out.took = sorted(parts...)
	return out, errors.Join(errs...)
}

// closedWorker is one connection of a closed load.
type closedWorker struct {
	took         latencies
	refused, odd int
	cursors      []string // of what may not be applied yet, oldest first
	err          error
}

func (w *closedWorker) run(ctx context.Context, c closedLoad, addr string, started *atomic.Int64) {
	conn, err := dial(addr)
	if err != nil {
		w.err = err
		return
	}
	defer conn.close()
	var request []byte
	due := time.Now()
	for ctx.Err() == nil {
		if due = due.Add(c.every); c.every > 0 {
			time.Sleep(time.Until(due)) // a late one is sent at once, and those after it until it is made good
		}
		if c.limit > 0 && started.Add(1) > c.limit {
			return
		}
		request = c.next(request[:0])
		begin := time.Now()
		if err := conn.do(request); err != nil {
			w.err = fmt.Errorf("request %.80q: %w", request, err)
			return
		}
		if conn.answer.status != c.status {
			w.refused++
			continue
		}
		w.took = append(w.took, time.Since(begin))
		if c.check != nil && !c.check(conn.answer.body) {
			w.odd++
		}
		if c.ahead > 0 {
			if w.err = w.follow(ctx, conn, c.ahead); w.err != nil {
				return
			}
		}
	}
}

// openLoad sends requests at fixed moments, whether the ones before are answered or not: a server that stalls is not
// spared what comes in meanwhile. Latencies count from the moment at which a request was due.
type openLoad struct {
	conns  int
	status int
	every  time.Duration
	next   func(dst []byte) []byte
}

// run sends until ctx ends, then waits for the answers that are due.
func (o openLoad) run(ctx context.Context, addr string) (*load, error) {
	lanes := make([]*lane, o.conns)
	for i := range lanes {
		conn, err := dial(addr)
		if err != nil {
			return nil, err
		}
		defer conn.close()
		lanes[i] = &lane{conn: conn, due: make(chan time.Time, laneDepth)}
	}
	var wg sync.WaitGroup
	for _, l := range lanes {
		wg.Go(func() { l.read(o.status) })
	}
	start := time.Now()
	err := o.send(ctx, lanes, start)
	for _, l := range lanes {
		close(l.due)
	}
	wg.Wait()
	out := &load{seconds: time.Since(start).Seconds()}
	parts := make([]latencies, len(lanes))
	for i, l := range lanes {
		parts[i] = l.took
		out.refused += l.refused
		err = errors.Join(err, l.err)
	}
	out.took = sorted(parts...)
	return out, err
}

func (o openLoad) send(ctx context.Context, lanes []*lane, start time.Time) error {
	var request []byte
	for n := 0; ctx.Err() == nil; n++ {
		due := start.Add(time.Duration(n) * o.every)
		time.Sleep(time.Until(due))
		l := lanes[n%len(lanes)]
		request = o.next(request[:0])
		if err := l.conn.send(request); err != nil {
			return fmt.Errorf("background request: %w", err)
		}
		l.due <- due
	}
	return nil
}

// laneDepth bounds the requests of one connection that wait for their answers.
const laneDepth = 4096

// lane is a connection whose requests are written by one goroutine and whose answers are read by another.
type lane struct {
	conn    *conn
	due     chan time.Time // of the requests that are on their way
	took    latencies
	refused int
	err     error
}

func (l *lane) read(status int) {
	for due := range l.due {
		if l.err != nil {
			continue // let the sender go on: its own write will fail
		}
		if l.err = l.conn.answer.read(l.conn.in); l.err != nil {
			continue
		}
		if l.conn.answer.status != status {
			l.refused++
			continue
		}
		l.took = append(l.took, time.Since(due))
	}
}
