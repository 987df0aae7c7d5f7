package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"recsvc/internal/dirty"
)

func mustNew(tb testing.TB, opts Options) *Model {
	tb.Helper()
	m, err := New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// smallOptions is a model in which slots collide now and then, with one head of each examination.
func smallOptions() Options {
	return Options{Name: "small", Bits: 12, Heads: []HeadOptions{
		{Name: "click", Hyper: Hyper{Alpha: 0.1}},
		{Name: "seen", Hyper: Hyper{Alpha: 0.05, L1: 0.2, L2: 0.1, Clip: 2}, Examination: PBM},
		{Name: "soft", Hyper: Hyper{Alpha: 0.2, Beta: 0.5}, Examination: Soft, MinTheta: 0.2},
	}}
}

// battery is smallOptions for one learner: what every law is tried on.
func battery(learner string) Options {
	opts := smallOptions()
	for i := range opts.Heads {
		h := &opts.Heads[i]
		h.Learner = learner
		h.Hyper.Factors, h.Hyper.Seed, h.Hyper.Decay = 3+i, uint64(i), 100*float64(i)
		h.Hyper.Latent = Rates{Alpha: 0.05, L1: 0.01 * float64(i), L2: 0.1 * float64(i)}
	}
	return opts
}

// everyLearner runs a law for each learner that there is, without and with upkeep.
func everyLearner(t *testing.T, law func(t *testing.T, opts Options)) {
	t.Helper()
	for _, kind := range Learners() {
		t.Run(kind, func(t *testing.T) { law(t, battery(kind)) })
		t.Run(kind+" with upkeep", func(t *testing.T) { law(t, kept(kind)) })
	}
}

// kept is battery with all that a head can do to its slots.
func kept(kind string) Options {
	opts := battery(kind)
	for i := range opts.Heads {
		u := &opts.Heads[i].Upkeep
		u.Scale, u.Evict = true, Span{Examples: 1000}
		switch i {
		case 0:
			u.Sights = 3
		case 1:
			u.Share, u.Evict = 0.5, Span{Time: 1000}
		}
		if kind != "sgd" {
			u.Forget, u.ForgetTo = Span{Examples: 1000}, 0.1*float64(i)
		}
	}
	return opts
}

// randomExamples returns learnable examples with numbers, duplicates, weights, θ and corrections.
func randomExamples(seed uint64, count int) []Example {
	r := rand.New(rand.NewPCG(seed, 0))
	vector := func(features int) (v Vector) {
		for range features {
			v.Slots = append(v.Slots, Slot(1, uint64(r.ExpFloat64()*300)))
		}
		for range r.IntN(features + 1) {
			v.Values = append(v.Values, float32(r.NormFloat64()))
		}
		return v
	}
	out := make([]Example, count)
	for i := range out {
		ex := Example{Shared: vector(6), Own: vector(5), Weight: 1, Theta: 1 - r.Float32()*0.9}
		if ex.Shared.Slots[0]%3 == 0 && r.IntN(2) == 0 {
			ex.Y = 1
		}
		if r.IntN(5) == 0 {
			ex.Weight = r.Float32() * 4
		}
		ex.Correction = ex.Y == 1 && r.IntN(2) == 0
		out[i] = ex
	}
	return out
}

func learnAll(m *Model, examples []Example) {
	for i := range examples {
		for h := range m.Heads() {
			m.Learn(h, &examples[i])
		}
	}
}

// contents is what a model would store, and the digest of it.
func contents(m *Model) (entries map[string]string) {
	entries = map[string]string{}
	for _, s := range m.Sets() {
		s.Cut(func(key, value []byte, _ dirty.Sum) { entries[string(key)] = string(value) })
		for !s.Flush(3) {
		}
	}
	return entries
}

// cells is every word that the model has, as bits.
func cells(m *Model) []uint32 {
	var out []uint32
	for row := range uint32(1) << m.table.bits {
		for _, h := range m.heads {
			out = append(out, cellBits(h, row)...)
		}
	}
	return out
}

func cellBits(h *Head, row uint32) (out []uint32) {
	for _, x := range h.seat.cell(nil, row) {
		out = append(out, math.Float32bits(x))
	}
	return out
}

func TestTheSameExamplesGiveTheSameBits(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		a, b := mustNew(t, opts), mustNew(t, opts)
		learnAll(a, randomExamples(1, 500))
		learnAll(b, randomExamples(1, 500))
		if !slices.Equal(cells(a), cells(b)) {
			t.Error("weights differ")
		}
		if a.Sets()[0].Digest() != b.Sets()[0].Digest() {
			t.Error("digests differ")
		}
	})
}

func TestHeadsDoNotTouchEachOther(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		all, one := mustNew(t, opts), opts
		one.Heads = one.Heads[1:2]
		alone := mustNew(t, one)
		examples := randomExamples(2, 500)
		learnAll(all, examples)
		learnAll(alone, examples)
		for row := range uint32(1) << alone.table.bits {
			if got, want := all.Head(1).seat.cell(nil, row), alone.Head(0).seat.cell(nil, row); !slices.Equal(got, want) {
				t.Fatalf("slot %d: %v among others, %v alone", row, got, want)
			}
		}
	})
}

func TestOrderOfFeaturesMattersByRoundingOnly(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		a, b := mustNew(t, opts), mustNew(t, opts)
		examples := randomExamples(3, 400)
		for _, ex := range examples {
			turned := ex
			turned.Shared, turned.Own = reversed(ex.Own), reversed(ex.Shared)
			for h := range a.Heads() {
				p, _ := a.Learn(h, &ex)
				q, _ := b.Learn(h, &turned)
				if math.Abs(p-q) > 1e-5 {
					t.Fatalf("p = %v, with features in reverse %v", p, q)
				}
			}
		}
	})
}

func reversed(v Vector) Vector {
	out := Vector{Slots: slices.Clone(v.Slots)}
	slices.Reverse(out.Slots)
	for i := len(v.Values); i < len(v.Slots); i++ {
		out.Values = append(out.Values, 1)
	}
	back := slices.Clone(v.Values)
	slices.Reverse(back)
	out.Values = append(out.Values, back...)
	return out
}

// A factorization machine's latent vectors begin within ±Spread/2: that much its unseen features may add, and no more. Those of
// the other learners add nothing.
func TestUnseenFeaturesAreHarmless(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		m := mustNew(t, opts)
		learnAll(m, randomExamples(4, 300))
		seen := randomExamples(4, 1)[0].Shared
		const count = 20
		for i, h := range m.Heads() {
			var unseen Vector
			for slot := uint32(0); len(unseen.Slots) < count; slot++ {
				if h.seat.blank(slot) {
					unseen.Slots = append(unseen.Slots, slot|0xabc<<12)
				}
			}
			sums := make([]float64, h.Sums())
			h.Partial(sums, seen)
			var bound float64
			for f := sumFactors; f < len(sums); f++ {
				v0 := h.learner.(*fm).spread / 2
				bound += count * v0 * (math.Abs(sums[f]) + count*v0)
			}
			got, want := h.Logit(seen, unseen), h.Logit(seen, Vector{})
			if math.Abs(got-want) > bound {
				t.Errorf("head %d: logit %v with unseen features, %v without", i, got, want)
			}
		}
	})
}

func TestADuplicateSlotTakesAsManySteps(t *testing.T) {
	for _, kind := range Learners() {
		t.Run(kind, func(t *testing.T) {
			m := mustNew(t, Options{Name: "m", Bits: 10, Heads: []HeadOptions{{Name: "h", Learner: kind, Hyper: Hyper{Alpha: 0.5, Factors: 2}}}})
			ex := Example{Shared: Vector{Slots: []uint32{3, 4, 3 + 1<<10}, Values: []float32{1, 1, 1}}, Y: 1, Weight: 1}
			m.Learn(0, &ex)
			twice, once := m.Head(0).seat.cell(nil, 3), m.Head(0).seat.cell(nil, 4)
			if !(twice[0] > once[0] && once[0] > 0) {
				t.Errorf("a slot that occurs twice weighs %v, one that occurs once %v", twice[0], once[0])
			}
		})
	}
}

func TestDuplicateSlotsUseTheWeightFromBefore(t *testing.T) {
	m := mustNew(t, Options{Name: "m", Bits: 10, Heads: []HeadOptions{{Name: "h", Hyper: Hyper{Alpha: 0.5}}}})
	exact := newExactLR(Hyper{Alpha: 0.5, Beta: 1}, 4)
	v := Vector{Slots: []uint32{3, 3, 3 + 1<<10}, Values: []float32{2}}
	for i := range 20 {
		y := float64(i % 2)
		p, _ := m.Learn(0, &Example{Shared: v, Y: float32(y), Weight: 1})
		if want := exact.learn([][2]float64{{3, 2}, {3, 1}, {3, 1}}, y, 1); !near(p, want, 1e-5) {
			t.Fatalf("step %d: p = %v, want %v", i, p, want)
		}
	}
}

func TestBadExamplesChangeNothingAndAreCounted(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		nan, inf := float32(math.NaN()), float32(math.Inf(1))
		good := randomExamples(5, 1)[0]
		for _, tc := range []struct {
			name  string
			spoil func(ex *Example)
		}{
			{"value is NaN", func(ex *Example) { ex.Own.Values = []float32{nan} }},
			{"value is infinite", func(ex *Example) { ex.Shared.Values = []float32{1, -inf} }},
			{"infinities that cancel", func(ex *Example) { ex.Shared.Values = []float32{inf, -inf} }},
			{"value of an unseen slot is NaN", func(ex *Example) { ex.Own = Vector{Slots: []uint32{9}, Values: []float32{nan}} }},
			{"value is too great", func(ex *Example) { ex.Shared.Values = []float32{math.MaxFloat32} }},
			{"label is NaN", func(ex *Example) { ex.Y = nan }},
			{"label is infinite", func(ex *Example) { ex.Y = inf }},
			{"weight is NaN", func(ex *Example) { ex.Weight = nan }},
			{"weight is infinite", func(ex *Example) { ex.Weight = inf }},
			{"weight is negative", func(ex *Example) { ex.Weight = -1 }},
			{"theta is NaN", func(ex *Example) { ex.Theta = nan }},
			{"theta is negative", func(ex *Example) { ex.Theta = -0.1 }},
			{"theta is above 1", func(ex *Example) { ex.Theta = 1.1 }},
		} {
			t.Run(tc.name, func(t *testing.T) {
				m := mustNew(t, opts)
				learnAll(m, randomExamples(5, 200))
				contents(m)
				before := cells(m)
				ex := good
				tc.spoil(&ex)
				for h := range m.Heads() {
					if _, ok := m.Learn(h, &ex); ok {
						t.Errorf("head %d learned it", h)
					}
					if n := m.Head(h).Counters().Refused; n != 1 {
						t.Errorf("head %d counts %d refused", h, n)
					}
				}
				if !slices.Equal(before, cells(m)) {
					t.Error("weights have changed")
				}
				if dirty := contents(m); len(dirty) != 0 {
					t.Errorf("%d pages are dirty", len(dirty))
				}
			})
		}
	})
}

func TestNoWeightChangesNothing(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		m := mustNew(t, opts)
		learnAll(m, randomExamples(6, 200))
		contents(m)
		before := cells(m)
		for _, ex := range randomExamples(7, 50) {
			ex.Weight = 0
			for h := range m.Heads() {
				if _, ok := m.Learn(h, &ex); !ok {
					t.Fatal("refused")
				}
			}
		}
		zeros := Example{Shared: Vector{Slots: []uint32{1, 2}, Values: []float32{0, 0}}, Y: 1, Weight: 1}
		if len(contents(m)) != 0 {
			t.Error("something has changed")
		}
		m.Learn(0, &zeros) // an example all the same, where they are counted
		if !slices.Equal(before, cells(m)) {
			t.Error("weights have changed")
		}
	})
}

func TestBrokenVectorsRankLastAndAreCounted(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		m := mustNew(t, opts)
		v := Vector{Slots: []uint32{1}, Values: []float32{float32(math.NaN())}}
		p := make([]float32, 3)
		m.Predict(p, v, Vector{})
		for i, h := range m.Heads() {
			if p[i] > 1e-15 || h.Counters().Broken != 1 {
				t.Errorf("p = %v, %d counted as broken", p[i], h.Counters().Broken)
			}
		}
	})
}

func TestGradientsAreClipped(t *testing.T) {
	opts := Options{Name: "m", Bits: 10, Heads: []HeadOptions{{Name: "h", Hyper: Hyper{Clip: 0.25}}}}
	m := mustNew(t, opts)
	m.Learn(0, &Example{Shared: Vector{Slots: []uint32{5}}, Y: 1, Weight: 100})
	if c := m.Head(0).seat.own(5)[0]; c.z != -0.25 || c.n != 0.0625 {
		t.Errorf("z %v, n %v", c.z, c.n)
	}
	if n := m.Head(0).Counters(); n.Clipped != 1 || n.Learned != 1 {
		t.Errorf("counters %+v", n)
	}
}

func TestPartialsGiveThePredictionsToTheBit(t *testing.T) {
	kinds := Learners()
	for heads := 1; heads <= 10; heads++ {
		opts := Options{Name: "m", Bits: 12}
		for i := range heads {
			o := HeadOptions{Name: fmt.Sprint(i), Hyper: Hyper{Alpha: 0.1 * float64(i+1), Factors: i + 1}}
			if i%3 == 2 { // between neighbours that are linear
				o.Learner = kinds[i%len(kinds)]
			}
			opts.Heads = append(opts.Heads, o)
		}
		m := mustNew(t, opts)
		learnAll(m, randomExamples(8, 300))
		p, sums := make([]float32, heads), make([]float64, m.Sums())
		for _, ex := range randomExamples(9, 20) {
			m.Predict(p, ex.Shared, ex.Own)
			clear(sums)
			m.Partials(sums, ex.Shared)
			m.Partials(sums, ex.Own)
			rest := sums
			for i, h := range m.Heads() {
				logit := h.Logit(ex.Shared, ex.Own)
				if got := h.Clamp(rest[:h.Sums()]); got != logit || float32(Sigmoid(logit)) != p[i] {
					t.Fatalf("head %d of %d: partials %v, logit %v, p %v", i, heads, got, logit, p[i])
				}
				rest = rest[h.Sums():]
				if learned, _ := h.Learn(&Example{Shared: ex.Shared, Own: ex.Own}); float32(learned) != p[i] {
					t.Fatalf("Learn predicts %v, Predict %v", learned, p[i])
				}
			}
		}
	}
}

func TestContributionsSumToTheLogit(t *testing.T) {
	for _, kind := range Learners() {
		t.Run(kind, func(t *testing.T) {
			m := mustNew(t, battery(kind))
			learnAll(m, randomExamples(10, 300))
			for _, ex := range randomExamples(11, 20) {
				for _, h := range m.Heads() {
					var s float64
					all := h.Explain(nil, ex.Shared, ex.Own)
					for _, c := range all {
						s += c.Product
					}
					if want := h.Logit(ex.Shared, ex.Own); len(all) != len(ex.Shared.Slots)+len(ex.Own.Slots) || !near(s, want, 1e-6) ||
						h.line != nil && s != want {
						t.Fatalf("%d contributions sum to %v, logit %v", len(all), s, want)
					}
					if c := all[len(all)-1]; c.Slot != ex.Own.Slots[len(ex.Own.Slots)-1] {
						t.Fatalf("last contribution is of slot %d", c.Slot)
					}
				}
			}
		})
	}
}

func TestWeightsCountsThoseThatAreNotZero(t *testing.T) {
	m := mustNew(t, Options{Name: "m", Bits: 11, Heads: []HeadOptions{{Name: "a"}, {Name: "b"}}})
	m.Learn(1, &Example{Shared: Vector{Slots: []uint32{1, 2, 2}}, Y: 1, Weight: 1})
	for h, want := range []int{0, 2} {
		if n, slots := m.Head(h).Weights(); n != want || slots != 2048 {
			t.Errorf("head %d: %d of %d, want %d of 2048", h, n, slots, want)
		}
	}
}
