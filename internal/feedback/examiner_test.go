package feedback

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// witness is an Examiner and a Weigher that notes what it is told. It knows θ of the first two positions: a half and a quarter.
type witness struct {
	rig *rig
}

func (w *witness) Theta(p *Place) (float32, bool) {
	w.note("asked", p, "")
	return 1 / float32(2*p.Position), p.Position < 3
}

func (w *witness) Judge(p *Place, j Judgement) {
	w.note("judged", p, fmt.Sprintf(" #%v %v @%v", j.P, j.Positive, time.Duration(j.Exposed).Seconds()))
}

func (w *witness) note(what string, p *Place, rest string) {
	context, err := event.DecodeAttributes(p.AppendContext(nil))
	if err != nil {
		w.rig.t.Error(err)
	}
	scene, item := "", ""
	for _, s := range []string{"home", "live"} {
		if p.Scene == HashScene(s) {
			scene = " " + s
		}
	}
	for _, s := range []string{"a", "b", "c"} {
		if p.Item == hashItem(s, 0) {
			item = s
		}
	}
	w.rig.log = append(w.rig.log, fmt.Sprintf("%s %s at %d mate %d%s %s%s", what, item, p.Position, p.Mate, scene, showContext(context), rest))
}

func (w *witness) Raw(item string, propensity float64) float32 {
	if propensity > 0 {
		return float32(propensity) * 8
	}
	return float32(len(item))
}

func (w *witness) Shown(raw float32) float32 { return raw + .5 }

// judged runs a script under a witness of the given options.
func judged(t *testing.T, o Options) *rig {
	w := &witness{}
	o.Examiner = w
	r := newRig(t, o)
	w.rig = r
	return r
}

func TestPlacesAreJudgedWhenTheWindowClosesWhateverCameOfThem(t *testing.T) {
	o := click()
	o.Heads[0].Examination = ExaminePBM
	for _, tc := range []struct{ name, script, want string }{
		{
			"of a list, in the order of their exposures, outcome or not",
			`served u @9 r=r scene=home ctx=device:phone a=0.5 b=0.5 c=0.5
			exposure u/b @10 r=r
			exposure u/a @11 r=r
			exposure u/c @12 r=r
			click u/a @13 r=r
			wm 39
			wm 43`,
			`asked b at 2 mate 0 home device:phone
			click 0 #2 w=1 θ=0.25
			asked a at 1 mate 0 home device:phone
			click 0 #1 w=1 θ=0.5
			asked c at 3 mate 0 home device:phone
			click 0 #3 w=1 θ=1
			click yes #1 2s w=1 θ=0.5
			click fix #1 w=1 θ=0.5
			click no #2 w=1 θ=0.25
			judged b at 2 mate 0 home device:phone #2 false @10
			judged a at 1 mate 0 home device:phone #1 true @11
			click no #3 w=1 θ=1
			judged c at 3 mate 0 home device:phone #3 false @12`,
		},
		{
			"what has no position is not",
			`exposure u/a @10
			wm 50`,
			`click 0 #1 w=1 θ=1
			click no #1 w=1 θ=1`,
		},
		{
			"what is known from its outcome alone is not: of its like without one nobody knows",
			`click u/a @10 pos=1
			wm 50`,
			`asked a at 1 mate 0
			click yes #1 0s w=1 θ=0.5
			click 1 #1 w=1 θ=0.5`,
		},
		{
			"where the exposure was ranked elsewhere its own context tells",
			`exposure u/a @10 pos=2 ctx=randomised:yes
			click u/a @11
			wm 50`,
			`asked a at 2 mate 0 randomised:yes
			click yes #1 1s w=1 θ=0.25
			click 1 #1 w=1 θ=0.25
			judged a at 2 mate 0 randomised:yes #1 true @10`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := judged(t, o)
			r.wide = true
			r.run(tc.script)
			compareLines(t, trimmed(r.log), joinLines(trimmed(lines(tc.want))))
		})
	}
}

func TestThePairOfASwapIsKnownUntilTheExposureSaysOtherwise(t *testing.T) {
	r := judged(t, click())
	r.serve(&event.Served{User: "u", Request: "r", Scene: "live", Time: seconds("9"), Swap: [2]int32{1, 3}, Items: []event.ServedItem{
		{Item: "a", Propensity: 1}, {Item: "b", Propensity: 1}, {Item: "c", Propensity: 1},
	}})
	r.log = nil
	r.run(`exposure u/a @10 r=r
		exposure u/b @10 r=r
		exposure u/c @10 r=r pos=4`)
	compareLines(t, trimmed(r.log), `asked a at 1 mate 3 live
		click 0 #1
		asked b at 2 mate 0 live
		click 0 #2
		asked c at 4 mate 0 live
		click 0 #3`)
}

func TestPlacesAreTheSameAfterARestart(t *testing.T) {
	before := judged(t, click())
	before.serve(&event.Served{User: "u", Request: "r", Scene: "live", Time: seconds("9"), Swap: [2]int32{1, 2},
		Context: parseContext("device:tv"), Items: []event.ServedItem{{Item: "a", Propensity: 1}, {Item: "b", Propensity: 1}}})
	before.run(`exposure u/a @10 r=r`)
	entries := map[string][]byte{}
	for _, s := range before.j.Sets() {
		s.Cut(func(key, value []byte, _ dirty.Sum) { entries[string(key)] = append([]byte(nil), value...) })
		s.Flush(1000)
	}
	after := judged(t, click())
	for key, value := range entries {
		if err := after.j.Load([]byte(key), value, dirty.SumOf([]byte(key), value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := after.j.EndLoad(); err != nil {
		t.Fatal(err)
	}
	before.log = nil
	const rest = `exposure u/b @11 r=r
		wm 60`
	before.run(rest)
	after.run(rest)
	compareLines(t, trimmed(after.log), joinLines(trimmed(before.log)))
	if len(before.log) != 6 {
		t.Errorf("the log: %q", before.log)
	}
}

func TestAWeigherWeighsWhatIsShown(t *testing.T) {
	o := click()
	o.ShownClip = 100 // which is the Weigher's business then
	o.Weigher = &witness{}
	r := newRig(t, o)
	r.wide = true
	r.run(`served u @9 r=r a=0.5 b=0.5
		exposure u/a @10 r=r
		exposure u/b @10 r=r p=1
		exposure u/c @10 p=0
		click u/a @11 r=r
		exposure v/long @10
		click v/long @11`)
	compareLines(t, r.log, `click 0 #1 w=4.5 θ=1
		click 0 #2 w=8.5 θ=1
		click yes #1 1s w=4.5 θ=1
		click fix #1 w=4.5 θ=1
		click yes #4 1s w=4.5 θ=1
		click 1 #4 w=4.5 θ=1`)
}

func TestTheJudgedHeadMustBeThere(t *testing.T) {
	for _, h := range []int{-1, 1} {
		o := click()
		o.Judged = h
		if _, err := New(o, nil); err == nil {
			t.Errorf("head %d of one is taken", h)
		}
	}
}

func lines(s string) []string { return strings.Split(s, "\n") }

// trimmed are lines without what surrounds them.
func trimmed(in []string) (out []string) {
	for _, line := range in {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}
