package drift_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"recsvc/internal/drift"
)

// detector is what all of them have in common; x is a number, or what a point is made of.
type detector interface {
	AppendState(dst []byte) []byte
	LoadState(b []byte) error
}

// kind is a detector with a way to feed it numbers.
type kind struct {
	name string
	make func(t testing.TB) (detector, func(x float64, at int64) drift.Shift)
}

func must[T any](t testing.TB) func(T, error) T {
	return func(d T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

var kinds = []kind{
	{"adwin", func(t testing.TB) (detector, func(float64, int64) drift.Shift) {
		d := must[*drift.ADWIN](t)(drift.NewADWIN(drift.ADWINOptions{Min: -10, Max: 10}))
		return d, func(x float64, _ int64) drift.Shift { return d.Add(x) }
	}},
	{"page_hinkley", func(t testing.TB) (detector, func(float64, int64) drift.Shift) {
		d := must[*drift.PageHinkley](t)(drift.NewPageHinkley(drift.PageHinkleyOptions{}))
		return d, func(x float64, _ int64) drift.Shift { return d.Add(x) }
	}},
	{"label_rate", func(t testing.TB) (detector, func(float64, int64) drift.Shift) {
		d := must[*drift.LabelRate](t)(drift.NewLabelRate(drift.LabelRateOptions{}))
		return d, func(x float64, _ int64) drift.Shift { return d.Add(x > .5) }
	}},
	{"psi", func(t testing.TB) (detector, func(float64, int64) drift.Shift) {
		d := must[*drift.PSI](t)(drift.NewPSI(drift.PSIOptions{}))
		return d, d.Add
	}},
	{"mixture", func(t testing.TB) (detector, func(float64, int64) drift.Shift) {
		d := must[*drift.Mixture](t)(drift.NewMixture(drift.MixtureOptions{Dims: 3}))
		point := make([]float64, 3)
		return d, func(x float64, _ int64) drift.Shift {
			point[0], point[1], point[2] = x, math.Abs(x), -x*x
			return d.Add(point)
		}
	}},
	{"monitor", func(t testing.TB) (detector, func(float64, int64) drift.Shift) {
		d := must[*drift.Monitor](t)(drift.NewMonitor(drift.MonitorOptions{}))
		return d, func(x float64, at int64) drift.Shift {
			return d.Observe(1/(1+math.Exp(-x)), at/second%3 == 0, at)
		}
	}},
}

func numbers(seed uint64, n int, shiftAt int, shift float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]float64, n)
	for i := range out {
		out[i] = r.NormFloat64()
		if i >= shiftAt {
			out[i] += shift
		}
	}
	return out
}

const second = int64(1e9)

func TestADetectorThatWasStoredGoesOnAsTheOneThatWasNot(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			stream := numbers(1, 30_000, 20_000, 1.5)
			for _, cut := range []int{0, 1, 100, 255, 256, 511, 513, 5000, 19_990, 20_100} {
				a, addA := k.make(t)
				b, addB := k.make(t)
				for i, x := range stream {
					if i == cut {
						fresh, add := k.make(t)
						if err := fresh.LoadState(b.AppendState(nil)); err != nil {
							t.Fatalf("after %d values: %v", cut, err)
						}
						b, addB = fresh, add
					}
					if got, want := addB(x, int64(i)*second), addA(x, int64(i)*second); got != want {
						t.Fatalf("stored after %d values, it says %v to value %d, want %v", cut, got, i, want)
					}
				}
				if !bytes.Equal(a.AppendState(nil), b.AppendState(nil)) {
					t.Fatalf("stored after %d values, it ends in another state", cut)
				}
			}
		})
	}
}

func TestTheSameValuesMakeTheSameState(t *testing.T) {
	for _, k := range kinds {
		a, addA := k.make(t)
		b, addB := k.make(t)
		for i, x := range numbers(2, 5000, 3000, 2) {
			addA(x, int64(i)*second)
			addB(x, int64(i)*second)
		}
		if !bytes.Equal(a.AppendState(nil), b.AppendState(nil)) {
			t.Errorf("%s: two states of one stream", k.name)
		}
	}
}

func TestWhatIsNotANumberNeverEnters(t *testing.T) {
	extreme := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 1e38, -1e38, math.SmallestNonzeroFloat64}
	for _, k := range kinds {
		d, add := k.make(t)
		for i, x := range numbers(3, 6000, 6000, 0) {
			if i%5 == 4 {
				x = extreme[i/5%len(extreme)]
			}
			add(x, int64(i)*second)
			if i%500 != 499 {
				continue
			}
			again, _ := k.make(t)
			if err := again.LoadState(d.AppendState(nil)); err != nil { // refuses what is not finite
				t.Fatalf("%s after %d values: %v", k.name, i, err)
			}
		}
	}
}

func TestASteadyStreamAllocatesNothing(t *testing.T) {
	for _, k := range kinds {
		_, add := k.make(t)
		stream := numbers(4, 20_000, 20_000, 0)
		for i, x := range stream {
			add(x, int64(i)*second)
		}
		at := int64(len(stream)) * second
		if n := testing.AllocsPerRun(100, func() {
			for _, x := range stream[:100] {
				at += second
				add(x, at)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for 100 values", k.name, n)
		}
	}
}

func TestStatesOfOthersAreRefused(t *testing.T) {
	for _, k := range kinds {
		d, add := k.make(t)
		for i, x := range numbers(5, 2000, 2000, 0) {
			add(x, int64(i)*second)
		}
		state := d.AppendState(nil)
		for name, wrong := range map[string][]byte{
			"nothing": nil, "another version": append([]byte{99}, state[1:]...), "a byte short": state[:len(state)-1],
			"a byte long": append(bytes.Clone(state), 0),
		} {
			if err := d.LoadState(wrong); !errors.Is(err, drift.ErrState) {
				t.Errorf("%s took %s: %v", k.name, name, err)
			}
		}
		if !bytes.Equal(d.AppendState(nil), state) {
			t.Errorf("%s has changed by what it refused", k.name)
		}
	}
}

// FuzzLoadState: whatever is loaded, a detector takes values without a panic and stays finite.
func FuzzLoadState(f *testing.F) {
	for i, k := range kinds {
		d, add := k.make(f)
		for at, x := range numbers(6, 600, 600, 0) {
			add(x, int64(at)*second)
		}
		f.Add(byte(i), d.AppendState(nil))
	}
	f.Fuzz(func(t *testing.T, which byte, state []byte) {
		k := kinds[int(which)%len(kinds)]
		d, add := k.make(t)
		if d.LoadState(state) != nil {
			return
		}
		for i := range 1200 {
			add(float64(i%7), int64(i)*100*second)
		}
		again, _ := k.make(t)
		if err := again.LoadState(d.AppendState(nil)); err != nil { // refuses what is not finite
			t.Fatal(err)
		}
	})
}
