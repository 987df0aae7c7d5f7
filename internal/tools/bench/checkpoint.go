package main

import (
	"context"
	"fmt"
	"time"
)

const (
	checkpointEvery = 10 * time.Second
	checkpointCount = 3 // in a load, at least

	never = 10 * time.Minute // between two checkpoints, where there should be none

	glanceEvery = time.Millisecond
	glanceConns = 64 // so many milliseconds may the writer stand still before fewer are sent than should be
)

// checkpoint takes the figures of checkpoints under a load that changes everything: what it costs those who wait, without
// checkpoints first.
func (b *bench) checkpoint(ctx context.Context, data string) error {
	long := b.opts.long(checkpointEvery * (checkpointCount + 1))
	every := long / (checkpointCount + 1)
	for _, c := range []struct {
		name  string
		every time.Duration
	}{{"no checkpoint", never}, {fmt.Sprintf("checkpoints %v apart", every), every}} {
		l := launch{data: data, env: []string{"RECSVC_CHECKPOINT_INTERVAL=" + c.every.String()}}
		err := b.serve(ctx, l, func(s *session) error {
			if _, err := s.crowdFor(ctx, every); err != nil { // until all weights have changed, and those who come again are in memory
				return err
			}
			return s.addCheckpoints(ctx, fmt.Sprintf("%s events/s of %s users, %s", plain(crowdPace), plain(float64(s.crowd.users)), c.name), long)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *session) addCheckpoints(ctx context.Context, name string, long time.Duration) error {
	entries, err := s.metric("recsvc_state_checkpoint_entries_total")
	if err != nil {
		return err
	}
	var seen *glances
	l, err := s.measure(ctx, name, func(ctx context.Context) (*load, error) {
		return s.glanceBeside(ctx, &seen, func(ctx context.Context) (*load, error) { return s.crowdFor(ctx, long) })
	})
	if err != nil {
		return err
	}
	f := s.figures.add(name+": POST of one event → visible, p50", "ms", noGoal, ms(seen.whole.quantile(0.5)))
	f.cpu = append(f.cpu, l.usage)
	s.figures.add(name+": POST of one event → visible, p99.9", "ms", noGoal, ms(seen.whole.quantile(0.999)))
	s.figures.add(name+": of it 202 → visible, p50", "ms", noGoal, ms(seen.visible.quantile(0.5)))
	s.figures.add(name+": of it 202 → visible, p99.9", "ms", noGoal, ms(seen.visible.quantile(0.999)))
	s.figures.add(name+": of it 202 → visible, at most", "ms", noGoal, ms(seen.visible.quantile(1)))
	s.figures.add(name+": engine behind at most", "s", noGoal, l.worst.seconds)
	if len(l.checkpoints) == 0 {
		return nil
	}
	after, err := s.metric("recsvc_state_checkpoint_entries_total")
	if err != nil {
		return err
	}
	for _, c := range l.checkpoints {
		s.figures.add("a checkpoint of these: size", "MB", noGoal, c.Bytes/1e6)
		s.figures.add("a checkpoint of these: from cut to durable", "s", noGoal, c.Seconds)
	}
	s.figures.add("a checkpoint of these: entries", "", noGoal, (after-entries)/float64(len(l.checkpoints)))
	return nil
}
