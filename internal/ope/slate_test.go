package ope

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
)

// world is a pool of items that a server ranks by its scores, exploring with probability epsilon.
type world struct {
	epsilon float64
	scores  []float64 // of the logging policy
	other   []float64 // of another
	n       int       // slots of a list
}

// lists calls fn with every list that the rule can make, its probability, and the propensities of its slots.
func (w *world) lists(fn func(list []int, p float64, propensities []float64)) {
	var down func(list []int, p float64, propensities []float64)
	down = func(list []int, p float64, propensities []float64) {
		if len(list) == w.n {
			fn(list, p, propensities)
			return
		}
		rest := w.rest(list)
		for _, item := range rest {
			each := w.probability(w.scores, rest, item, w.epsilon)
			if each > 0 {
				down(append(slices.Clone(list), item), p*each, append(slices.Clone(propensities), each))
			}
		}
	}
	down(nil, 1, nil)
}

// rest is what remains of the pool below a list.
func (w *world) rest(list []int) (rest []int) {
	for item := range w.scores {
		if !slices.Contains(list, item) {
			rest = append(rest, item)
		}
	}
	return rest
}

// probability is that of an item among what remains, under the rule.
func (w *world) probability(scores []float64, rest []int, item int, epsilon float64) float64 {
	p := epsilon / float64(len(rest))
	if item == slices.MaxFunc(rest, func(a, b int) int {
		if scores[a] < scores[b] {
			return -1
		}
		return 1
	}) {
		p += 1 - epsilon
	}
	return min(p, 1)
}

func pick(of []float64, list []int) (out []float64) {
	for _, item := range list {
		out = append(out, of[item])
	}
	return out
}

func TestAListIsReadFromItsPropensities(t *testing.T) {
	w := &world{epsilon: 0.3, scores: []float64{6, 5, 4, 3, 2, 1}, n: 3}
	w.lists(func(list []int, _ float64, propensities []float64) {
		var s Slate
		if err := s.Read(propensities, pick(w.scores, list), w.epsilon); err != nil {
			t.Fatalf("%v: %v", list, err)
		}
		for k, slot := range s.Slots() {
			rest := w.rest(list[:k])
			if int(slot.Pool) != len(rest) {
				t.Errorf("%v: slot %d was drawn from %v, want %d", list, k, slot.Pool, len(rest))
			}
			// What is known is a beginning of the ranking of what remained: nothing ranked above its last item is missing.
			for _, j := range slot.Known {
				for _, item := range rest[:slices.Index(rest, list[j])] {
					if at := slices.Index(list, item); at < 0 || !slices.Contains(slot.Known, int32(at)) {
						t.Errorf("%v: slot %d knows %d, and not %d, which is ranked above it", list, k, list[j], item)
					}
				}
			}
			if outside := !slices.Contains(slot.Known, int32(k)); outside != slot.Outside {
				t.Errorf("%v: slot %d: outside is %v", list, k, slot.Outside)
			}
		}
	})
}

func TestWeightsOfAListAverageOne(t *testing.T) {
	for _, tc := range []struct {
		name     string
		pool, n  int
		epsilon  float64
		rule     Rule
		products bool // average 1 too
	}{
		{"all of the pool is shown", 4, 4, 0.3, Rule{Epsilon: -1}, true},
		{"all is shown, by softmax", 4, 4, 0.5, Rule{Epsilon: 0.2, Temperature: 2}, true},
		{"uniform, of a larger pool", 7, 3, 0.3, Rule{Epsilon: 1}, true},
		{"a policy that explores more", 4, 4, 0.1, Rule{Epsilon: 0.6}, true},
		{"a larger pool", 7, 4, 0.1, Rule{Epsilon: -1}, false},
		{"a larger pool and much chance", 6, 4, 0.5, Rule{Epsilon: 0.2, Temperature: 3}, false},
		{"everything is drawn", 4, 4, 1, Rule{Epsilon: 0.1}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(tc.pool, tc.n, tc.epsilon)
			sum := make([]float64, tc.n)
			cascade := make([]float64, tc.n)
			w.lists(func(list []int, p float64, propensities []float64) {
				product := 1.0
				for k, weight := range weightsOf(t, w, tc.rule, list, propensities) {
					product *= weight
					sum[k] += p * weight
					cascade[k] += p * product
				}
			})
			for k := range sum {
				if math.Abs(sum[k]-1) > 1e-12 || tc.products && math.Abs(cascade[k]-1) > 1e-12 {
					t.Errorf("slot %d: weights average %v, products %v", k, sum[k], cascade[k])
				}
			}
		})
	}
}

func newWorld(pool, n int, epsilon float64) *world {
	w := &world{epsilon: epsilon, n: n}
	for i := range pool {
		w.scores = append(w.scores, float64(pool-i))
		w.other = append(w.other, float64((i*5+3)%7)+float64(i)/10)
	}
	return w
}

func weightsOf(t *testing.T, w *world, rule Rule, list []int, propensities []float64) (out []float64) {
	t.Helper()
	var s Slate
	if err := s.Read(propensities, pick(w.scores, list), w.epsilon); err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	scratch := make([]float64, 2*len(list))
	for k := range s.Slots() {
		slot := &s.Slots()[k]
		c := rule.choose(slot, k, pick(w.other, list), make([]float64, len(list)), w.epsilon, scratch)
		out = append(out, c.shown/slot.Propensity)
	}
	return out
}

// Where all of the pool was shown, a product of ratios is the ratio of the probabilities of whole lists: nothing is approximate.
func TestProductsOfWeightsAreTheRatioOfTheProbabilitiesOfLists(t *testing.T) {
	w := newWorld(4, 4, 0.3)
	w.lists(func(list []int, p float64, propensities []float64) {
		product, want := 1.0, 1.0
		for k, weight := range weightsOf(t, w, Rule{Epsilon: -1}, list, propensities) {
			product *= weight
			want *= w.probability(w.other, w.rest(list[:k]), list[k], w.epsilon)
		}
		if math.Abs(product*p-want) > 1e-12 {
			t.Errorf("%v has probability %v under the other policy, got %v", list, want, product*p)
		}
	})
}

func TestAListUnderAnotherRuleIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name         string
		propensities []float64
		epsilon      float64
	}{
		{"no propensity", []float64{0, 1}, 0.1},
		{"above 1", []float64{1.1, 1}, 0.1},
		{"not a number", []float64{math.NaN(), 1}, 0.1},
		{"another epsilon", []float64{0.9 + 0.1/50, 0.9 + 0.1/49}, 0.2},
		{"a pool smaller than the list", []float64{0.9 + 0.1/2, 0.95, 0.95}, 0.1},
		{"chance where there is none", []float64{0.5, 1}, 0},
		{"an epsilon that is none", []float64{1, 1}, 1.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s Slate
			if err := s.Read(tc.propensities, make([]float64, len(tc.propensities)), tc.epsilon); !errors.Is(err, ErrPropensity) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestALogWithoutChanceHasNothingToSayOfWhatItDidNotShow(t *testing.T) {
	var s Slate
	if err := s.Read([]float64{1, 1}, []float64{0.4, 0.3}, 0); err != nil {
		t.Fatal(err)
	}
	for k, slot := range s.Slots() {
		if !slot.Certain || slot.Outside {
			t.Errorf("slot %d: %+v", k, slot)
		}
	}
	c := Rule{}.choose(&s.Slots()[0], 0, []float64{1, 2}, []float64{0, 0}, 0, make([]float64, 4))
	if c.shown != 0 {
		t.Errorf("a policy that prefers the other shows the first with %v", c.shown)
	}
}

func TestSoftmaxOfScoresThatAreNoNumbersStaysAProbability(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, scores := range [][]float64{{nan, nan}, {nan, 1}, {inf, 1}, {-inf, -inf}, {1e308, -1e308}, {0}} {
		for _, temperature := range []float64{0, 1e-9, 1, 1e9} {
			t.Run(fmt.Sprint(scores, temperature), func(t *testing.T) {
				dst, sum := make([]float64, len(scores)), 0.0
				Rule{Temperature: temperature}.exploit(dst, scores)
				for _, p := range dst {
					sum += p
				}
				if !(math.Abs(sum-1) < 1e-12) {
					t.Errorf("probabilities %v", dst)
				}
			})
		}
	}
}
