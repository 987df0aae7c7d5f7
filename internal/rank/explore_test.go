package rank

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPropensitiesOfASlotSumToOne(t *testing.T) {
	for _, epsilon := range []float64{0, 1e-9, 0.05, 0.1, 1.0 / 3, 0.9, 1} {
		for _, pool := range []int{1, 2, 3, 7, 200, 2000} {
			sum := 0.0
			for i := range pool {
				p := propensity(epsilon, pool, i == 0)
				if p < 0 || p > 1 || i == 0 && p == 0 {
					t.Fatalf("ε=%v, pool of %d: p=%v outside (0, 1]", epsilon, pool, p)
				}
				sum += p
			}
			if math.Abs(sum-1) > 1e-12 {
				t.Errorf("ε=%v, pool of %d: propensities sum to %v", epsilon, pool, sum)
			}
		}
	}
}

func TestWithoutExplorationTheOrderStands(t *testing.T) {
	order := []int32{4, 2, 9, 1}
	got := explore(nil, slices.Clone(order), 4, 0, rand.New(rand.NewPCG(1, 1)))
	for i, ch := range got {
		if ch.index != order[i] || ch.propensity != 1 || ch.explored {
			t.Errorf("slot %d: got %+v, want the top, %d, with certainty", i, ch, order[i])
		}
	}
}

func TestMoreSlotsThanCandidatesTakeEachOnce(t *testing.T) {
	got := explore(nil, []int32{0, 1, 2, 3, 4}, 50, 0.5, rand.New(rand.NewPCG(3, 1)))
	if len(got) != 5 {
		t.Fatalf("got %d slots, want 5", len(got))
	}
	seen := map[int32]bool{}
	for _, ch := range got {
		if seen[ch.index] {
			t.Errorf("candidate %d was chosen twice", ch.index)
		}
		seen[ch.index] = true
	}
	if last := got[4].propensity; last != 1 {
		t.Errorf("the last of the pool has propensity %v, want 1", last)
	}
}

// The naive twin of the rule: what each slot would hold, given the slots above, by the formula itself.
func naivePropensity(order []int32, above []int32, want int32, epsilon float64) float64 {
	rest := slices.DeleteFunc(slices.Clone(order), func(i int32) bool { return slices.Contains(above, i) })
	if !slices.Contains(rest, want) {
		return 0
	}
	p := epsilon * (1 / float64(len(rest)))
	if rest[0] == want {
		p += 1 - epsilon
	}
	return p
}

func TestLoggedPropensityIsThatOfTheRuleGivenTheSlotsAbove(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 5))
	order := []int32{3, 0, 4, 1, 2, 5}
	for range 2000 {
		var above []int32
		for _, ch := range explore(nil, slices.Clone(order), 4, 0.3, rng) {
			want := naivePropensity(order, above, ch.index, 0.3)
			if math.Abs(ch.propensity-want) > 1e-12 {
				t.Fatalf("after %v, %d was logged with %v, want %v", above, ch.index, ch.propensity, want)
			}
			above = append(above, ch.index)
		}
	}
}

// Monte Carlo: for each slot and each history above it, how often a candidate is chosen must match the
// propensity that is logged with it. The seed is fixed, so the test never flickers; the bound is 5 σ.
func TestFrequenciesMatchLoggedPropensities(t *testing.T) {
	const rounds, n, epsilon = 200_000, 3, 0.4
	type cell struct {
		history [n]int32 // slots above, from 1; 0 is empty
		index   int32
	}
	type row = [n]int32
	chosen, visits, logged := map[cell]int{}, map[row]int{}, map[cell]float64{}
	rng := rand.New(rand.NewPCG(42, 42))
	for range rounds {
		history := row{}
		for slot, ch := range explore(nil, []int32{0, 1, 2, 3}, n, epsilon, rng) {
			visits[history]++
			chosen[cell{history, ch.index}]++
			logged[cell{history, ch.index}] = ch.propensity
			history[slot] = ch.index + 1
		}
	}
	for c, p := range logged {
		trials := float64(visits[c.history])
		got := float64(chosen[c]) / trials
		if sigma := math.Sqrt(p * (1 - p) / trials); math.Abs(got-p) > 5*sigma+1e-12 {
			t.Errorf("after %v, %d: frequency %v over %v trials, logged %v (σ %v)", c.history, c.index, got, trials, p, sigma)
		}
	}
	if len(logged) != 4+4*3+4*3*2 {
		t.Errorf("%d of 40 reachable cells were visited", len(logged))
	}
}

func TestEqualSeedsGiveEqualChoices(t *testing.T) {
	draw := func(seed uint64) []choice {
		order := make([]int32, 100)
		for i := range order {
			order[i] = int32(i)
		}
		return explore(nil, order, 20, 0.5, rand.New(rand.NewPCG(seed, 0)))
	}
	if !slices.Equal(draw(7), draw(7)) {
		t.Error("the same seed gave two lists")
	}
	if slices.Equal(draw(7), draw(8)) {
		t.Error("two seeds gave the same list")
	}
}
