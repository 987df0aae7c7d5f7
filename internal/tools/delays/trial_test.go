package main

import (
	"math"
	"testing"
	"time"
)

// Outcomes come after 5 minutes on average, windows are of 30, items live for 4 hours.
func TestEveryModeIsCalibratedAndFreshnessPays(t *testing.T) {
	if testing.Short() {
		t.Skip("learns a day in each mode")
	}
	off := map[string]float64{ // how far Σp/Σy may be from 1
		"known at once": 0.01, "`correct`": 0.01, "`close`": 0.01, "`fake_negative`": 0.02, "`fake_negative_calibrated`": 0.03,
		"`correct`, a tenth of the negatives": 0.03, "`close`, a pool of 200 every 10 minutes": 0.03,
	}
	cost := map[string]float64{}
	for _, m := range modes() {
		most, ok := off[m.name]
		if !ok {
			continue
		}
		r, err := run(m, 1, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Abs(r.calibration-1) <= most) {
			t.Errorf("%s: Σp/Σy = %.3f, want 1 ± %v", m.name, r.calibration, most)
		}
		cost[m.name] = r.logLoss - r.bestLoss
	}
	if once, correct, late := cost["known at once"], cost["`correct`"], cost["`close`"]; !(once < correct && correct < late && late < 2*once) {
		t.Errorf("log-loss above the truth's: known at once %.5f, correct %.5f, close %.5f", once, correct, late)
	}
}

func TestAWorldShowsTheSameWhateverTheDelay(t *testing.T) {
	a, b := newWorld(3, 0), newWorld(3, time.Hour)
	for i := range 1000 {
		x, y := a.next(1e9), b.next(1e9)
		if x.segment != y.segment || x.item != y.item || x.p != y.p || (x.after < 0) != (y.after < 0) || x.after > 0 {
			t.Fatalf("exposure %d: %+v, %+v", i, x, y)
		}
	}
}
