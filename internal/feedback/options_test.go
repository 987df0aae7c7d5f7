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
