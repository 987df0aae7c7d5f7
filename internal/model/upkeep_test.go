package model

import (
	"math"
	"slices"
	"testing"
)

// predictions are those of all heads for some examples.
func predictions(m *Model, examples []Example) (out []float32) {
	for _, ex := range examples {
		p := make([]float32, len(m.Heads()))
		m.Predict(p, ex.Shared, ex.Own)
		out = append(out, p...)
	}
	return out
}

// Whatever changes accumulators leaves every prediction as it is, to the bit; and the next step of a coordinate moves its weight by
// that step alone, not by the change.
func TestPredictionsStayWhereRatesChange(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(m *Model, head int) error
	}{
		{"faster", func(m *Model, head int) error {
			to := m.Head(head).Hyper()
			to.Alpha, to.Latent.Alpha = 5*to.Alpha, 3*to.Latent.Alpha
			return m.Retune(head, to)
		}},
		{"slower, with other penalties", func(m *Model, head int) error {
			to := m.Head(head).Hyper()
			to.Alpha, to.Beta, to.L1, to.L2 = to.Alpha/10, 2, 0.1, 1
			to.Latent = Rates{Alpha: 0.01, Beta: 3, L1: 0.005, L2: 0.5}
			return m.Retune(head, to)
		}},
		{"forgotten", func(m *Model, head int) error {
			for page := range uint32(m.table.pages()) {
				m.Head(head).fadePage(page)
			}
			return nil
		}},
		{"warm start", func(m *Model, head int) error { return m.WarmStart(head, 4) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			everyLearner(t, func(t *testing.T, opts Options) {
				m := mustNew(t, opts)
				examples := randomExamples(50, 400)
				learnAll(m, examples)
				contents(m)
				before := predictions(m, examples)
				for head := range m.Heads() {
					if err := tc.change(m, head); err != nil {
						t.Fatal(err)
					}
				}
				if !slices.Equal(before, predictions(m, examples)) {
					t.Fatal("a prediction has changed")
				}
				tolerance := 1e-4
				if _, ok := m.Head(0).learner.(*sgd); ok {
					tolerance = 2e-2 // its weights shrink in each step
				}
				nudge := examples[7]
				nudge.Weight, nudge.Correction = 1e-6, false
				for head := range m.Heads() {
					m.Learn(head, &nudge)
				}
				for i, p := range predictions(m, examples) {
					if math.Abs(float64(p-before[i])) > tolerance {
						t.Fatalf("the smallest of steps moves a prediction from %v to %v", before[i], p)
					}
				}
			})
		})
	}
}

// Without its rebase a change of rate would do what the test above forbids.
func TestRatesWithoutRebaseMoveWeights(t *testing.T) {
	m := mustNew(t, battery("ftrl"))
	examples := randomExamples(50, 400)
	learnAll(m, examples)
	h := m.Head(0)
	h.tune(h.AtRate(5 * h.Hyper().Alpha))
	before := h.Logit(examples[7].Shared, examples[7].Own)
	m.Learn(0, &Example{Shared: examples[7].Shared, Own: examples[7].Own, Y: 1, Weight: 1e-6})
	if after := h.Logit(examples[7].Shared, examples[7].Own); math.Abs(after-before) < 0.1 {
		t.Errorf("logit %v, then %v: the other test shows nothing", before, after)
	}
}

func double(t *testing.T, m *Model) {
	t.Helper()
	for head, h := range m.Heads() {
		if err := m.Retune(head, h.AtRate(2*h.Hyper().Alpha)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRatesAreStoredWithTheWeights(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		examples := randomExamples(51, 600)
		whole := mustNew(t, opts)
		learnAll(whole, examples[:300])
		double(t, whole)
		again := loaded(t, opts, contents(whole))
		if again.Head(0).Hyper() != whole.Head(0).Hyper() {
			t.Fatalf("rates %+v, loaded as %+v", whole.Head(0).Hyper(), again.Head(0).Hyper())
		}
		learnAll(whole, examples[300:])
		learnAll(again, examples[300:])
		if !slices.Equal(cells(whole), cells(again)) {
			t.Error("weights differ from those of a model never saved")
		}
	})
}

func TestARateThatGoesBackLeavesNothingBehind(t *testing.T) {
	m := mustNew(t, battery("ftrl"))
	contents(m)
	double(t, m)
	for head, h := range m.Heads() {
		if err := m.Retune(head, h.AtRate(0)); err != nil {
			t.Fatal(err)
		}
	}
	if left := contents(m); len(left) != 0 {
		t.Errorf("%q", left)
	}
}

// A snapshot from before a change of rate is learned on at the rate of now, and predicts as it did.
func TestRestoredWeightsTakeTheRatesOfNow(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		m, examples := mustNew(t, opts), randomExamples(57, 400)
		learnAll(m, examples)
		before := predictions(m, examples)
		keys, values := snapshot(t, m)
		double(t, m)
		rates := m.Head(0).Hyper()
		r := m.Restore()
		for i := range keys {
			if ok, err := r.LoadPage(keys[i], values[i]); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		r.Finish()
		if m.Head(0).Hyper() != rates || !slices.Equal(before, predictions(m, examples)) {
			t.Fatal("rates or predictions have changed")
		}
		if _, ok := m.Head(0).learner.(*sgd); ok {
			return
		}
		m.Learn(0, &Example{Shared: examples[7].Shared, Own: examples[7].Own, Y: 1, Weight: 1e-6})
		if p := predictions(m, examples[7:8])[0]; math.Abs(float64(p-before[7*len(m.Heads())])) > 1e-3 {
			t.Errorf("the smallest of steps moves a prediction from %v to %v", before[7*len(m.Heads())], p)
		}
	})
}

func TestWrongRatesAreRefusedAndChangeNothing(t *testing.T) {
	m := mustNew(t, battery("fm"))
	learnAll(m, randomExamples(52, 50))
	before, hyper := cells(m), m.Head(0).Hyper()
	for _, to := range []Hyper{{Alpha: math.NaN()}, {Alpha: -1}, {L1: math.Inf(1)}, {Latent: Rates{Alpha: -1}}} {
		if err := m.Retune(0, to); err == nil {
			t.Errorf("%+v is taken", to)
		}
	}
	if m.WarmStart(0, -1) == nil || m.WarmStart(0, math.NaN()) == nil {
		t.Error("a wrong n0 is taken")
	}
	if !slices.Equal(before, cells(m)) || m.Head(0).Hyper() != hyper {
		t.Error("something has changed")
	}
}

func TestAWarmStartGivesEveryWeightTheSameRate(t *testing.T) {
	m := mustNew(t, battery("ftrl"))
	learnAll(m, randomExamples(53, 300))
	if err := m.WarmStart(0, 9); err != nil {
		t.Fatal(err)
	}
	for row := range uint32(1) << m.table.bits {
		if c := m.Head(0).seat.own(row)[0]; c != (coordinate[float32]{}) && c.n != 9 {
			t.Fatalf("slot %d has n %v", row, c.n)
		}
	}
}

func TestFrozenModelsPredictAndCountOnly(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		m := mustNew(t, opts)
		examples := randomExamples(54, 300)
		learnAll(m, examples)
		contents(m)
		before := cells(m)
		m.Freeze(true)
		h := m.Head(0)
		p, ok := h.Learn(&examples[3])
		if want := Sigmoid(h.Logit(examples[3].Shared, examples[3].Own)); ok || p != want {
			t.Errorf("p = %v, %v, want %v", p, ok, want)
		}
		if !slices.Equal(before, cells(m)) || len(contents(m)) != 0 || h.Counters().Frozen != 1 {
			t.Error("something has changed, or nothing was counted")
		}
		m.Freeze(false)
		if _, ok := h.Learn(&examples[3]); !ok || slices.Equal(before, cells(m)) {
			t.Error("learning does not go on")
		}
	})
}

// keeper is a model with one head that is kept up.
func keeper(t *testing.T, kind string, u Upkeep) (*Model, *Head) {
	m := mustNew(t, Options{Name: "m", Bits: 12, Heads: []HeadOptions{{
		Name: "h", Learner: kind, Hyper: Hyper{Alpha: 0.1, Factors: 2}, Upkeep: u,
	}}})
	return m, m.Head(0)
}

func one(slots ...uint32) *Example { return &Example{Shared: Vector{Slots: slots}, Y: 1, Weight: 1} }

func TestASlotLearnsFromItsNthSightingOn(t *testing.T) {
	for _, kind := range Learners() {
		t.Run(kind, func(t *testing.T) {
			_, h := keeper(t, kind, Upkeep{Sights: 3})
			correction := *one(9)
			correction.Correction = true
			for sighting := 1; sighting <= 4; sighting++ {
				h.Learn(one(9, 9)) // twice in an example is one sighting
				h.Learn(&correction)
				if learned := h.seat.learned(9, h.shape.coordinates); learned != (sighting >= 3) {
					t.Errorf("after %d sightings: learned %v", sighting, learned)
				}
			}
			h.Learn(&Example{Shared: Vector{Slots: []uint32{10}}, Y: 1}) // of no weight: no sighting
			if !h.seat.blank(10) {
				t.Error("an example without weight is counted")
			}
		})
	}
}

func TestAShareOfSlotsIsAdmittedAtEachSighting(t *testing.T) {
	_, h := keeper(t, "ftrl", Upkeep{Share: 0.25})
	admitted := func() (n int) {
		for row := range uint32(1000) {
			if h.seat.learned(row, 1) {
				n++
			}
		}
		return n
	}
	for round, want := range []float64{0.25, 0.4375, 0.578} {
		for row := range uint32(1000) {
			h.Learn(one(row))
		}
		if got := float64(admitted()) / 1000; math.Abs(got-want) > 0.05 {
			t.Errorf("after %d sightings %v of the slots learn, want %v", round+1, got, want)
		}
	}
}

func TestSlotsThatAreNotSeenAreEvicted(t *testing.T) {
	for name, u := range map[string]Upkeep{
		"by examples": {Evict: Span{Examples: 4000}}, "by time": {Evict: Span{Time: 4000}},
	} {
		t.Run(name, func(t *testing.T) {
			m, h := keeper(t, "fm", u)
			now := int64(1_700_000_000_000_000_000)
			learn := func(ex *Example) {
				now++
				m.Advance(now)
				h.Learn(ex)
			}
			learn(one(5, 2000))
			contents(m)
			for i := range 4000 {
				learn(one(6))
				if i == 3000 {
					learn(one(2000))
				}
			}
			if h.seat.blank(5) {
				t.Fatal("evicted before its time")
			}
			for range 1200 {
				learn(one(6))
			}
			if !h.seat.blank(5) || h.seat.blank(6) || h.seat.blank(2000) || h.Counters().Evicted != 1 {
				t.Errorf("not seen: blank %v; seen: blank %v, %v; %d counted", h.seat.blank(5), h.seat.blank(6), h.seat.blank(2000), h.Counters().Evicted)
			}
			for range 5000 {
				learn(one(6))
			}
			entries := contents(m)
			if value, ok := entries[string((*weightPages)(m).AppendKey(nil, 1))]; !ok || value != "" {
				t.Errorf("the page that has become blank is stored as %q, %v: it has to be deleted", value, ok)
			}
		})
	}
}

func TestForgettingHalvesNInItsHalfLife(t *testing.T) {
	_, h := keeper(t, "ftrl", Upkeep{Forget: Span{Examples: 1600}, ForgetTo: 0.5})
	for range 50 {
		h.Learn(one(3))
	}
	before := h.seat.own(3)[0].n
	for range 1600 {
		h.Learn(one(2000))
	}
	if got, want := h.seat.own(3)[0].n, 0.5+(before-0.5)/2; math.Abs(float64(got-want)) > 0.05*float64(want) {
		t.Errorf("n was %v and is %v, want %v", before, got, want)
	}
}

// Values a thousand times as great give the same predictions, where values are scaled.
func TestScalingTakesUnitsOutOfLearning(t *testing.T) {
	for _, kind := range Learners() {
		t.Run(kind, func(t *testing.T) {
			learn := func(unit float32, scale bool) (out []float64) {
				_, h := keeper(t, kind, Upkeep{Scale: scale})
				h.learner.tune(Hyper{Alpha: 0.1, Beta: 1, Latent: Rates{Alpha: 0.1, Beta: 1}})
				for _, ex := range randomExamples(55, 500) {
					v := Vector{Slots: ex.Shared.Slots, Values: make([]float32, len(ex.Shared.Slots))}
					for i := range v.Values {
						v.Values[i] = unit * (1 + float32(i)/4)
						if i < len(ex.Shared.Values) {
							v.Values[i] *= ex.Shared.Values[i]
						}
					}
					p, _ := h.Learn(&Example{Shared: v, Y: ex.Y, Weight: 1})
					out = append(out, p)
				}
				return out
			}
			small, great := learn(1, true), learn(1024, true)
			if kind == "fm" {
				small, great = small[:0], great[:0] // its latent vectors begin at v0, whatever the unit
			}
			for i := range small {
				if math.Abs(small[i]-great[i]) > 1e-4 {
					t.Fatalf("example %d: p = %v, in the greater unit %v", i, small[i], great[i])
				}
			}
			if slices.Equal(learn(1, false), learn(1024, false)) {
				t.Error("units do not matter without scaling: the test shows nothing")
			}
		})
	}
}

func TestAGreaterValueChangesNoPredictionByItself(t *testing.T) {
	for _, kind := range Learners() {
		t.Run(kind, func(t *testing.T) {
			m, h := keeper(t, kind, Upkeep{Scale: true})
			examples := randomExamples(56, 300)
			for i := range examples {
				h.Learn(&examples[i])
			}
			before := predictions(m, examples)
			for row := range uint32(1) << m.table.bits {
				if !h.seat.blank(row) {
					h.grow(row, 8*h.extra(row).n)
				}
			}
			if !slices.Equal(before, predictions(m, examples)) {
				t.Error("a prediction has changed")
			}
		})
	}
}

func TestValuesOfAnySizeLeaveFiniteWeights(t *testing.T) {
	for _, kind := range Learners() {
		for _, u := range []Upkeep{{}, {Scale: true}} {
			_, h := keeper(t, kind, u)
			for i := range 2000 {
				x := float32(math.Pow(10, float64(i*37%78)-39)) // 1e-39 to 1e38
				h.Learn(&Example{Shared: Vector{Slots: []uint32{1, 2, 3}, Values: []float32{x, -x, 1}}, Y: float32(i % 2), Weight: 1 + x})
			}
			for row := range uint32(4) {
				for _, x := range h.seat.cell(nil, row) {
					if !finite(float64(x)) {
						t.Fatalf("%s, scaled %v: slot %d holds %v", kind, u.Scale, row, h.seat.cell(nil, row))
					}
				}
			}
			if c := h.Counters(); c.Learned == 0 || c.Refused == 0 {
				t.Errorf("%+v", c)
			}
		}
	}
}

func TestUpkeepIsChecked(t *testing.T) {
	for _, tc := range []struct {
		kind string
		u    Upkeep
		want string
	}{
		{"ftrl", Upkeep{Sights: 16}, "sights 16 is not within 0 and 15"},
		{"ftrl", Upkeep{Share: 1}, "share 1 is not within 0 and 1"},
		{"ftrl", Upkeep{Share: math.NaN()}, "share NaN is not within 0 and 1"},
		{"ftrl", Upkeep{Share: 0.5, Sights: 2}, "a slot is admitted by sights or by share, not by both"},
		{"sgd", Upkeep{Forget: Span{Examples: 1000}}, `"sgd" has nothing to forget: its rate is the same for all coordinates`},
		{"fm", Upkeep{Evict: Span{Examples: 10}}, "evict must be at least 1000 examples, or a microsecond"},
		{"fm", Upkeep{Forget: Span{Time: -1}}, "forget must not be negative"},
		{"fm", Upkeep{Forget: Span{Time: 1000, Examples: 1000}}, "forget is either a number of examples or a time"},
		{"fm", Upkeep{ForgetTo: -1}, "forget_to -1 must not be negative"},
	} {
		_, err := New(Options{Name: "m", Bits: 10, Heads: []HeadOptions{{Name: "h", Learner: tc.kind, Upkeep: tc.u}}})
		if want := `model m: head "h": ` + tc.want; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}
