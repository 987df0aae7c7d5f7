package feedback

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestNewNamesTheWrongField(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		want   string
		change func(*Options)
	}{
		{"heads: want 1 to 64", func(o *Options) { o.Heads = nil }},
		{`head "": no name`, func(o *Options) { o.Heads[0].Name = "" }},
		{`head "click": defined twice`, func(o *Options) { o.Heads[1].Name = "click" }},
		{`head "click": window -1s`, func(o *Options) { o.Heads[0].Window = -time.Second }},
		{`head "click": delay "later"`, func(o *Options) { o.Heads[0].Delay = "later" }},
		{`head "click": examination "x"`, func(o *Options) { o.Heads[0].Examination = "x" }},
		{`head "click": no positive`, func(o *Options) { o.Heads[0].Positive = nil }},
		{`positive event type "exposure"`, func(o *Options) { o.Heads[0].Positive = []Label{{Type: "exposure"}} }},
		{`least value of "dwell"`, func(o *Options) { o.Heads[1].Positive[0].Min = &nan }},
		{"exposure wait -1s", func(o *Options) { o.ExposureWait = -time.Second }},
		{"late memory -1s", func(o *Options) { o.LateMemory = -time.Second }},
		{"late memory 169h0m0s", func(o *Options) { o.LateMemory = 169 * time.Hour }},
		{"late max -1", func(o *Options) { o.LateMax = -1 }},
		{"bytes -1", func(o *Options) { o.Bytes = -1 }},
		{`head "click": keep 1.5`, func(o *Options) { o.Heads[0].Sampling.Keep = 1.5 }},
		{`head "click": keep NaN`, func(o *Options) { o.Heads[0].Sampling.Keep = nan }},
		{`head "click": value cap 0.5`, func(o *Options) { o.Heads[0].ValueCap = 0.5 }},
		{`head "click": value cap 256`, func(o *Options) { o.Heads[0].ValueCap = 256 }},
		{`confirmation by "click": an event cannot confirm itself`, func(o *Options) { o.Heads[0].Confirm = &Label{Type: "click"} }},
		{`confirmation by "exposure"`, func(o *Options) { o.Heads[0].Confirm = &Label{Type: "exposure"} }},
		{`confirmation by "dwell"`, func(o *Options) { o.Heads[0].Confirm = &Label{Type: "dwell", Min: &nan} }},
		{`delay fake_negative: want examination none`, func(o *Options) {
			o.Heads[0].Delay, o.Heads[0].Examination = FakeNegative, ExaminePBM
		}},
		{`delay fake_negative: want no weight by value`, func(o *Options) { o.Heads[0].Delay, o.Heads[0].ValueCap = FakeNegative, 2 }},
		{`odds of sampled negatives: want delay`, func(o *Options) { o.Heads[0].Delay, o.Heads[0].Sampling.Odds = FakeNegative, true }},
		{`odds of sampled negatives: want examination`, func(o *Options) {
			o.Heads[0].Examination, o.Heads[0].Sampling.Odds = ExamineSoft, true
		}},
		{`head "click": 65 unseen items`, func(o *Options) { o.Heads[0].Unseen.N = 65 }},
		{`head "click": weight -1 of an unseen item`, func(o *Options) { o.Heads[0].Unseen.Weight = -1 }},
		{"min visible -1", func(o *Options) { o.MinVisible = -1 }},
		{"max outcomes -1", func(o *Options) { o.MaxOutcomes = -1 }},
		{"stalls: missing 0.5", func(o *Options) { o.Stalls.Missing = 0.5 }},
		{"stalls: after -1s", func(o *Options) { o.Stalls.After = -time.Second }},
		{"stalls: half-life 1ms", func(o *Options) { o.Stalls.HalfLife = time.Millisecond }},
		{"shown clip 0.5", func(o *Options) { o.ShownClip = 0.5 }},
		{"positions: position 2: 1.5", func(o *Options) { o.Positions = []float64{1, 1.5} }},
		{`scene "home": position 1: 0`, func(o *Options) { o.ScenePositions = map[string][]float64{"home": {0}} }},
	} {
		o := two(Correct)
		tc.change(&o)
		if _, err := New(o, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q in it", err, tc.want)
		}
	}
}

func TestNewLeavesTheOptionsAlone(t *testing.T) {
	o := click()
	o.Heads[0].Window = 0
	if _, err := New(o, nil); err != nil || o.Heads[0].Window != 0 || o.Heads[0].Delay != "" {
		t.Errorf("%v, %+v", err, o.Heads[0])
	}
}
