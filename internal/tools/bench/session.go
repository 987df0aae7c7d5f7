package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// session is one server under load.
type session struct {
	*bench
	server *server
	watch  *watch
}

// serve starts a server, runs fn when it is ready, and stops the server again. What the server should not have met in the
// generator's traffic is noted.
func (b *bench) serve(ctx context.Context, l launch, fn func(*session) error) (err error) {
	srv, err := b.startReady(ctx, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	w, err := newWatch(srv.addr)
	if err != nil {
		return err
	}
	defer w.close()
	s := &session{bench: b, server: srv, watch: w}
	before, err := w.look()
	if err != nil {
		return err
	}
	if err := fn(s); err != nil {
		return err
	}
	after, err := w.settle(ctx)
	if err != nil {
		return err
	}
	for what, n := range map[string]int64{
		"duplicate": after.Counts.Duplicate - before.Counts.Duplicate, "late": after.Counts.Late - before.Counts.Late,
		"dead-lettered": after.Counts.DeadLettered - before.Counts.DeadLettered,
	} {
		if n > 0 {
			b.note("%d of the posted events were %s: they cost less than others.", n, what)
		}
	}
	return nil
}

// measure runs a load with an eye on CPU, lag and noise.
func (s *session) measure(ctx context.Context, name string, load func(context.Context) (*load, error)) (*load, error) {
	if _, err := s.watch.settle(ctx); err != nil {
		return nil, err
	}
	s.watch.worst, s.watch.checkpoints = lag{}, nil
	watched, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.watch.run(watched) })
	before := readCPU(s.server.pid(), s.helpers...)
	l, err := load(ctx)
	after := readCPU(s.server.pid(), s.helpers...)
	stop()
	wg.Wait()
	if err = errors.Join(err, s.watch.err); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	l.usage, l.worst, l.checkpoints = before.until(after), s.watch.worst, s.watch.checkpoints
	if len(l.took) == 0 {
		return nil, fmt.Errorf("%s: no request was answered as expected (%d were refused)", name, l.refused)
	}
	if l.refused > 0 {
		s.note("%s: %d of %d requests were refused; they do not count.", name, l.refused, l.refused+len(l.took))
	}
	return l, nil
}

// addLatency adds two quantiles of a load.
func (b *bench) addLatency(name string, took latencies, p99 goal) {
	b.figures.add(name+", p50", "ms", noGoal, ms(took.quantile(0.5)))
	b.figures.add(name+", p99", "ms", p99, ms(took.quantile(0.99)))
}

func (s *session) addMemory(during string) {
	s.figures.add("peak memory of the server, "+during, "MB", noGoal, readResident(s.server.pid()).peak/1e6)
}

// metric reads one sample without labels from /metrics.
func (s *session) metric(name string) (float64, error) {
	c, err := dial(s.server.addr)
	if err != nil {
		return 0, err
	}
	defer c.close()
	body, err := c.read("/metrics")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(body) {
		if value, ok := bytes.CutPrefix(line, []byte(name+" ")); ok {
			return strconv.ParseFloat(string(bytes.TrimSpace(value)), 64)
		}
	}
	return 0, fmt.Errorf("the server has no metric %s", name)
}

// warmUp is how long a fresh server is loaded before figures are taken.
const warmUp = 2 * time.Second
