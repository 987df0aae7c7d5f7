package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

const (
	memoryUsers     = 3_000_000 // more than ten times what the budget has room for
	memoryExposures = 3_000     // a second of event time
	memoryTime      = 45 * time.Minute
	memoryBudget    = 1 << 30
	leastBudget     = 256 << 20 // the model alone takes 100 MB

	memoryPace = memoryExposures * streamClick / (streamClick - 1) // events a second
)

// memory takes the figures of a server whose users and pending impressions are far more than its memory has room for, and, of the same
// stream, those of one that may take what it likes.
func (b *bench) memory(ctx context.Context) error {
	if !b.opts.runs("memory") {
		return nil
	}
	n := b.opts.scaled(uint64(memoryPace * memoryTime.Seconds()))
	s := &stream{seed: 2, users: b.opts.scaled(memoryUsers), items: streamItems}
	budget := max(b.opts.scaled(memoryBudget), leastBudget)
	b.say("making %s events", plain(float64(n)))
	args, err := b.writeStream(s, n, time.UnixMilli(1_700_000_000_000), memoryPace)
	if err != nil {
		return err
	}
	defer os.Remove(args[len(args)-1]) // some GB
	var digests []string
	for i := range b.opts.repeats {
		for _, limit := range []uint64{budget, 0} {
			b.say("memory, budget %d MiB, repeat %d of %d", limit>>20, i+1, b.opts.repeats)
			r, err := b.replay(ctx, args, fmt.Sprintf("RECSVC_MEMORY_BUDGET=%d", limit))
			if err != nil {
				return fmt.Errorf("memory: %w", err)
			}
			digests = append(digests, r.Digest)
			b.addBudget(fmt.Sprintf("%s exposures of %s users, %s/s for %v of event time", plain(float64(n-n/streamClick)),
				plain(float64(s.users)), plain(memoryExposures), (time.Duration(n)*time.Second/memoryPace).Round(time.Minute)), limit, r)
		}
	}
	if slices.Sort(digests); digests[0] == digests[len(digests)-1] {
		b.note("The digest of the state after the run for memory is %s, whatever the budget.", digests[0])
	} else {
		b.note("The state after the run for memory depends on the budget, and that is a bug: digests %v.", digests)
	}
	return nil
}

func (b *bench) addBudget(name string, budget uint64, r *replayReport) {
	bound := noGoal
	if budget > 0 {
		name += fmt.Sprintf(", budget %s MB", plain(float64(budget)/1e6))
		bound = atMost(1.3 * float64(budget) / 1e6)
	} else {
		name += ", no budget"
	}
	f := b.figures.add(name+": replayed", "events/s", noGoal, r.EventsPerSecond)
	f.cpu = append(f.cpu, r.usage)
	b.figures.add(name+": memory at most", "MB", bound, r.memory.peak/1e6)
	b.figures.add(name+": of it the process' own at most", "MB", bound, r.memory.anon/1e6)
	b.figures.add(name+": of it mapped files at most", "MB", noGoal, r.memory.file/1e6)
}
