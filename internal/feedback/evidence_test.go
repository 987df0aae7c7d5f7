package feedback

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEvidence(t *testing.T) {
	brief := two(Correct)
	brief.MinVisible = 1
	confirmed := two(Correct)
	least := 3.0
	confirmed.Heads[0].Confirm = &Label{Type: "dwell", Min: &least}
	closing := two(Close)
	closing.Heads[0].Delay, closing.Heads[0].Confirm = Close, confirmed.Heads[0].Confirm
	quota := click()
	quota.MaxOutcomes = 2
	fake := click()
	fake.Heads[0].Delay = FakeNegative
	valued := click()
	valued.Heads[0].ValueCap = 3
	for _, tc := range []struct {
		name, script, want string
		options            Options
		counts             string // those that are not 0
	}{
		{
			name: "an exposure that was too brief is no negative", options: brief,
			script: `exposure u/a @10 r=r v=0.9
				exposure u/b @10 r=r v=1
				exposure u/c @10 r=r
				wm 80`,
			want: `click 0 #2
				dwell 0 #2
				click 0 #3
				dwell 0 #3
				click no #2
				click no #3
				dwell no #2
				dwell no #3`,
			counts: "exposures 2, brief 1, unseen 1",
		},
		{
			name: "the outcome of one that was too brief is a positive, of the time of the exposure", options: brief,
			script: `exposure u/a @10 r=r v=0.2
				click u/a @14 r=r
				wm 80`,
			want: `click yes #1 4s
				click 1 #1
				dwell 0 #1
				dwell no #1`,
			counts: "exposures 1, brief 1",
		},
		{
			name: "a longer exposure makes up for one that was too brief, with its own time and the vector of the first", options: brief,
			script: `exposure u/a @10 v=0.2
				exposure u/a @20 v=0.3
				exposure u/a @30 v=5
				wm 65
				click u/a @33
				wm 95`,
			want: `click 0 #1
				dwell 0 #1
				click no #1
				dwell no #1`,
			counts: "exposures 1, brief 2, click late 1",
		},
		{
			name: "a brief exposure of what was served leaves it served", options: brief,
			script: `served u @9 r=r a b
				exposure u/a @10 r=r v=0.2
				wm 70.1`,
			counts: "brief 1, unseen 1, unexposed 1",
		},
		{
			name: "a brief exposure after an outcome is the exposure of what was clicked", options: brief,
			script: `click u/a @10 r=r
				exposure u/a @9 r=r v=0.2
				wm 11`,
			want: `click yes #1 1s
				click 1 #1
				dwell 0 #1`,
			counts: "exposures 1",
		},
		{
			name: "a click counts when a long dwell confirms it", options: confirmed,
			script: `exposure u/a @10 r=r
				wm 11
				click u/a @12 r=r
				dwell u/a @16 r=r v=2
				dwell u/a @18 r=r v=4
				wm 80`,
			want: `click 0 #1
				dwell 0 #1
				click yes #1 8s
				click fix #1
				dwell no #1`,
			counts: "exposures 1",
		},
		{
			name: "the confirmation may come first, and the time is that of the last", options: confirmed,
			script: `dwell u/a @18 r=r v=4
				click u/a @12 r=r
				exposure u/a @10 r=r
				wm 80`,
			want: `click yes #1 8s
				click 1 #1
				dwell 0 #1
				dwell no #1`,
			counts: "exposures 1",
		},
		{
			name: "a click that nothing confirms within the window is a negative", options: confirmed,
			script: `exposure u/a @10 r=r
				wm 11
				click u/a @12 r=r
				click u/a @13 r=r
				dwell u/a @41 r=r v=20
				wm 80`,
			want: `click 0 #1
				dwell 0 #1
				dwell yes #1 31s
				dwell fix #1
				click no #1`,
			counts: "exposures 1, click duplicate 1, click unconfirmed 1",
		},
		{
			name: "a click that nothing confirms is learned as negative at its close", options: closing,
			script: `exposure u/a @10 r=r
				click u/a @12 r=r
				exposure u/b @10 r=r
				click u/b @12 r=r
				dwell u/b @16 r=r v=9
				wm 45`,
			want: `click yes #2 6s
				click 0 #1
				click no #1
				click 1 #2`,
			counts: "exposures 2, click unconfirmed 1",
		},
		{
			name: "outcomes beyond a user's quota have no effect, and the next minute he has another", options: quota,
			script: `exposure u/a @10 r=r
				exposure u/b @10 r=r
				exposure u/c @10 r=r
				exposure v/a @10 r=s
				wm 30
				click u/a @31 r=r
				click u/a @32 r=r
				click u/b @33 r=r
				click v/a @33 r=s
				exposure u/d @59 r=t
				click u/d @61 r=t
				click u/c @62 r=r
				click u/c @36 r=r
				wm 100`,
			want: `click 0 #1
				click 0 #2
				click 0 #3
				click 0 #4
				click yes #1 21s
				click fix #1
				click yes #4 23s
				click fix #4
				click yes #5 2s
				click 1 #5
				click no #2
				click no #3`,
			counts: "exposures 5, over quota 2, click duplicate 1, click late 1",
		},
		{
			name: "a fake negative is learned when shown, and its positive beside it", options: fake,
			script: `exposure u/a @10 r=r
				exposure u/b @10 r=s
				wm 11
				click u/a @12 r=r
				click u/c @12 r=t
				wm 80`,
			want: `click fake 0 #1
				click fake 0 #2
				click yes #1 2s
				click fake 1 #1
				click yes #3 0s
				click fake 0 #3
				click fake 1 #3
				click no #2`,
			counts: "exposures 3, implied 1",
		},
		{
			name: "a positive weighs by the logarithm of its value, up to the cap; a correction by 1", options: valued,
			script: `exposure u/a @10 r=r
				exposure u/b @10 r=s
				wm 11
				click u/a @12 r=r v=1.71828
				click u/b @12 r=s v=1e38
				exposure u/c @13 r=t
				click u/c @13 r=t v=-4
				exposure u/d @13 r=v
				click u/d @13 r=v v=1.71828`,
			want: `click 0 #1 w=1 θ=1
				click 0 #2 w=1 θ=1
				click yes #1 2s w=1 θ=1
				click fix #1 w=1 θ=1
				click 1 #1 w=1 θ=1
				click yes #2 2s w=1 θ=1
				click fix #2 w=1 θ=1
				click 1 #2 w=2 θ=1
				click yes #3 0s w=1 θ=1
				click 1 #3 w=1 θ=1
				click yes #4 0s w=1 θ=1
				click 1 #4 w=2 θ=1`,
			counts: "exposures 4",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, tc.options)
			r.wide = tc.options.Heads[0].ValueCap > 0
			r.run(tc.script)
			compareLines(t, r.log, tc.want)
			if got := notZero(r.j.Counters()); got != tc.counts {
				t.Errorf("counted %s, want %s", got, tc.counts)
			}
		})
	}
}

// notZero names the counters of events and oddities that are not 0.
func notZero(c Counters) string {
	var out []string
	add := func(what string, n int64) {
		if n != 0 {
			out = append(out, fmt.Sprintf("%s %d", what, n))
		}
	}
	add("exposures", c.Exposures)
	add("implied", c.ImpliedExposures)
	add("brief", c.BriefExposures)
	add("unseen", c.Unseen)
	add("unexposed", c.Unexposed)
	add("over quota", c.OverQuota)
	for _, h := range c.Heads {
		add(h.Name+" duplicate", h.DuplicateOutcomes)
		add(h.Name+" late", h.LateOutcomes)
		add(h.Name+" unconfirmed", h.Unconfirmed)
		add(h.Name+" dropped", h.Dropped)
		add(h.Name+" stalls", h.Stalls)
	}
	return strings.Join(out, ", ")
}

// pipe is a stream of exposures, two a second, of which every tenth is clicked at once, unless it is broken.
type pipe struct {
	*rig
	n int
}

func (p *pipe) send(exposures int, clicked func(n int) bool) {
	for range exposures {
		p.n++
		at := fmt.Sprint("@", float64(p.n)/2)
		p.do(fmt.Sprintf("exposure u/i%d %s r=r%d", p.n, at, p.n))
		if clicked(p.n) {
			p.do(fmt.Sprintf("click u/i%d %s r=r%d", p.n, at, p.n))
		}
		p.do(fmt.Sprint("wm ", float64(p.n)/2-1))
		p.check()
	}
}

func tenth(n int) bool { return n%10 == 0 }

func never(int) bool { return false }

func stalling() Options {
	o := click()
	o.Heads[0].Window = 5 * time.Minute
	o.Stalls = StallOptions{Missing: 10, After: 10 * time.Second, HalfLife: time.Hour}
	return o
}

func TestOutcomesThatAreOnlyRareDoNotCountAsStopped(t *testing.T) {
	p := &pipe{rig: newRig(t, stalling())}
	p.send(2000, tenth)
	p.send(80, never)
	p.send(200, tenth)
	if c := p.j.Counters().Heads[0]; c.Stalls != 0 {
		t.Errorf("%+v", c)
	}
}

func TestBeforeThereIsAnyRateNothingCountsAsStopped(t *testing.T) {
	p := &pipe{rig: newRig(t, stalling())}
	p.send(100, tenth)
	p.send(2000, never)
	if c := p.j.Counters().Heads[0]; c.Stalls != 0 {
		t.Errorf("%+v", c)
	}
}

func TestWhatIsShownWhileOutcomesHaveStoppedIsNotLearnedWhenTheyAreLost(t *testing.T) {
	p := &pipe{rig: newRig(t, stalling())}
	p.send(1000, tenth)
	p.send(110, never)
	c := p.j.Counters().Heads[0]
	if !c.Stalled || c.Stalls != 1 || c.StalledFrom != seconds("550") { // 100 exposures after the click of the 1000th
		t.Fatalf("%+v", c)
	}
	p.log = nil
	p.send(1000, never)
	if lines := joinLines(p.log); strings.Contains(lines, "click 0") {
		t.Errorf("learned while stalled:\n%s", lines)
	}
	p.log = nil
	p.send(40, tenth)
	if !p.j.Counters().Heads[0].Stalled {
		t.Error("four clicks have ended the stall")
	}
	p.send(10, tenth)
	if c := p.j.Counters().Heads[0]; c.Stalled {
		t.Errorf("five clicks at the rate of before have not ended the stall: %+v", c)
	}
	p.log = nil
	p.send(1000, tenth)
	if lines := joinLines(p.log); strings.Count(lines, "click 0") < 890 || strings.Contains(lines, "no #2000\n") {
		t.Errorf("after the stall:\n%.500s", lines)
	}
	p.do("wm 100000")
	p.check()
	// From the exposure that found it out to the one whose click ended it.
	if c := p.j.Counters().Heads[0]; c.Dropped != 1061 || c.Stalls != 1 {
		t.Errorf("%+v", c)
	}
}

func TestWhatIsShownWhileOutcomesAreDelayedIsLearnedOnceTheyHaveCome(t *testing.T) {
	p := &pipe{rig: newRig(t, stalling())}
	p.send(1000, tenth)
	p.send(400, never)
	if !p.j.Counters().Heads[0].Stalled {
		t.Fatal("not stalled")
	}
	p.log = nil
	for n := 1010; n <= 1400; n += 10 { // the broker hands on what it has kept
		p.do(fmt.Sprintf("click u/i%d @%v r=r%d", n, float64(n)/2+1, n))
		p.check()
	}
	if c := p.j.Counters().Heads[0]; c.Stalled {
		t.Fatalf("%+v", c)
	}
	p.send(1000, tenth)
	lines := joinLines(p.log)
	for _, want := range []string{
		"click fix #1050\n", "click 1 #1200\nclick yes #1200 1s\n", "click 1 #1300\nclick yes #1300 1s\n", "click 0 #1301\nclick no #1301\n",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %q", want)
		}
	}
	if c := p.j.Counters().Heads[0]; c.Dropped != 0 || c.Stalls != 1 {
		t.Errorf("%+v", c)
	}
}

func TestALowerRateThatLastsBecomesTheRate(t *testing.T) {
	p := &pipe{rig: newRig(t, stalling())}
	hundredth := func(n int) bool { return n%100 == 0 }
	p.send(1000, tenth)
	p.send(3000, hundredth)
	if c := p.j.Counters().Heads[0]; c.Stalled || c.Stalls == 0 {
		t.Errorf("%+v", c)
	}
	p.log = nil
	p.send(3000, hundredth)
	if n := strings.Count(joinLines(p.log), "click 0"); n < 2900 {
		t.Errorf("%d of 3000 were learned", n)
	}
}
