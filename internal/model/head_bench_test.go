package model

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchHeads returns a model with two heads as the kuairand configuration has them, and examples of 60 features,
// 40 of them shared, every eighth with a value.
func benchHeads(tb testing.TB, heads, count int, zipf bool) (*Model, []Example) {
	opts := Options{Name: "bench"}
	for i := range heads {
		opts.Heads = append(opts.Heads, HeadOptions{Name: fmt.Sprint("h", i), Hyper: Hyper{Alpha: 0.03, Clip: 100}})
	}
	m, err := New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.1, 10, 200_000)
	value := func() uint64 {
		if zipf {
			return z.Uint64()
		}
		return r.Uint64N(200_000)
	}
	// One piece of memory for all vectors: real ones were just written, so they are in the cache.
	slots, values := make([]uint32, 0, count*60), make([]float32, 0, count*60)
	vector := func(from, to uint64) Vector {
		s, x := len(slots), len(values)
		for f := from; f < to; f++ {
			slots = append(slots, Slot(f, value()))
			if f < from+(to-from)/8 {
				values = append(values, r.Float32()*2-1)
			}
		}
		return Vector{Slots: slots[s:], Values: values[x:]}
	}
	out := make([]Example, count)
	for i := range out {
		out[i] = Example{Shared: vector(0, 40), Own: vector(40, 60), Weight: 1}
		if i%7 == 0 {
			out[i].Y = 1
		}
	}
	return m, out
}

var benchStreams = []struct {
	name  string
	count int
	zipf  bool
}{{"warm", 64, false}, {"zipf", 32768, true}, {"uniform", 32768, false}}

func BenchmarkLearn(b *testing.B) {
	for _, s := range benchStreams {
		for heads := 1; heads <= 2; heads++ {
			b.Run(fmt.Sprintf("%s/heads=%d", s.name, heads), func(b *testing.B) {
				m, examples := benchHeads(b, heads, s.count, s.zipf)
				learn := func(i int) {
					for h := range heads {
						m.Learn(h, &examples[i%len(examples)])
					}
				}
				for i := range examples {
					learn(i)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					learn(i)
				}
			})
		}
	}
}

func BenchmarkLogit(b *testing.B) {
	for _, s := range benchStreams {
		b.Run(s.name, func(b *testing.B) {
			m, examples := benchHeads(b, 2, s.count, s.zipf)
			for i := range examples {
				m.Learn(0, &examples[i])
			}
			h := m.Head(0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ex := &examples[i%len(examples)]
				h.Logit(ex.Shared, ex.Own)
			}
		})
	}
}

func BenchmarkPredictTwoHeads(b *testing.B) {
	for _, s := range benchStreams {
		b.Run(s.name, func(b *testing.B) {
			m, examples := benchHeads(b, 2, s.count, s.zipf)
			for i := range examples {
				m.Learn(0, &examples[i])
				m.Learn(1, &examples[i])
			}
			var p [2]float32
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ex := &examples[i%len(examples)]
				m.Predict(p[:], ex.Shared, ex.Own)
			}
		})
	}
}

func BenchmarkPage(b *testing.B) {
	m, examples := benchHeads(b, 2, 32768, false)
	for i := range examples {
		m.Learn(0, &examples[i])
	}
	var buf []byte
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			buf = m.Head(0).appendPage(buf[:0], uint32(i%m.table.pages()))
		}
		b.ReportMetric(float64(len(buf)), "B/page")
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.Head(0).decodePage(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkTextSlot(b *testing.B) {
	seed := FieldSeed("item.category")
	for b.Loop() {
		TextSlot(seed, "entertainment")
	}
}
