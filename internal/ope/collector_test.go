package ope

import (
	"math"
	"slices"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
)

// taken is what a collector hands on.
type taken struct {
	settled Settled
	choices []Choice
}

// rig drives a collector as an engine would.
type rig struct {
	*Collector
	taken []taken
	next  uint64
}

func newRig(t *testing.T, opts CollectorOptions) *rig {
	t.Helper()
	r := &rig{}
	if opts.Epsilon == nil {
		opts.Epsilon = func(scene string) (float64, bool) { return 0.2, scene == "home" }
	}
	opts.Take = func(s *Settled, choices []Choice) { r.taken = append(r.taken, taken{*s, slices.Clone(choices)}) }
	c, err := NewCollector(opts)
	if err != nil {
		t.Fatal(err)
	}
	r.Collector = c
	return r
}

// serve lets a list be captured: all of a pool of three, in the order of its scores.
func (r *rig) serve(scene string, p [][]float32, propensities ...float64) (first uint64) {
	rec := &event.Record{Kind: event.KindServed, Served: &event.Served{User: "ann", Scene: scene}}
	for i := range p {
		rec.Served.Items = append(rec.Served.Items, event.ServedItem{Item: string(rune('a' + i)), Score: float64(len(p) - i), Propensity: propensities[i]})
	}
	r.Begin(rec, nil)
	for i := range p {
		r.Captured(i, nil, feedback.Captured{P: p[i]})
	}
	first = r.next
	for i := range p {
		r.Parked(r.next, i)
		r.next++
	}
	return first
}

// inOrder are the propensities of three items that are the whole pool, each the top of what remained; epsilon is 0.2.
var inOrder = []float64{0.8 + 0.2/3, 0.8 + 0.2/2, 1}

func second(p []float32) float64 { return float64(p[1]) }

func TestAListIsEvaluatedByWhatAModelPredictedAtItsCapture(t *testing.T) {
	r := newRig(t, CollectorOptions{Policies: []Policy{
		{Name: "logged", Kind: Served, Rule: Rule{Epsilon: -1}},
		{Name: "uniform", Kind: Uniform},
		{Name: "other", Kind: ByModel, Rule: Rule{Epsilon: -1}, Score: second},
	}})
	// The other model would show c, a, b.
	id := r.serve("home", [][]float32{{0.3, 0.5}, {0.2, 0.1}, {0.1, 0.9}}, inOrder...)
	for i := range uint64(3) {
		r.Shown(id+i, nil, feedback.Shown{Time: 9, Position: int32(i + 1)})
	}
	r.Settled(id+1, feedback.Settled{Head: 1, Positive: true, Theta: 1}) // of a head that is no reward
	r.Settled(id+1, feedback.Settled{Head: 0, Positive: true, Theta: 0.5})
	r.Settled(id, feedback.Settled{Head: 0, Theta: 1})
	if len(r.taken) != 0 {
		t.Fatalf("%+v counts before its windows have closed: of the latest, only what was rewarded would", r.taken)
	}
	for i := range uint64(2) {
		r.Ended(id+1-i, feedback.EndClosed)
	}
	if len(r.taken) != 2 {
		t.Fatalf("%+v", r.taken)
	}
	got := r.taken[0]
	if s := got.settled; s.Reward != 1 || s.Position != 2 || s.Predicted != 0.5*float64(float32(0.2)) || s.Theta != 0.5 || s.Time != 9 {
		t.Errorf("%+v", s)
	}
	each := 0.2 / 2
	for i, want := range []struct{ slot, cascade float64 }{
		{1, 1},
		{0.5 / inOrder[1], 0.5 / inOrder[1] / 3 / inOrder[0]},
		{each / inOrder[1], each / inOrder[1] * (0.2 / 3 / inOrder[0])}, // above stood what only chance puts there
	} {
		c := got.choices[i]
		if math.Abs(c.Weights[Independent]-want.slot) > 1e-12 || math.Abs(c.Weights[Cascade]-want.cascade) > 1e-12 || !c.Products || c.Skip != 0 {
			t.Errorf("policy %d: %+v, want %+v", i, c, want)
		}
	}
	// q̂ of b and c, of which the other model prefers c.
	if c := got.choices[2]; math.Abs(c.Direct-(each*float64(float32(0.2))+(0.8+each)*float64(float32(0.1)))) > 1e-12 {
		t.Errorf("direct %v", c.Direct)
	}
	if r.Pending() != 1 {
		t.Errorf("%d wait", r.Pending())
	}
	r.Ended(id+2, feedback.EndUnexposed)
	if r.Pending() != 0 {
		t.Errorf("%d wait for ever", r.Pending())
	}
}

func TestWhatCannotBeEvaluatedIsSaidWithTheReason(t *testing.T) {
	one := [][]float32{{0.3, 0.5}, {0.2, 0.1}, {0.1, 0.9}}
	for _, tc := range []struct {
		name  string
		scene string
		p     []float64
		of    Policy
		want  Skip
	}{
		{"a scene that is not configured", "gone", inOrder, Policy{Name: "p", Kind: Uniform}, NotTheRule},
		{"another epsilon", "home", []float64{0.5, 0.5, 1}, Policy{Name: "p", Kind: Uniform}, NotTheRule},
		{"no propensities", "home", []float64{0, 0, 0}, Policy{Name: "p", Kind: Uniform}, NoPropensity},
		{"frequencies of single choices", "home", inOrder, Policy{Name: "p", Kind: ByFrequency, Table: someTable()}, ListsNotInTable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, CollectorOptions{Policies: []Policy{tc.of}})
			r.serve(tc.scene, one, tc.p...)
			if len(r.taken) != 3 || r.taken[2].choices[0].Skip != tc.want || r.Pending() != 0 {
				t.Errorf("%+v", r.taken)
			}
		})
	}
}

func someTable() *Frequencies {
	f := NewFrequencies()
	f.Add(1, "a")
	return f
}

func TestNoMoreImpressionsAreFollowedThanAllowed(t *testing.T) {
	r := newRig(t, CollectorOptions{Policies: []Policy{{Name: "u", Kind: Uniform}}, Pending: 4})
	one := [][]float32{{0.3, 0.5}, {0.2, 0.1}, {0.1, 0.9}}
	first := r.serve("home", one, inOrder...)
	r.serve("home", one, inOrder...)
	if r.Pending() != 4 || len(r.taken) != 2 || r.taken[0].choices[0].Skip != Unfollowed {
		t.Errorf("%d wait, %+v", r.Pending(), r.taken)
	}
	r.Settled(first, feedback.Settled{Theta: 1})
	r.Ended(first, feedback.EndErased) // with its user: it counts nowhere
	r.serve("home", one, inOrder...)   // one has room again
	if r.Pending() != 4 || len(r.taken) != 4 {
		t.Errorf("%d wait, %d taken", r.Pending(), len(r.taken))
	}
}

func TestOnlyTheTrafficAskedForIsFollowed(t *testing.T) {
	r := newRig(t, CollectorOptions{
		Policies: []Policy{{Name: "u", Kind: Uniform}}, Only: func(event.Attributes) bool { return false },
	})
	r.serve("home", [][]float32{{0.3, 0.5}, {0.2, 0.1}, {0.1, 0.9}}, inOrder...)
	if r.Pending() != 0 || len(r.taken) != 0 {
		t.Errorf("%d wait, %+v", r.Pending(), r.taken)
	}
}

func TestFollowingAListAllocatesNothingInTheLongRun(t *testing.T) {
	c, err := NewCollector(CollectorOptions{
		Policies: []Policy{{Name: "u", Kind: Uniform}, {Name: "m", Kind: ByModel, Score: second}},
		Epsilon:  func(string) (float64, bool) { return 0.2, true }, Take: func(*Settled, []Choice) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Collector: c}
	rec := &event.Record{Kind: event.KindServed, Served: &event.Served{User: "ann", Items: make([]event.ServedItem, 3)}}
	p := feedback.Captured{P: []float32{0.1, 0.2}}
	for i := range rec.Served.Items {
		rec.Served.Items[i].Propensity, rec.Served.Items[i].Score = inOrder[i], float64(-i)
	}
	list := func() {
		r.Begin(rec, nil)
		for i := range rec.Served.Items {
			r.Captured(i, nil, p)
		}
		for i := range rec.Served.Items {
			r.Parked(r.next, i)
			r.Shown(r.next, nil, feedback.Shown{})
			r.Collector.Settled(r.next, feedback.Settled{Theta: 1})
			r.Ended(r.next, feedback.EndClosed)
			r.next++
		}
	}
	list()
	if n := testing.AllocsPerRun(1000, list); n != 0 {
		t.Errorf("%v allocations a list", n)
	}
}

func TestWrongPoliciesAreRefused(t *testing.T) {
	nan := math.NaN()
	for _, p := range []Policy{
		{Kind: Uniform}, {Name: "p"}, {Name: "p", Kind: 9}, {Name: "p", Kind: ByModel}, {Name: "p", Kind: ByFrequency, Table: NewFrequencies()},
		{Name: "p", Kind: Served, Rule: Rule{Epsilon: 2}}, {Name: "p", Kind: Served, Rule: Rule{Temperature: -1}},
		{Name: "p", Kind: Served, Rule: Rule{Epsilon: nan}}, {Name: "p", Kind: Served, Rule: Rule{Temperature: nan}},
	} {
		if _, err := NewCollector(CollectorOptions{
			Policies: []Policy{p}, Epsilon: func(string) (float64, bool) { return 0, true }, Take: func(*Settled, []Choice) {},
		}); err == nil {
			t.Errorf("%+v was taken", p)
		}
	}
}
