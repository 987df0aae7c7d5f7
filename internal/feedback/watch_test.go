package feedback

import (
	"fmt"
	"testing"
	"time"

	"recsvc/internal/event"
)

// diary writes down what a watcher is told.
type diary struct {
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) Parked(id uint64, at int) { d.note("%d parked at %d", id, at) }

func (d *diary) Requested(id uint64, e *event.Event) { d.note("%d of %s", id, e.Request) }

func (d *diary) Shown(id uint64, e *event.Event, s Shown) {
	how := "by itself"
	if e != nil {
		how = "by " + e.Type
	}
	d.note("%d shown %s @%v pos=%d w=%.3g θ=%.3g implied=%v", id, how, time.Duration(s.Time).Seconds(), s.Position, s.Weight, s.Theta, s.Implied)
}

func (d *diary) Labelled(id uint64, head int, e *event.Event) {
	d.note("%d head %d by %s", id, head, e.Type)
}

func (d *diary) Settled(id uint64, s Settled) {
	d.note("%d head %d settled %v", id, s.Head, s.Positive)
}

func (d *diary) Ended(id uint64, end End) { d.note("%d ended %d", id, end) }

func TestAWatcherIsToldTheWholeLifeOfAnImpression(t *testing.T) {
	placed := two(Correct)
	placed.Positions = []float64{0.9, 0.5}
	for _, tc := range []struct {
		name, script, want string
		options            Options
	}{
		{
			name: "shown, clicked, closed", options: two(Correct),
			script: `exposure u/a @10 r=r p=0.5
				click u/a @12 r=r
				wm 100`,
			want: `1 parked at 0
				1 shown by exposure @10 pos=0 w=1 θ=1 implied=false
				1 head 0 by click
				1 head 0 settled true
				1 head 1 settled false
				1 ended 0`,
		},
		{
			name: "served: one is shown and one never", options: placed,
			script: `served u @9 r=r a=0.5 b=0.25
				exposure u/b @10 r=r
				wm 100`,
			want: `1 parked at 0
				2 parked at 1
				2 shown by exposure @10 pos=2 w=1 θ=0.5 implied=false
				2 head 0 settled false
				1 ended 1
				2 head 1 settled false
				2 ended 0`,
		},
		{
			name: "an outcome implies its exposure, which comes later and names the request", options: click(),
			script: `click u/a @10
				wm 16
				exposure u/a @9 r=r
				wm 100`,
			want: `1 parked at 0
				1 head 0 by click
				1 shown by itself @10 pos=0 w=1 θ=1 implied=true
				1 head 0 settled true
				1 of r
				1 ended 0`,
		},
		{
			name: "an outcome before its served list", options: click(),
			script: `click u/a @10 r=r
				served u @9 r=r a=0.5`,
			want: `1 parked at 0
				1 head 0 by click
				1 shown by itself @10 pos=0 w=1 θ=1 implied=true
				1 ended 2`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := &diary{}
			tc.options.Watch = d
			r := newRig(t, tc.options)
			r.run(tc.script)
			compareLines(t, d.lines, tc.want)
		})
	}
}

// census counts what a watcher is told, and checks that it is told it in order.
type census struct {
	t                          *testing.T
	alive, shown               map[uint64]bool
	labelled                   map[[2]uint64]bool
	exposures, late, unexposed int64
	positive, negative         []int64
}

func (c *census) Parked(id uint64, _ int) {
	if id == 0 || c.alive[id] {
		c.t.Errorf("%d is parked again", id)
	}
	c.alive[id] = true
}

func (c *census) Requested(id uint64, e *event.Event) {
	if !c.alive[id] || e.Request == "" {
		c.t.Errorf("%d belongs to request %q", id, e.Request)
	}
}

func (c *census) Shown(id uint64, _ *event.Event, _ Shown) {
	if !c.alive[id] || c.shown[id] {
		c.t.Errorf("%d is shown", id)
	}
	c.shown[id] = true
	c.exposures++
}

func (c *census) Labelled(id uint64, head int, _ *event.Event) {
	c.labelled[[2]uint64{id, uint64(head)}] = true
}

func (c *census) Settled(id uint64, s Settled) {
	if !c.shown[id] || s.Positive && !c.labelled[[2]uint64{id, uint64(s.Head)}] {
		c.t.Errorf("%d is settled before its time: %+v", id, s)
	}
	if s.Positive {
		c.positive[s.Head]++
	} else {
		c.negative[s.Head]++
	}
}

func (c *census) Ended(id uint64, end End) {
	if !c.alive[id] || (end == EndUnexposed) == c.shown[id] && end != EndErased {
		c.t.Errorf("%d ends with %d", id, end)
	}
	switch end {
	case EndCapturedLate:
		c.late++
	case EndUnexposed:
		c.unexposed++
	}
	delete(c.alive, id)
	delete(c.shown, id)
}

func TestWhatAWatcherIsToldAddsUpToTheCounters(t *testing.T) {
	for n := range 16 {
		o := streamOptions(n)
		c := &census{
			t: t, alive: map[uint64]bool{}, shown: map[uint64]bool{}, labelled: map[[2]uint64]bool{},
			positive: make([]int64, len(o.Heads)), negative: make([]int64, len(o.Heads)),
		}
		o.Watch = c
		r := newRig(t, o)
		for _, op := range stream(uint64(n), 2000) {
			r.apply(op)
		}
		counts := r.j.Counters()
		if c.exposures != counts.Exposures || c.late != counts.CapturedLate || c.unexposed != counts.Unexposed+counts.Unseen || len(c.alive) != r.j.Pending() {
			t.Errorf("configuration %d: %+v and %d pending, watched %+v", n, counts, r.j.Pending(), c)
		}
		for h, head := range counts.Heads {
			if c.positive[h] != head.Positive || c.negative[h] != head.Negative || head.Positive == 0 || head.Negative == 0 {
				t.Errorf("configuration %d, head %d: %+v, watched %d and %d", n, h, head, c.positive[h], c.negative[h])
			}
		}
	}
}
