package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	servingTime = 15 * time.Second // of each of the three loads

	servingLists = 8 // connections that ask for lists

	// The events come as fast as the engine follows them: what it learns is what it serves by.
	servingConns = 2
	servingAhead = 4
)

// serving takes the figures of learning while serving: lists alone, events alone, and both together.
func (b *bench) serving(ctx context.Context, data string) error {
	return b.serve(ctx, launch{config: b.config, data: data}, func(s *session) error {
		long := s.opts.long(servingTime)
		lists := closedLoad{conns: servingLists, status: 200, next: listRequests("bench", s.users), check: whole}
		events := closedLoad{conns: servingConns, status: 202, next: s.hundreds.next, ahead: servingAhead}
		if _, err := lists.run(ctx, s.server.addr, s.opts.long(warmUp)); err != nil {
			return err
		}
		for _, part := range []struct {
			name          string
			lists, events bool
		}{{"serving alone", true, false}, {"learning alone", false, true}, {"learning while serving", true, true}} {
			if err := s.addServing(ctx, part.name, chosen(lists, part.lists), chosen(events, part.events), long); err != nil {
				return err
			}
		}
		return nil
	})
}

func chosen(c closedLoad, yes bool) *closedLoad {
	if !yes {
		return nil
	}
	return &c
}

// addServing runs one or both loads at the same time.
func (s *session) addServing(ctx context.Context, name string, lists, events *closedLoad, long time.Duration) error {
	before, err := s.watch.settle(ctx)
	if err != nil {
		return err
	}
	learnedBefore, err := s.learned()
	if err != nil {
		return err
	}
	var asked, sent *load
	all, err := s.measure(ctx, name, func(ctx context.Context) (*load, error) {
		var wg sync.WaitGroup
		errs := make([]error, 2)
		run := func(i int, c *closedLoad, into **load) {
			if c != nil {
				wg.Go(func() { *into, errs[i] = c.run(ctx, s.server.addr, long) })
			}
		}
		run(0, lists, &asked)
		run(1, events, &sent)
		wg.Wait()
		if asked != nil {
			return asked, errors.Join(errs...)
		}
		return sent, errors.Join(errs...)
	})
	if err != nil {
		return err
	}
	usage := all.usage
	after, err := s.watch.settle(ctx)
	if err != nil {
		return err
	}
	learnedAfter, err := s.learned()
	if err != nil {
		return err
	}
	if asked != nil {
		f := s.figures.add(name+", lists of 200 candidates", "lists/s", noGoal, asked.perSecond())
		f.cpu = append(f.cpu, usage)
		s.addLatency(name+", a list", asked.took, noGoal)
	}
	if sent != nil {
		f := s.figures.add(name+", events applied", "events/s", noGoal, float64(after.Counts.Applied-before.Counts.Applied)/all.seconds)
		f.cpu = append(f.cpu, usage)
		s.addLatency(name+", durable request of 100 events", sent.took, noGoal)
	}
	s.figures.add(name+", learning steps of all heads", "steps/s", noGoal, (learnedAfter-learnedBefore)/all.seconds)
	s.figures.add(name+", engine behind at most", "s", noGoal, all.worst.seconds)
	return nil
}

// learned is how many steps all heads have learned since the server started, corrections included.
func (s *session) learned() (float64, error) { return s.metric("recsvc_engine_steps_total") }
