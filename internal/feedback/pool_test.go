package feedback

import (
	"fmt"
	"math"
	"testing"
	"time"

	"recsvc/internal/event"
)

// scale weighs what it is told to learn.
type scale struct {
	sum, squares float64
	steps        int
}

func (s *scale) Learn(step Step) {
	s.sum += float64(step.Weight)
	s.squares += float64(step.Weight) * float64(step.Weight)
	s.steps++
}

func (s *scale) Settle(Settled) {}

// Duffield, Lund & Thorup (J. ACM 2007): the weights of a priority sample add up to those of all, on average over the priorities, and the
// relative variance of a sum is at most 1/(k−1).
func TestTheWeightsOfAPoolAddUpToThoseOfAllThatWasOffered(t *testing.T) {
	const slices, perSlice, k = 1500, 120, 20
	for _, tc := range []struct {
		name string
		clip float64
		keep float64
	}{
		{name: "of equal weights"},
		{name: "of unequal weights", clip: 20},
		{name: "of what was sampled before", keep: 0.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := click()
			o.ShownClip = tc.clip
			o.Heads[0].Sampling = Sampling{Keep: tc.keep, Pool: k, Slice: time.Minute}
			s := &scale{}
			j, err := New(o, s)
			if err != nil {
				t.Fatal(err)
			}
			var truth, sum, squares float64
			e := event.Event{Type: exposureType, User: "u"}
			c := &Captured{P: []float32{0.5}}
			for slice := range slices {
				all := 0.0
				start := event.Time(slice+1) * event.Time(time.Minute)
				for i := range perSlice {
					e.Item, e.Request = fmt.Sprint("i", i), fmt.Sprint("r", slice)
					e.Propensity = 1 / float64(1+i%30)
					e.Time = start + event.Time(i)*event.Time(time.Millisecond)
					w, _ := j.weigh(e.Item, e.Propensity)
					all += float64(w)
					j.Observe(&e, j.Match(&e), c)
				}
				*s = scale{}
				j.Advance(start + event.Time(time.Second)) // all of it is offered
				j.Advance(start + event.Time(time.Minute) + 1)
				if s.steps != k {
					t.Fatalf("%d steps of a pool of %d", s.steps, k)
				}
				truth = all
				sum += s.sum / all
				squares += s.sum / all * s.sum / all
			}
			mean := sum / slices
			deviation := math.Sqrt(squares/slices - mean*mean)
			if off := math.Abs(mean - 1); off > 3.5*deviation/math.Sqrt(slices) {
				t.Errorf("the weights add up to %.4f of %.0f on average, which is %.1f standard errors off", mean, truth, off/(deviation/math.Sqrt(slices)))
			}
			bound := math.Sqrt(1 / float64(k-1))
			if tc.keep > 0 {
				bound = math.Sqrt(1/float64(k-1) + (1-tc.keep)/tc.keep/perSlice)
			}
			if deviation > bound*1.05 {
				t.Errorf("relative deviation %.3f, at most %.3f", deviation, bound)
			}
		})
	}
}

func TestAPoolIsLearnedWhenItsSliceIsOver(t *testing.T) {
	o := click()
	o.Heads[0].Sampling = Sampling{Pool: 2, Slice: time.Minute}
	r := newRig(t, o)
	r.run(`exposure u/a @10 r=r
		exposure v/b @11 r=s
		wm 30
		click u/a @31 r=r
		wm 60
		wm 60.5
		wm 100`)
	compareLines(t, r.log, `click yes #1 21s
		click fix #1
		click no #2
		click 0 #1
		click 0 #2`)
	r.log = nil
	r.run(`exposure u/a @110 r=r2
		exposure v/b @111 r=s2
		wm 112`)
	if n := r.j.Pooled(); n != 2 {
		t.Errorf("%d in the pool, want 2", n)
	}
	r.j.Erase("u")
	r.run("wm 121")
	compareLines(t, r.log, "click 0 #4")
}

func TestTheSteadyStateAllocatesNothing(t *testing.T) {
	o := two(Correct)
	o.MinVisible, o.MaxOutcomes = 1, 30
	o.Stalls = StallOptions{Missing: 100}
	o.Heads[0].Window, o.Heads[1].Window = time.Minute, time.Minute
	o.Heads[0].Sampling = Sampling{Keep: 0.5, Pool: 20, Slice: 10 * time.Second}
	o.Heads[1].Delay = FakeNegative
	o.LateMemory = 30 * time.Minute
	j, err := New(o, &scale{})
	if err != nil {
		t.Fatal(err)
	}
	const names = 1 << 14
	var users, items, requests []string
	for i := range names {
		users, items = append(users, fmt.Sprint("u", i%97)), append(items, fmt.Sprint("i", i%89))
		requests = append(requests, fmt.Sprint("r", i))
	}
	c := &Captured{P: []float32{0.1, 0.2}, Own: Vector{Slots: []uint32{1, 2, 3}}, Shared: Vector{Slots: []uint32{4, 5}}}
	exposure, outcome := event.Event{Type: exposureType, HasValue: true}, event.Event{Type: "click"}
	now, n := event.Time(time.Hour), 0
	one := func() {
		now += event.Time(time.Second)
		n++
		exposure.User, exposure.Item, exposure.Request = users[n%names], items[n%names], requests[n%names]
		exposure.Time, exposure.Value = now, float64(n%5)
		j.Observe(&exposure, j.Match(&exposure), c)
		if n%3 == 0 {
			outcome.User, outcome.Item, outcome.Request, outcome.Time = exposure.User, exposure.Item, exposure.Request, now+1
			j.Observe(&outcome, j.Match(&outcome), c)
		}
		j.Advance(now - event.Time(5*time.Second))
		if n%1000 == 0 { // without checkpoints the keys that were removed would gather
			checkpoint(j)
		}
	}
	for range 20_000 {
		one()
	}
	if allocs := testing.AllocsPerRun(10_000, one); allocs > 0.05 {
		t.Errorf("%v allocations an exposure", allocs)
	}
}
