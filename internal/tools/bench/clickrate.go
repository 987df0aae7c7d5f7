package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"recsvc/internal/tools/clickrate"
	flink "recsvc/internal/tools/stream"
)

// What Apache Flink 2.3.0 does with two subtasks on two cores, events/s: its sliding window with a checkpoint each second, and a
// ring of tiles written by hand, with and without.
const (
	flinkWindow      = 356_000
	flinkRing        = 740_000
	flinkRingUnsaved = 1_650_000
)

const (
	rateEvents = 2_000_000 // of a lap
	rateTime   = 5 * time.Second
	rateEvery  = time.Second // from checkpoint to checkpoint
)

// ratePaces are the events a second at which the time to the value is measured: the one that Flink's was, and half of the goal.
var ratePaces = []int{20_000, 5 * flinkWindow / 2}

// rates takes the figures of the click rate of each user in the last minute, read after every event, in this process.
func (b *bench) rates(ctx context.Context) error {
	if !b.opts.runs("stream") {
		return nil
	}
	names := clickrate.NewNames()
	for i := range b.opts.repeats {
		for _, cores := range []int{1, 2} {
			parts := clickrate.Split(rateEvents, cores)
			for _, every := range []time.Duration{0, rateEvery} {
				b.say("stream, %s, repeat %d of %d", rateName(cores, every), i+1, b.opts.repeats)
				if err := b.addRate(ctx, names, parts, every); err != nil {
					return err
				}
			}
		}
		for _, pace := range ratePaces {
			b.say("stream at %s events/s, repeat %d of %d", plain(float64(pace)), i+1, b.opts.repeats)
			name := fmt.Sprintf("%s events/s, checkpoints %v apart: event → value", plain(float64(pace)), rateEvery)
			everybody := func(*flink.Event) bool { return true }
			if err := b.addPace(name, names, &clickrate.Split(rateEvents, 1)[0], pace, everybody); err != nil {
				return err
			}
		}
		b.say("stream with a hot key, repeat %d of %d", i+1, b.opts.repeats)
		if err := b.addHot(ctx, names); err != nil {
			return err
		}
	}
	return nil
}

// hotPace is the events a second at which a hot key is measured, with those beside it.
const hotPace = 200_000

// addHot compares a stream in which all users are equally busy with one in which a single user and item have four events in five.
func (b *bench) addHot(ctx context.Context, names *clickrate.Names) error {
	for _, s := range []struct {
		name string
		part clickrate.Part
	}{
		{"all keys equally busy", clickrate.Uniform(rateEvents)},
		{"one key with 80 % of the events", clickrate.Hot(rateEvents)},
	} {
		parts := []clickrate.Part{s.part}
		rate, err := b.rateOf(ctx, names, parts, rateEvery)
		if err != nil {
			return err
		}
		rate.add(b, s.name+", one core, checkpoints "+rateEvery.String()+" apart", noGoal)
		others := func(e *flink.Event) bool { return e.User != clickrate.HotUser }
		name := fmt.Sprintf("%s, %s events/s: event → value of the other keys", s.name, plain(hotPace))
		if err := b.addPace(name, names, &parts[0], hotPace, others); err != nil {
			return err
		}
	}
	return nil
}

func rateName(cores int, every time.Duration) string {
	name := "click rate per user after every event, one core"
	if cores > 1 {
		name = fmt.Sprintf("click rate per user after every event, %d cores", cores)
	}
	if every > 0 {
		return fmt.Sprintf("%s, checkpoints %v apart", name, every)
	}
	return name + ", no checkpoints"
}

// rateGoal is five times Flink's window, where there are two cores, and above its ring.
func rateGoal(cores int, every time.Duration) goal {
	switch {
	case cores == 1:
		return noGoal
	case every > 0:
		return atLeast(max(5*flinkWindow, flinkRing))
	}
	return atLeast(flinkRingUnsaved)
}

// rate is how fast workers went.
type rate struct {
	events  float64
	seconds float64
	usage   usage
	first   flink.Total // outputs of the first lap

	checkpoints int
	bytes       int64 // of all of them
}

func (r *rate) add(b *bench, name string, g goal) {
	f := b.figures.add(name, "events/s", g, r.events/r.seconds)
	f.cpu = append(f.cpu, r.usage)
	b.figures.add(name+", CPU per event", "ns", noGoal, r.usage.server*r.seconds*1e9/r.events)
	if r.checkpoints > 0 {
		b.figures.add(name+": checkpoints", "", noGoal, float64(r.checkpoints))
		b.figures.add(name+": size of a checkpoint", "MB", noGoal, float64(r.bytes)/1e6/float64(r.checkpoints))
	}
}

// addRate takes the figures of the stream that Flink had.
func (b *bench) addRate(ctx context.Context, names *clickrate.Names, parts []clickrate.Part, every time.Duration) error {
	r, err := b.rateOf(ctx, names, parts, every)
	if err != nil {
		return err
	}
	if want, _ := flink.Expected(flink.Ring, rateEvents); r.first != want {
		b.note("The outputs of %d workers come to %+v, those of Flink to %+v: that is a bug.", len(parts), r.first, want)
	}
	r.add(b, rateName(len(parts), every), rateGoal(len(parts), every))
	return nil
}

// rateOf runs one worker per part, each on a core of its own, as fast as they go.
func (b *bench) rateOf(ctx context.Context, names *clickrate.Names, parts []clickrate.Part, every time.Duration) (*rate, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(len(parts)))
	workers, done, err := b.workers(names, len(parts), every)
	if err != nil {
		return nil, err
	}
	defer done()
	var applied atomic.Uint64
	firsts := make([]flink.Total, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	before := readCPU(0)
	until := before.at.Add(b.opts.long(rateTime))
	for i, w := range workers {
		g.Go(func() error {
			for lap := int64(0); ; lap++ {
				n, err := w.Lap(&parts[i], lap, func() bool { return lap > 0 && time.Now().After(until) || ctx.Err() != nil })
				applied.Add(n)
				if lap == 0 {
					firsts[i] = w.Total
				}
				if err != nil || n < uint64(len(parts[i].Events)) {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	after := readCPU(0)
	u := before.until(after)
	r := &rate{
		events: float64(applied.Load()), seconds: after.at.Sub(before.at).Seconds(),
		usage: usage{server: u.generator, others: u.others}, // it all runs in this process
	}
	for i, w := range workers {
		r.first = r.first.Plus(firsts[i])
		n, size := w.Checkpoints()
		r.checkpoints, r.bytes = r.checkpoints+n, r.bytes+size
	}
	return r, nil
}

// workers makes fresh workers; done closes them and removes what they wrote.
func (b *bench) workers(names *clickrate.Names, n int, every time.Duration) (workers []*clickrate.Worker, done func(), err error) {
	root := ""
	if every > 0 {
		if root, err = os.MkdirTemp(b.work, "rates-"); err != nil {
			return nil, nil, err
		}
	}
	done = func() {
		for _, w := range workers {
			if err := w.Close(); err != nil {
				b.note("A worker ended with: %v", err)
			}
		}
		if root != "" {
			_ = os.RemoveAll(root)
		}
	}
	for i := range n {
		dir := ""
		if every > 0 {
			dir = filepath.Join(root, fmt.Sprint(i))
		}
		w, err := clickrate.NewWorker(names, dir, every)
		if err != nil {
			done()
			return nil, nil, err
		}
		workers = append(workers, w)
	}
	return workers, done, nil
}

// addPace measures from when an event is handed over to when its value is there, checkpoints going on; of those that count.
func (b *bench) addPace(name string, names *clickrate.Names, part *clickrate.Part, pace int, counts func(*flink.Event) bool) error {
	workers, done, err := b.workers(names, 1, rateEvery)
	if err != nil {
		return err
	}
	defer done()
	var took latencies
	err = workers[0].Pace(part, pace, b.opts.long(rateTime), func(e *flink.Event, d time.Duration) {
		if counts(e) {
			took = append(took, d)
		}
	})
	if err != nil {
		return err
	}
	slices.Sort(took)
	b.figures.add(name+", p50", "ms", noGoal, ms(took.quantile(0.5)))
	b.figures.add(name+", p99", "ms", noGoal, ms(took.quantile(0.99)))
	b.figures.add(name+", p99.9", "ms", noGoal, ms(took.quantile(0.999)))
	return nil
}
