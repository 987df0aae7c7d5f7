package main

import (
	"context"
	"fmt"
	"time"
)

// behindTime is how much of the log lies behind the last checkpoint when the server is killed.
const behindTime = 10 * time.Second

// restart takes the figures of a server that was killed with the most behind its last checkpoint that there can be.
func (b *bench) restart(ctx context.Context, data string) error {
	l := launch{data: data, env: []string{"RECSVC_CHECKPOINT_INTERVAL=" + never.String()}}
	sent, err := b.killBehind(ctx, l)
	if err != nil {
		return err
	}
	before := readCPU(0)
	return b.serve(ctx, launch{data: data}, func(s *session) error {
		after := readCPU(s.server.pid())
		name := fmt.Sprintf("restart after a kill, %s users, %s events behind the checkpoint", plain(float64(b.crowd.users)), plain(float64(sent)))
		f := b.figures.add(name+": ready", "s", atMost(5), s.server.up.Seconds())
		f.cpu = append(f.cpu, before.until(after))
		if err := s.watch.caughtUp(ctx); err != nil {
			return err
		}
		b.figures.add(name+": all applied", "s", atMost(5), time.Since(s.server.start).Seconds())
		s.addMemory("a restart with a crowd")
		return nil
	})
}

// killBehind starts a server, has it write a checkpoint, sends it the crowd's events and kills it. It returns how many it has taken.
func (b *bench) killBehind(ctx context.Context, l launch) (sent int, err error) {
	srv, err := b.startReady(ctx, l)
	if err != nil {
		return 0, err
	}
	defer srv.kill()
	c, err := dial(srv.addr)
	if err != nil {
		return 0, err
	}
	defer c.close()
	if err := c.do(post("/admin/v1/checkpoint", "application/json", nil)); err != nil {
		return 0, err
	}
	if c.answer.status != 200 {
		return 0, fmt.Errorf("a checkpoint was answered %d: %s", c.answer.status, c.answer.body)
	}
	s := &session{bench: b, server: srv}
	taken, err := s.crowdFor(ctx, b.opts.long(behindTime))
	if err != nil {
		return 0, err
	}
	return len(taken.took) * crowdEach, nil
}

// caughtUpEvery is the time between two looks where it matters.
const caughtUpEvery = 10 * time.Millisecond

// caughtUp waits until everything in the log is applied, and looks often.
func (w *watch) caughtUp(ctx context.Context) error {
	for {
		s, err := w.look()
		if err != nil || s.LagRecords == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(caughtUpEvery):
		}
	}
}
