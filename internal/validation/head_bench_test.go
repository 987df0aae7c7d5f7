package validation

import (
	"math/rand/v2"
	"testing"
	"time"
)

func BenchmarkObserve(b *testing.B) {
	s, err := NewSlicer(SlicerOptions{Dimensions: []string{"scene", "context.tab"}})
	if err != nil {
		b.Fatal(err)
	}
	v := New("bench/h", Options{Slicer: s, Wait: 30 * time.Minute})
	tag := s.With(s.Begin(), 0, []byte("home"))
	r := rand.New(rand.NewPCG(1, 2))
	var ps [4096]float32
	for i := range ps {
		ps[i] = float32(sigmoid(r.NormFloat64() - 2))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		v.Observe(Observation{P: ps[i%len(ps)], Positive: i%9 == 0, Time: int64(i) * 1e7, User: uint64(i%3000) + 1, Tag: tag})
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
