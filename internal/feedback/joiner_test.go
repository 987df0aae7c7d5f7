package feedback

import (
	"testing"
	"time"
)

func TestJoin(t *testing.T) {
	for _, tc := range []struct {
		name, script, want string
		options            Options
	}{
		{
			name:    "an exposure is learned as negative when the watermark has passed it, and settled when its window closes",
			options: click(),
			script: `exposure u/a @10 r=r
				wm 10
				wm 10.001
				exposure u/b @10.5 r=r2
				wm 40
				wm 40.001`,
			want: `click 0 #1
				click 0 #2
				click no #1`,
		},
		{
			name:    "an outcome before the first step makes it one positive step",
			options: click(),
			script: `exposure u/a @10 r=r
				click u/a @10.001 r=r
				wm 100`,
			want: `click yes #1 1ms
				click 1 #1`,
		},
		{
			name:    "an outcome after the first step corrects it",
			options: click(),
			script: `exposure u/a @10 r=r
				wm 20
				click u/a @25 r=r
				wm 100`,
			want: `click 0 #1
				click yes #1 15s
				click fix #1`,
		},
		{
			name:    "the first outcome of a request makes its whole list learn, in order",
			options: two(Correct),
			script: `exposure u/a @10 r=r
				exposure u/b @10 r=r
				exposure u/c @10 r=r
				exposure u/a @10 r=other
				click u/b @10.5 r=r
				dwell u/b @12 r=r v=11`,
			want: `click yes #2 500ms
				click 0 #1
				dwell 0 #1
				click 1 #2
				dwell 0 #2
				click 0 #3
				dwell 0 #3
				dwell yes #2 2s
				dwell fix #2`,
		},
		{
			name:    "a dwell that is too short is no label, but it ends the wait of the list",
			options: two(Correct),
			script: `exposure u/a @10 r=r
				dwell u/a @12 r=r v=9.5`,
			want: `click 0 #1
				dwell 0 #1`,
		},
		{
			name:    "exposures of a served list are learned at once, with the vector captured when it was served",
			options: click(),
			script: `served u @9 r=r a b
				exposure u/b @10 r=r
				exposure u/a @11 r=r
				click u/b @12 r=r`,
			want: `click 0 #2
				click 0 #1
				click yes #2 2s
				click fix #2`,
		},
		{
			name:    "an exposure without a request belongs to the latest served list that has not shown it yet",
			options: click(),
			script: `served u @8 r=r1 a
				served u @9 r=r2 a
				exposure u/a @10
				exposure u/a @11
				exposure u/a @12
				wm 13`,
			want: `click 0 #2
				click 0 #1
				click 0 #3`,
		},
		{
			name:    "an outcome without a request belongs to the latest exposure at or before it",
			options: click(),
			script: `exposure u/a @10
				exposure u/a @20
				exposure v/a @21
				wm 21.001
				click u/a @19
				click u/a @20`,
			want: `click 0 #1
				click 0 #2
				click 0 #3
				click yes #1 9s
				click fix #1
				click yes #2 0s
				click fix #2`,
		},
		{
			name:    "an outcome waits for its exposure with its own capture",
			options: click(),
			script: `click u/a @11 r=r
				exposure u/a @10 r=r
				wm 10
				wm 100`,
			want: `click yes #1 1s
				click 1 #1`,
		},
		{
			name:    "an outcome that waited learns with its list, once the watermark has passed it",
			options: click(),
			script: `click u/b @11 r=r
				exposure u/a @10 r=r
				exposure u/b @10 r=r
				exposure u/c @10 r=r
				wm 11`,
			want: `click yes #1 1s
				click 0 #2
				click 1 #1
				click 0 #3`,
		},
		{
			name:    "an outcome whose exposure does not come implies it",
			options: two(Correct),
			script: `click u/a @11 r=r
				wm 16
				wm 16.001
				exposure u/a @10 r=r
				dwell u/a @21 r=r v=10`,
			want: `click yes #1 0s
				click 1 #1
				dwell 0 #1
				dwell yes #1 10s
				dwell fix #1`,
		},
		{
			name:    "an outcome of a served item without its exposure implies it with the served vector",
			options: click(),
			script: `served u @9 r=r a b
				click u/b @11 r=r
				wm 17`,
			want: `click yes #2 0s
				click 1 #2`,
		},
		{
			name:    "what was served after an outcome of it was applied is not learned",
			options: click(),
			script: `click u/a @11 r=r
				served u @9 r=r a b
				exposure u/a @10 r=r
				exposure u/b @10 r=r
				click u/a @12 r=r
				wm 100`,
			want: `click 0 #3
				click no #3`,
		},
		{
			name:    "an exposure applied before its served list keeps its own capture",
			options: click(),
			script: `exposure u/a @10 r=r
				served u @9 r=r a b
				exposure u/b @10 r=r
				wm 11`,
			want: `click 0 #3
				click 0 #1`,
		},
		{
			name:    "a head that closes learns once, when its window closes",
			options: two(Close),
			script: `exposure u/a @10 r=r
				exposure u/b @10 r=r
				wm 11
				dwell u/a @12 r=r v=60
				wm 70
				wm 71`,
			want: `click 0 #1
				click 0 #2
				dwell yes #1 2s
				click no #1
				click no #2
				dwell 1 #1
				dwell 0 #2
				dwell no #2`,
		},
		{
			name:    "a late exposure waits for its outcomes, whatever its own time",
			options: click(),
			script: `wm 1000
				exposure u/a @10 r=r
				exposure u/b @10 r=r
				wm 1001
				click u/a @12 r=r
				wm 1005
				wm 1005.001`,
			want: `click yes #1 2s
				click 1 #1
				click 0 #2
				click no #2`,
		},
		{
			name:    "an exposure without a request that an outcome has implied is not counted again, the next one is",
			options: click(),
			script: `click u/a @11
				wm 17
				exposure u/a @10
				exposure u/a @10.5
				wm 23`,
			want: `click yes #1 0s
				click 1 #1
				click 0 #2`,
		},
		{
			name: "scenes may be told to take a served list for an exposure",
			options: func() Options {
				o := click()
				o.ServedIsExposure = map[string]bool{"live": true}
				return o
			}(),
			script: `served u @9 r=r scene=live a b
				served u @9 r=r2 scene=home a b
				exposure u/a @10 r=r`,
			want: `click 0 #1
				click 0 #2`,
		},
		{
			name:    "a list served to nobody is found by its request, and thereafter by its user",
			options: click(),
			script: `served nobody @9 r=r a
				exposure u/a @10 r=r
				click u/a @11`,
			want: `click 0 #1
				click yes #1 1s
				click fix #1`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, tc.options)
			r.run(tc.script)
			compareLines(t, r.log, tc.want)
		})
	}
}

func TestOneLeapOfTheWatermarkDoesWhatManyStepsDo(t *testing.T) {
	script := `exposure u/a @10 r=r
		exposure u/b @12 r=r
		click u/c @13 r=r
		exposure v/a @14
		dwell v/a @15 v=99`
	leap, steps := newRig(t, two(Close)), newRig(t, two(Close))
	leap.run(script)
	steps.run(script)
	leap.run("wm 1000")
	for s := range 1000 {
		steps.j.Advance(seconds("1") * (1 + eventTime(s)))
	}
	if len(leap.log) != 16 {
		t.Errorf("%d lines", len(leap.log))
	}
	compareLines(t, leap.log, joinLines(steps.log))
	if n := leap.j.Pending(); n != 0 {
		t.Errorf("%d pending after the closing tick", n)
	}
}

func TestWeightAndExamination(t *testing.T) {
	o := two(Correct)
	o.ShownClip = 10
	o.Positions = []float64{0.9, 0.5}
	o.ScenePositions = map[string][]float64{"live": {0.3}}
	o.Heads[0].Examination = ExaminePBM
	for _, tc := range []struct{ name, script, want string }{
		{
			"the weight is the inverse propensity, the clip at most; only heads that model examination get θ",
			`exposure u/a @10 r=r pos=2 p=0.5
			exposure u/b @10 r=r pos=1 p=0.01
			exposure u/c @10 r=r pos=7
			click u/a @11 r=r`,
			`click yes #1 1s w=2 θ=0.5
			click 1 #1 w=2 θ=0.5
			dwell 0 #1 w=2 θ=1
			click 0 #2 w=10 θ=0.9
			dwell 0 #2 w=10 θ=1
			click 0 #3 w=1 θ=0.5
			dwell 0 #3 w=1 θ=1`,
		},
		{
			"served position, propensity and scene hold where the exposure has none",
			`served u @9 r=r scene=live a=0.25 b=0.25
			exposure u/a @10 r=r
			exposure u/b @10 r=r p=1
			click u/b @10 r=r`,
			`click 0 #1 w=4 θ=0.3
			dwell 0 #1 w=4 θ=1
			click 0 #2 w=1 θ=0.3
			dwell 0 #2 w=1 θ=1
			click yes #2 0s w=1 θ=0.3
			click fix #2 w=1 θ=0.3`,
		},
		{
			"without a position θ is 1",
			`exposure u/a @10 p=1.5
			click u/a @10`,
			`click yes #1 0s w=1 θ=1
			click 1 #1 w=1 θ=1
			dwell 0 #1 w=1 θ=1`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, o)
			r.wide = true
			r.run(tc.script)
			compareLines(t, r.log, tc.want)
		})
	}
}

func TestEraseForgetsWhatIsPendingOfOneUser(t *testing.T) {
	r := newRig(t, two(Correct))
	r.run(`served u @9 r=r a b
		exposure u/a @10 r=r
		click u/a @11 r=r
		exposure v/a @11 r=s
		exposure u/c @11 r=s
		click u/d @11`)
	if n := r.j.Erase("u"); n != 4 {
		t.Errorf("erased %d, want 4", n)
	}
	r.check()
	c := r.j.Counters()
	if c.Heads[0].Erased != 1 || c.Heads[1].Erased != 2 || r.j.Pending() != 1 {
		t.Errorf("%+v, %d pending", c, r.j.Pending())
	}
	r.log = nil
	r.run("wm 12")
	compareLines(t, r.log, "click 0 #3\ndwell 0 #3")
}

func TestNextTimerIsWhatTheWatermarkHasToPass(t *testing.T) {
	r := newRig(t, click())
	if at, ok := r.j.NextTimer(); ok {
		t.Errorf("a timer at %v of nothing", at)
	}
	for _, tc := range []struct{ line, want string }{
		{"exposure u/a @10 r=r", "10"},
		{"click u/a @11 r=r", "40"},
		{"click u/b @11 r=s", "16"},
		{"wm 17", "40"},
		{"wm 40.5", "41"},
	} {
		r.run(tc.line)
		if at, ok := r.j.NextTimer(); !ok || at != seconds(tc.want) {
			t.Errorf("after %q: %v, %v; want %s s", tc.line, time.Duration(at), ok, tc.want)
		}
	}
	r.run("wm 41.5")
	if _, ok := r.j.NextTimer(); ok || r.j.Pending() != 0 {
		t.Error("a timer is left")
	}
}
