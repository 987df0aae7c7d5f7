package trial

import (
	"fmt"
	"math"
	"slices"

	"recsvc/internal/drift"
)

// Detector is one way to watch the stream.
type Detector struct {
	Name string
	New  func() (add func(o Observation) drift.Shift, err error)
}

// Detectors are those of the package with their defaults, as the server feeds them: see [drift.Monitor] and [drift.Inputs].
func Detectors() []Detector {
	return []Detector{
		{"ADWIN on the loss", func() (func(Observation) drift.Shift, error) {
			d, err := drift.NewADWIN(drift.ADWINOptions{Max: drift.MaxLoss})
			return func(o Observation) drift.Shift { return d.Add(o.Loss) }, err
		}},
		{"Page-Hinkley on the loss", func() (func(Observation) drift.Shift, error) {
			d, err := drift.NewPageHinkley(drift.PageHinkleyOptions{})
			return func(o Observation) drift.Shift { return d.Add(o.Loss) }, err
		}},
		{"label rate", func() (func(Observation) drift.Shift, error) {
			d, err := drift.NewLabelRate(drift.LabelRateOptions{})
			return func(o Observation) drift.Shift { return d.Add(o.Positive) }, err
		}},
		{"PSI of the prediction", func() (func(Observation) drift.Shift, error) {
			d, err := drift.NewPSI(drift.PSIOptions{})
			return func(o Observation) drift.Shift { return d.Add(o.Inputs[0], o.At) }, err
		}},
		{"mixture over 4 numbers", func() (func(Observation) drift.Shift, error) {
			d, err := drift.NewMixture(drift.MixtureOptions{Dims: 4})
			return func(o Observation) drift.Shift { return d.Add(o.Inputs) }, err
		}},
	}
}

// Result is what a detector did on runs of one stream.
type Result struct {
	Runs     int
	Quiet    int     // observations where nothing had shifted
	False    int     // alarms among these
	Found    int     // runs in which the shift was called
	Delay    float64 // median of the observations from shift to call, of the runs in which it was; NaN: of none
	DelayP90 float64
}

// FalsePerMillion is the rate of false alarms.
func (r Result) FalsePerMillion() float64 { return float64(r.False) / float64(r.Quiet) * 1e6 }

// Measure lets a detector watch runs of n observations each, with seeds from seed on. Where nothing shifts before n, all of
// them are quiet.
func Measure(d Detector, s Stream, seed uint64, runs, n int) (Result, error) {
	out := Result{Runs: runs, Delay: math.NaN(), DelayP90: math.NaN()}
	var delays []float64
	for run := range runs {
		add, err := d.New()
		if err != nil {
			return out, fmt.Errorf("%s: %w", d.Name, err)
		}
		s.Run(seed+uint64(run), n, func(i int, o Observation) bool {
			called := add(o) != drift.None
			if i < s.Shift {
				out.Quiet++
				if called {
					out.False++
				}
				return true
			}
			if called {
				delays = append(delays, float64(i-s.Shift+1))
			}
			return !called
		})
	}
	out.Found = len(delays)
	if out.Found > 0 {
		slices.Sort(delays)
		out.Delay, out.DelayP90 = delays[len(delays)/2], delays[len(delays)*9/10]
	}
	return out, nil
}
