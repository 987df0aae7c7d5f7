package model

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"recsvc/internal/dirty"
)

// calibrated is a model with a head of each kind of calibration, and one without.
func calibrated(t *testing.T) *Model {
	t.Helper()
	o := Options{Name: "m", Bits: 10}
	for i, name := range calibrations {
		o.Heads = append(o.Heads, HeadOptions{Name: name, Calibration: Calibration(i)})
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// distort feeds raw logits that are too extreme by half and too high: the truth is σ(0.5·s − 1).
func distort(h *Head, seed uint64, n int, theta float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range n {
		s := 2 * rng.NormFloat64()
		h.Calibrate(float32(s), float32(theta), rng.Float64() < theta*Sigmoid(0.5*s-1))
	}
}

func TestCalibrationFindsAKnownDistortion(t *testing.T) {
	for _, theta := range []float64{1, 0.4} {
		m := calibrated(t)
		for i, h := range m.Heads() {
			distort(h, 7, 60_000, theta)
			worst := 0.0
			for s := -3.0; s <= 3; s += 0.25 {
				worst = max(worst, math.Abs(float64(h.Probability(s))-Sigmoid(0.5*s-1)))
			}
			if bound := []float64{1, 0.02, 0.05}[i]; worst > bound {
				t.Errorf("θ = %v: %s is off by %.4f", theta, h.Name(), worst)
			}
			if i == 0 && worst < 0.2 {
				t.Errorf("without a calibration it is off by %.4f only: this would show nothing", worst)
			}
		}
	}
}

func TestCalibrationNeverLosesOrder(t *testing.T) {
	m := calibrated(t)
	for _, h := range m.Heads()[1:] {
		rng := rand.New(rand.NewPCG(3, 3))
		for range 30_000 { // what comes of it contradicts the logit
			s := 3 * rng.NormFloat64()
			h.Calibrate(float32(s), 1, rng.Float64() < Sigmoid(-s))
		}
		last := -1.0
		for s := -20.0; s <= 20; s += 0.05 {
			p := h.calibrator.logit(s)
			if p < last && s > -20 || math.IsNaN(p) || math.Abs(p) > maxLogit {
				t.Errorf("%s: at %.2f %v follows %v", h.Name(), s, p, last)
			}
			last = p
		}
		if h.calibrator.logit(8) <= h.calibrator.logit(-8) {
			t.Errorf("%s: all is one", h.Name())
		}
	}
}

func TestWhatIsNotFiniteDoesNotCalibrate(t *testing.T) {
	m := calibrated(t)
	for _, h := range m.Heads() {
		nan, inf := float32(math.NaN()), float32(math.Inf(1))
		for _, x := range []float32{nan, inf, -inf} {
			h.Calibrate(x, 1, true)
			h.Calibrate(1, x, true)
		}
		h.Calibrate(1, 1.5, true)
		if h.calibrator != nil && !h.calibrator.blank() {
			t.Errorf("%s has learned from it", h.Name())
		}
		for range 2000 {
			h.Calibrate(35, 1, false)
			h.Calibrate(-1e30, 1, true)
		}
		if p := h.Probability(3); p != p {
			t.Errorf("%s says %v", h.Name(), p)
		}
	}
}

func TestACalibrationIsLoadedRestoredAndServedAsItWas(t *testing.T) {
	m := calibrated(t)
	for _, h := range m.Heads() {
		distort(h, 5, 3001, 1)
	}
	stored := entries(m)
	says := func(m *Model) (all []float32) {
		for _, h := range m.Heads() {
			for s := -5.0; s < 5; s += 0.3 {
				all = append(all, h.Probability(s))
			}
		}
		return all
	}
	loaded, restored, serving := calibrated(t), calibrated(t), calibrated(t)
	distort(restored.Heads()[1], 6, 100, 1)
	r := restored.Restore()
	for key, value := range stored {
		if ok, err := loaded.Load([]byte(key), []byte(value), dirty.SumOf([]byte(key), []byte(value))); !ok || err != nil {
			t.Fatalf("%q: %v, %v", key, ok, err)
		}
		if ok, err := r.LoadPage([]byte(key), []byte(value)); !ok || err != nil {
			t.Fatalf("%q: %v, %v", key, ok, err)
		}
	}
	r.Finish()
	if err := ServingPages([]*Model{m}, func(key, value []byte) error {
		if ok, err := LoadServing([]*Model{serving}, key, value); !ok || err != nil {
			t.Errorf("%q: %v, %v", key, ok, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*Model{"loaded": loaded, "restored": restored, "serving": serving} {
		if !same(says(other), says(m)) {
			t.Errorf("the %s model says otherwise", name)
		}
	}
	distort(m.Heads()[2], 8, 1000, 1)
	distort(loaded.Heads()[2], 8, 1000, 1)
	if !same(says(loaded), says(m)) {
		t.Error("it does not learn on as it would have")
	}
	if len(stored) != 2 {
		t.Errorf("%d entries", len(stored))
	}
	r = restored.Restore()
	r.Finish()
	if !same(says(restored), says(calibrated(t))) {
		t.Error("a reset has left the calibration")
	}
}

func TestADamagedCalibrationIsRefused(t *testing.T) {
	m := calibrated(t)
	for _, h := range m.Heads() {
		distort(h, 5, 1000, 1)
	}
	for key, value := range entries(m) {
		for n := range value {
			if _, err := calibrated(t).CheckPage([]byte(key), []byte(value[:n])); err == nil {
				t.Errorf("%q taken with %d of %d bytes", key, n, len(value))
			}
		}
		for _, wrong := range []string{value + "0", "\x09" + value[1:], value[:1] + "\x09" + value[2:]} {
			_, err := calibrated(t).CheckPage([]byte(key), []byte(wrong))
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Errorf("%q: %v", key, err)
			}
		}
	}
}
