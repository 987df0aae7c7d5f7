package main

import (
	"context"
	"fmt"
	"time"
)

const (
	durableTime   = 10 * time.Second
	sustainedTime = 60 * time.Second

	durableEvents = 400_000 // of one load, at most: the log takes more than the engine does, and what waits is bounded

	batch = 1000 // events in a request

	sustainedPace = 50_000 // events a second

	// The other sustained load goes as fast as the engine follows: it has at most 4 × 8 batches in hand.
	sustainedConns = 4
	sustainedAhead = 8

	burstConns    = 8
	burstRequests = 400
)

// durable takes the figures of POST /v1/events. All of them are durable: 202 comes after fdatasync.
func (b *bench) durable(ctx context.Context, data string) error {
	return b.serve(ctx, launch{config: b.config, data: data}, func(s *session) error {
		warm := closedLoad{conns: 8, status: 202, next: b.singles.next}
		if _, err := warm.run(ctx, s.server.addr, b.opts.long(warmUp)); err != nil {
			return err
		}
		for _, t := range []*traffic{b.singles, b.hundreds, b.batches} {
			for _, conns := range []int{1, 64} {
				if err := s.addDurable(ctx, t, conns); err != nil {
					return err
				}
			}
		}
		if err := s.addSustained(ctx); err != nil {
			return err
		}
		if err := s.addBurst(ctx); err != nil {
			return err
		}
		s.addMemory("durable events")
		return nil
	})
}

// addDurable sends requests of one size, each when the last one of its connection is answered.
func (s *session) addDurable(ctx context.Context, t *traffic, conns int) error {
	name := fmt.Sprintf("durable events, %s per request, %d connections", plain(float64(t.events)), conns)
	if conns == 1 {
		name = fmt.Sprintf("durable events, %s per request, 1 connection", plain(float64(t.events)))
	}
	rate := noGoal
	if t.events == 1 && conns == 64 {
		rate = atLeast(5000)
	}
	c := closedLoad{conns: conns, status: 202, next: t.next, limit: int64(durableEvents / t.events)}
	l, err := s.measure(ctx, name, func(ctx context.Context) (*load, error) {
		return c.run(ctx, s.server.addr, s.opts.long(durableTime))
	})
	if err != nil {
		return err
	}
	f := s.figures.add(name, "events/s", rate, l.perSecond()*float64(t.events))
	f.cpu = append(f.cpu, l.usage)
	s.addLatency(name, l.took, noGoal)
	return nil
}

// addSustained sends at the pace of the goal, and is judged by how far the engine falls behind; then, on the server that
// has all this in memory already, as fast as the engine can follow.
func (s *session) addSustained(ctx context.Context) error {
	long := s.opts.long(sustainedTime)
	name := fmt.Sprintf("durable events, batches of %d, sustained for %v", batch, long)
	pace := closedLoad{
		conns: sustainedConns, status: 202, next: s.batches.next, every: sustainedConns * time.Second * batch / sustainedPace,
	}
	if err := s.addBatches(ctx, name, pace, long, atLeast(sustainedPace*0.99), atMost(1)); err != nil {
		return err
	}
	full := closedLoad{conns: sustainedConns, status: 202, next: s.batches.next, ahead: sustainedAhead}
	return s.addBatches(ctx, name+" as fast as the engine follows", full, long, noGoal, noGoal)
}

func (s *session) addBatches(ctx context.Context, name string, c closedLoad, long time.Duration, rate, behind goal) error {
	l, err := s.measure(ctx, name, func(ctx context.Context) (*load, error) { return c.run(ctx, s.server.addr, long) })
	if err != nil {
		return err
	}
	perSecond := l.perSecond() * batch
	f := s.figures.add(name, "events/s", rate, perSecond)
	f.cpu = append(f.cpu, l.usage)
	s.addLatency(name+", a batch", l.took, noGoal)
	s.figures.add(name+", engine behind at most", "s", behind, l.worst.seconds)
	s.figures.add(name+", CPU of the server per event", "µs", noGoal, l.usage.server*1e6/perSecond)
	return nil
}

// addBurst sends a fixed number of batches as fast as the log takes them.
func (s *session) addBurst(ctx context.Context) error {
	c := closedLoad{conns: burstConns, status: 202, next: s.batches.next, limit: burstRequests}
	name := fmt.Sprintf("durable events, batches of %d, a burst of %s into the log", batch, plain(burstRequests*batch))
	l, err := s.measure(ctx, name, func(ctx context.Context) (*load, error) { return c.run(ctx, s.server.addr, time.Minute) })
	if err != nil {
		return err
	}
	f := s.figures.add(name, "events/s", atLeast(100_000), l.perSecond()*batch)
	f.cpu = append(f.cpu, l.usage)
	return nil
}
