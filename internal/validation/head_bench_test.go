package validation

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkObserve(b *testing.B) {
	v := New("bench/h", Options{})
	r := rand.New(rand.NewPCG(1, 2))
	var ps [4096]float32
	for i := range ps {
		ps[i] = float32(sigmoid(r.NormFloat64() - 2))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		v.Observe(Observation{P: ps[i%len(ps)], Positive: i%9 == 0})
	}
}

func BenchmarkMetrics(b *testing.B) {
	v := New("bench/h", Options{})
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 100_000 {
		v.Observe(Observation{P: float32(sigmoid(r.NormFloat64() - 2)), Positive: i%9 == 0})
	}
	b.ReportAllocs()
	for b.Loop() {
		v.Total()
	}
}
