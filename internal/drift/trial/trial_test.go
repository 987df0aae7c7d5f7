package trial_test

import (
	"testing"

	"recsvc/internal/drift/trial"
)

// TestDelaysAndFalseAlarmsAreThoseOfTheManual pins, with room for chance, what docs/learning.md says of the detectors.
func TestDelaysAndFalseAlarmsAreThoseOfTheManual(t *testing.T) {
	const seed, runs, shift, length = 100, 12, 20_000, 60_000
	abrupt := trial.Stream{Name: "labels", Shift: shift, Noise: .3}
	gradual := trial.Stream{Name: "labels, slowly", Shift: shift, Ramp: 20_000, Noise: .3}
	inputs := trial.Stream{Name: "inputs", Shift: shift, Move: 1}
	for _, tc := range []struct {
		detector string
		stream   trial.Stream
		found    int     // at least, of the runs
		delay    float64 // median, at most
	}{
		{"ADWIN on the loss", abrupt, runs, 900},
		{"ADWIN on the loss", gradual, runs, 10_000},
		{"Page-Hinkley on the loss", abrupt, runs, 500},
		{"Page-Hinkley on the loss", gradual, runs, 11_000},
		{"label rate", abrupt, runs - 1, 3000},
		{"label rate", inputs, runs, 1500},
		{"PSI of the prediction", inputs, runs, 7200},
		{"mixture over 4 numbers", inputs, runs, 200},
	} {
		t.Run(tc.detector+"/"+tc.stream.Name, func(t *testing.T) {
			for _, d := range trial.Detectors() {
				if d.Name != tc.detector {
					continue
				}
				r, err := trial.Measure(d, tc.stream, seed, runs, length)
				if err != nil {
					t.Fatal(err)
				}
				if r.Found < tc.found || r.Delay > tc.delay {
					t.Errorf("found in %d of %d runs after %v, want %d or more after %v or less", r.Found, r.Runs, r.Delay, tc.found, tc.delay)
				}
				if r.False > 1 {
					t.Errorf("%d false alarms in %d observations", r.False, r.Quiet)
				}
			}
		})
	}
}

func TestWhatADetectorCannotSeeItDoesNotCall(t *testing.T) {
	labels := trial.Stream{Shift: 20_000, Noise: .3}
	for _, d := range trial.Detectors()[3:] { // of inputs
		r, err := trial.Measure(d, labels, 1, 5, 60_000)
		if err != nil {
			t.Fatal(err)
		}
		if r.Found > 0 || r.False > 0 {
			t.Errorf("%s: called %d times before and %d after labels have changed", d.Name, r.False, r.Found)
		}
	}
}
