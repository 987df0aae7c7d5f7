package drift

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestOptionsThatMakeNoSenseAreRefusedByName(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		want string
		err  func() error
	}{
		{"delta", func() error { _, err := NewADWIN(ADWINOptions{Delta: 1}); return err }},
		{"range", func() error { _, err := NewADWIN(ADWINOptions{Min: 1, Max: 1}); return err }},
		{"range", func() error { _, err := NewADWIN(ADWINOptions{Max: nan}); return err }},
		{"every", func() error { _, err := NewADWIN(ADWINOptions{Every: -1}); return err }},
		{"window", func() error { _, err := NewADWIN(ADWINOptions{MaxWindow: 5}); return err }},
		{"slack", func() error { _, err := NewPageHinkley(PageHinkleyOptions{Slack: nan}); return err }},
		{"threshold", func() error { _, err := NewPageHinkley(PageHinkleyOptions{Threshold: -1}); return err }},
		{"warms", func() error { _, err := NewPageHinkley(PageHinkleyOptions{Warm: 1}); return err }},
		{"memory", func() error { _, err := NewPageHinkley(PageHinkleyOptions{Warm: 100, Memory: 50}); return err }},
		{"clip", func() error { _, err := NewPageHinkley(PageHinkleyOptions{Clip: -3}); return err }},
		{"blocks", func() error { _, err := NewLabelRate(LabelRateOptions{Block: 1}); return err }},
		{"warms", func() error { _, err := NewLabelRate(LabelRateOptions{Warm: 1}); return err }},
		{"shares", func() error { _, err := NewLabelRate(LabelRateOptions{Fast: .1, Slow: .2}); return err }},
		{"threshold", func() error { _, err := NewLabelRate(LabelRateOptions{Threshold: nan}); return err }},
		{"bins", func() error { _, err := NewPSI(PSIOptions{Bins: 1}); return err }},
		{"bins made of", func() error { _, err := NewPSI(PSIOptions{Sample: 3}); return err }},
		{"slices", func() error { _, err := NewPSI(PSIOptions{Slice: time.Millisecond}); return err }},
		{"at least", func() error { _, err := NewPSI(PSIOptions{MinCount: -1}); return err }},
		{"decay", func() error { _, err := NewPSI(PSIOptions{Decay: 1}); return err }},
		{"numbers", func() error { _, err := NewMixture(MixtureOptions{}); return err }},
		{"components", func() error { _, err := NewMixture(MixtureOptions{Dims: 1, Components: 17}); return err }},
		{"made of", func() error { _, err := NewMixture(MixtureOptions{Dims: 1, Init: 3}); return err }},
		{"steps", func() error { _, err := NewMixture(MixtureOptions{Dims: 1, Step: .4}); return err }},
		{"floor", func() error { _, err := NewMixture(MixtureOptions{Dims: 1, Floor: 2}); return err }},
		{"slack", func() error {
			_, err := NewMixture(MixtureOptions{Dims: 1, Test: PageHinkleyOptions{Slack: -1}})
			return err
		}},
		{"window", func() error { _, err := NewWindow(0); return err }},
		{"past", func() error { _, err := NewMonitor(MonitorOptions{Recent: 100, Past: 50}); return err }},
		{"window", func() error { _, err := NewMonitor(MonitorOptions{Recent: 1}); return err }},
		{"numbers", func() error { _, err := NewInputs(InputsOptions{}); return err }},
		{"slices", func() error { _, err := NewInputs(InputsOptions{Columns: []string{"x"}, Slice: -1}); return err }},
	} {
		if err := tc.err(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want one about %q", err, tc.want)
		}
	}
}
