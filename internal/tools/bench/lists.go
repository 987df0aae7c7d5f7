package main

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// listTime is how long lists are asked for at each number of connections.
const listTime = 10 * time.Second

// lists takes the figures of GET /v1/recommendations.
func (b *bench) lists(ctx context.Context, data string) error {
	return b.serve(ctx, launch{config: b.config, data: data}, func(s *session) error {
		b.figures.add("ready after a restart with kuairand loaded", "s", noGoal, s.server.up.Seconds())
		shipped, err := s.askLists(ctx, "default", 8, b.opts.long(warmUp))
		if err != nil {
			return err
		}
		b.figures.add("candidates of a list, scene default as shipped", "", noGoal, shipped.pool)
		for _, conns := range []int{8, 64} {
			if err := s.addLists(ctx, conns); err != nil {
				return err
			}
		}
		s.addMemory("lists")
		return nil
	})
}

func (s *session) addLists(ctx context.Context, conns int) error {
	l, err := s.askLists(ctx, "bench", conns, s.opts.long(listTime))
	if err != nil {
		return err
	}
	name := fmt.Sprintf("lists of 200 candidates, %d connections", conns)
	rate, p99 := noGoal, noGoal
	if conns == 8 {
		rate, p99 = atLeast(4000), atMost(15)
	}
	f := s.figures.add(name, "lists/s", rate, l.perSecond())
	f.cpu = append(f.cpu, l.usage)
	s.addLatency(name, l.took, p99)
	s.figures.add(name+", CPU of the server per list", "ms", noGoal, l.usage.server*1e3/l.perSecond())
	s.figures.add(name+", candidates scored", "", atLeast(200), l.pool)
	s.figures.add(name+", engine behind at most", "s", noGoal, l.worst.seconds)
	if l.odd > 0 {
		s.note("%s: %d of %d lists were degraded.", name, l.odd, len(l.took))
	}
	return nil
}

// listLoad is a load of lists, with the mean number of candidates that they were picked from.
type listLoad struct {
	*load
	pool float64
}

func (s *session) askLists(ctx context.Context, scene string, conns int, long time.Duration) (*listLoad, error) {
	before, err := s.pool()
	if err != nil {
		return nil, err
	}
	c := closedLoad{conns: conns, status: 200, next: listRequests(scene, s.users), check: whole}
	l, err := s.measure(ctx, "lists", func(ctx context.Context) (*load, error) { return c.run(ctx, s.server.addr, long) })
	if err != nil {
		return nil, err
	}
	after, err := s.pool()
	return &listLoad{l, (after.sum - before.sum) / (after.count - before.count)}, err
}

// pool is the histogram of candidates per list.
type pool struct{ sum, count float64 }

func (s *session) pool() (p pool, err error) {
	if p.sum, err = s.metric("recsvc_rank_pool_items_sum"); err != nil {
		return p, err
	}
	p.count, err = s.metric("recsvc_rank_pool_items_count")
	return p, err
}

// listRequests asks for lists of ten for one user after the other.
func listRequests(scene string, users []string) func(dst []byte) []byte {
	requests := make([][]byte, len(users))
	for i, u := range users {
		requests[i] = get("/v1/recommendations?n=10&scene=" + scene + "&user=" + u + "&context.tab=1&context.duration=30")
	}
	var n atomic.Uint64
	return func(dst []byte) []byte {
		return append(dst, requests[n.Add(1)%uint64(len(requests))]...)
	}
}

// whole reports whether a list was made with everything on.
func whole(body []byte) bool { return bytes.Contains(body, []byte(`"degraded":[]`)) }
