package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// glances are what single events, sent at fixed moments beside another load, have seen of the writer. Sorted.
type glances struct {
	whole   latencies // from the moment at which an event was due to an answer that includes it
	visible latencies // of it, from its 202
}

// glanceBeside glances for as long as a load lasts.
func (s *session) glanceBeside(ctx context.Context, seen **glances, beside func(context.Context) (*load, error)) (*load, error) {
	glancing, stop := context.WithCancel(ctx)
	defer stop()
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { *seen, err = s.glance(glancing) })
	l, failed := beside(ctx)
	stop()
	wg.Wait()
	return l, errors.Join(failed, err)
}

// glance sends events until ctx ends.
func (s *session) glance(ctx context.Context) (*glances, error) {
	s.glanced++
	workers := make([]glancer, glanceConns)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range workers {
		w := &workers[i]
		wg.Go(func() { w.run(ctx, s.server.addr, start, s.glanced, i) })
	}
	wg.Wait()
	var whole, visible []latencies
	var err error
	for _, w := range workers {
		whole, visible, err = append(whole, w.whole), append(visible, w.visible), errors.Join(err, w.err)
	}
	return &glances{sorted(whole...), sorted(visible...)}, err
}

// glancer is one connection.
type glancer struct {
	glances
	err error
}

func (g *glancer) run(ctx context.Context, addr string, start time.Time, round, lane int) {
	c, err := dial(addr)
	if err != nil {
		g.err = err
		return
	}
	defer c.close()
	for n := lane; ctx.Err() == nil && g.err == nil; n += glanceConns {
		due := start.Add(time.Duration(n) * glanceEvery)
		time.Sleep(time.Until(due))
		g.err = g.look(ctx, c, due, fmt.Sprintf("%d-%d", round, n))
	}
}

// look sends one event and waits until it is seen.
func (g *glancer) look(ctx context.Context, c *conn, due time.Time, id string) error {
	body := fmt.Appendf(nil, `{"id":"%s","type":"view","user":"g%s","item":"v1"}`, id, id[len(id)-1:])
	if err := c.do(post("/v1/events", "application/json", body)); err != nil {
		return err
	}
	accepted := time.Now()
	if c.answer.status != 202 {
		return fmt.Errorf("an event was answered %d: %s", c.answer.status, c.answer.body)
	}
	if err := c.await(ctx, string(textOf(c.answer.body, "cursor"))); err != nil || ctx.Err() != nil {
		return err
	}
	g.whole = append(g.whole, time.Since(due))
	g.visible = append(g.visible, time.Since(accepted))
	return nil
}
