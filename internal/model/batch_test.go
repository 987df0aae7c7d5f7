package model

import (
	"math"
	"reflect"
	"slices"
	"testing"
)

// spoiled is randomExamples with some that are refused, and some that have a part only or nothing at all.
func spoiled(seed uint64, count int) []Example {
	out := randomExamples(seed, count)
	for i := range out {
		switch i % 11 {
		case 3:
			out[i].Shared = Vector{}
		case 5:
			out[i].Own = Vector{}
		case 7:
			out[i].Shared, out[i].Own = Vector{}, Vector{}
		case 9:
			out[i].Y = float32(math.NaN())
		}
	}
	return out
}

func TestABatchIsLearnedAsItsExamplesAreOneByOne(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		one, batch := mustNew(t, opts), mustNew(t, opts)
		for at, size := range []int{0, 1, ahead, ahead + 1, 100, 500} {
			examples, now := spoiled(uint64(at), size), int64(1000*at)
			one.Advance(now)
			batch.Advance(now)
			for h := range opts.Heads {
				want, learned, p := make([]float64, size), 0, make([]float64, size)
				for i := range examples {
					var ok bool
					if want[i], ok = one.Learn(h, &examples[i]); ok {
						learned++
					}
				}
				if n := batch.LearnBatch(h, examples, p); n != learned || !slices.Equal(p, want) {
					t.Fatalf("head %d: %d of %d learned, want %d; or predictions differ", h, n, size, learned)
				}
			}
		}
		if !slices.Equal(cells(one), cells(batch)) {
			t.Error("weights differ")
		}
		if !reflect.DeepEqual(contents(one), contents(batch)) {
			t.Error("what is stored differs")
		}
		for h := range opts.Heads {
			if got, want := batch.Head(h).Counters(), one.Head(h).Counters(); got != want || got.Refused == 0 {
				t.Errorf("head %d counts %+v, want %+v", h, got, want)
			}
		}
	})
}

func TestABatchNeedsNoPlaceForPredictionsAndAllocatesNothing(t *testing.T) {
	for _, kind := range Learners() {
		opts := battery(kind)
		m, examples := mustNew(t, opts), randomExamples(1, 50)
		learn := func() {
			for h := range opts.Heads {
				m.LearnBatch(h, examples, nil)
			}
		}
		learn()
		if n := testing.AllocsPerRun(10, learn); n != 0 {
			t.Errorf("%s: %v allocations", kind, n)
		}
	}
}

// Learning goes on beside readers once a batch is done; the race detector says whether stores are atomic again.
func TestAfterABatchWeightsArePublishedAgain(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		m, examples := mustNew(t, opts), randomExamples(1, 50)
		m.LearnBatch(0, examples, nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			p := make([]float32, len(opts.Heads))
			for i := range examples {
				m.Predict(p, examples[i].Shared, examples[i].Own)
			}
		}()
		learnAll(m, examples)
		<-done
	})
}

func BenchmarkLearnBatch(b *testing.B) {
	const size = 128
	for _, learner := range []string{"ftrl", "fm"} {
		opts := Options{Name: "bench", Heads: []HeadOptions{{Name: "h", Learner: learner, Hyper: Hyper{Factors: 8}}}}
		_, examples := benchHeads(b, 1, 1<<15, true)
		each := func(name string, learn func(m *Model, examples []Example)) {
			b.Run(learner+"/"+name, func(b *testing.B) {
				m := mustNew(b, opts)
				b.ReportAllocs()
				for i := 0; b.Loop(); i += size {
					at := i % len(examples)
					learn(m, examples[at:at+size])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/example")
			})
		}
		each("batch", func(m *Model, examples []Example) { m.LearnBatch(0, examples, nil) })
		each("each", func(m *Model, examples []Example) { learnAll(m, examples) })
	}
}
