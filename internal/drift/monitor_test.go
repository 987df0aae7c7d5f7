package drift

import (
	"math"
	"math/rand/v2"
	"testing"
)

// outcomes feeds n outcomes of a model that is right, but for the share of labels that are turned round.
func outcomes(m *Monitor, r *rand.Rand, n int, turned float64) (worse int) {
	for i := range n {
		p := .1 + .6*r.Float64()
		positive := r.Float64() < p
		if r.Float64() < turned {
			positive = !positive
		}
		if m.Observe(p, positive, int64(i)) == Up {
			worse++
		}
	}
	return worse
}

func TestAMonitorTellsAModelThatIsRightFromOneThatIsNot(t *testing.T) {
	m, err := NewMonitor(MonitorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	if n := outcomes(m, r, 30_000, 0); n != 0 {
		t.Errorf("%d alarms while nothing is wrong", n)
	}
	w := m.Report().Recent
	if ne := w.NormalizedEntropy(); ne > 1 || math.Abs(w.Calibration()-1) > .1 || math.Abs(w.N()-2000) > 1 {
		t.Errorf("normalised entropy %v, calibration %v over %v outcomes", ne, w.Calibration(), w.N())
	}
	if n := outcomes(m, r, 4000, .8); n == 0 {
		t.Error("no alarm where most labels are turned round")
	}
	w = m.Report().Recent
	if ne := w.NormalizedEntropy(); !(ne > 1) || !(w.LogLoss() > m.Report().Past.LogLoss()) {
		t.Errorf("normalised entropy %v, want above 1", ne)
	}
	if m.Observe(math.NaN(), true, 0) != None || m.Observe(2, true, 0) != None || m.Report().Broken != 2 {
		t.Error("what is no probability is to be counted, and nothing else")
	}
}

func TestAWindowWithoutAnythingHasNoMetrics(t *testing.T) {
	w, err := NewWindow(100)
	if err != nil {
		t.Fatal(err)
	}
	if w.LogLoss() == w.LogLoss() || w.Calibration() == w.Calibration() || w.NormalizedEntropy() == w.NormalizedEntropy() {
		t.Error("a number out of nothing")
	}
}

func TestInputsSayWhichColumnHasMoved(t *testing.T) {
	in, err := NewInputs(InputsOptions{Columns: []string{"steady", "moving"}})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 2))
	point := make([]float64, 2)
	for i := range 30_000 {
		point[0], point[1] = r.NormFloat64(), r.NormFloat64()
		if i >= 20_000 {
			point[1] += 2
		}
		in.Observe(point, int64(i)*1e9)
	}
	want := map[string]bool{"steady": false, "moving": true, "": true}
	for _, d := range in.Report() {
		if (d.Alarms.Up > 0) != want[d.Column] {
			t.Errorf("%s of %q: %d alarms", d.Name, d.Column, d.Alarms.Up)
		}
	}
	again, err := NewInputs(InputsOptions{Columns: []string{"steady", "moving"}})
	if err != nil {
		t.Fatal(err)
	}
	for part := range in.Len() {
		state := in.AppendState(nil, part)
		if err := again.LoadState(part, state); err != nil {
			t.Fatal(err)
		}
		if string(again.AppendState(nil, part)) != string(state) {
			t.Errorf("part %d is another after it was stored", part)
		}
		if again.LoadState(part, state[:len(state)-1]) == nil {
			t.Errorf("part %d takes less than it is", part)
		}
	}
}

func BenchmarkMonitor(b *testing.B) {
	m, err := NewMonitor(MonitorOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := range b.N {
		m.Observe(.1+float64(i%64)/100, i%7 == 0, int64(i))
	}
}

func BenchmarkInputs(b *testing.B) {
	in, err := NewInputs(InputsOptions{Columns: []string{"1", "2", "3", "4", "5", "6", "7", "8"}})
	if err != nil {
		b.Fatal(err)
	}
	point := make([]float64, 8)
	b.ReportAllocs()
	for i := range b.N {
		for j := range point {
			point[j] = float64((i*(j+7))%101) / 10
		}
		in.Observe(point, int64(i)*1e9)
	}
}
