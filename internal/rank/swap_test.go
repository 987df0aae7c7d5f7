package rank

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// lists maps a list, as it is printed, to its probability.
type lists map[string]float64

// naiveExplored adds every list that exploration may make, with its probability.
func naiveExplored(into lists, order, list []int32, n int, epsilon, p float64) {
	if len(list) == n || len(order) == 0 {
		into[fmt.Sprint(list)] += p
		return
	}
	for i, index := range order {
		q := epsilon / float64(len(order))
		if i == 0 {
			q += 1 - epsilon
		}
		rest := slices.Delete(slices.Clone(order), i, i+1)
		naiveExplored(into, rest, append(slices.Clone(list), index), n, epsilon, p*q)
	}
}

// naiveSwapped adds every list that the experiment may make.
func naiveSwapped(into lists, order []int32, n, positions int, p float64) {
	list := slices.Clone(order[:min(n, len(order))])
	d := min(len(list), positions)
	pairs := float64(d * (d - 1) / 2)
	for j := range d {
		for i := range j {
			into[fmt.Sprint(list)] += p / pairs / 2
			swapped := slices.Clone(list)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			into[fmt.Sprint(swapped)] += p / pairs / 2
		}
	}
}

// startingWith is the probability of all lists that begin with these.
func (l lists) startingWith(above []int32) (sum float64) {
	prefix := fmt.Sprint(above)
	prefix = prefix[:len(prefix)-1] // without the bracket
	for list, p := range l {
		if len(above) == 0 || list == prefix+"]" || len(list) > len(prefix) && list[:len(prefix)+1] == prefix+" " {
			sum += p
		}
	}
	return sum
}

// All lists that can come about are counted out, with the probability of each; what is logged must be, of those that begin as this one
// does, the share that goes on as it does.
func TestPropensitiesUnderSwapsAndExplorationAreExact(t *testing.T) {
	for _, tc := range []struct {
		name    string
		pool, n int
		epsilon float64
		swap    Swap
		lists   int // that can come about
	}{
		{name: "both", pool: 5, n: 4, epsilon: .4, swap: Swap{.3, 10}, lists: 5 * 4 * 3 * 2},
		{name: "swaps alone", pool: 6, n: 5, epsilon: 0, swap: Swap{.5, 10}, lists: 11},
		{name: "the first positions only", pool: 6, n: 5, epsilon: 0, swap: Swap{.5, 3}, lists: 4},
		{name: "all lists take part", pool: 4, n: 4, epsilon: .5, swap: Swap{1, 10}, lists: 7},
		{name: "the whole pool is shown", pool: 4, n: 9, epsilon: .3, swap: Swap{.2, 3}, lists: 24},
		{name: "one slot", pool: 4, n: 1, epsilon: .3, swap: Swap{.9, 10}, lists: 4},
		{name: "one candidate", pool: 1, n: 3, epsilon: .3, swap: Swap{.9, 10}, lists: 1},
		{name: "no experiment", pool: 4, n: 3, epsilon: .3, swap: Swap{0, 10}, lists: 24},
	} {
		t.Run(tc.name, func(t *testing.T) {
			order := make([]int32, tc.pool)
			for i := range order {
				order[i] = int32(7*i+3) % 31 // candidates are not numbered by their rank
			}
			all := lists{}
			share := tc.swap.Share
			if min(tc.n, tc.pool) < 2 {
				share = 0
			}
			naiveExplored(all, order, nil, tc.n, tc.epsilon, 1-share)
			if share > 0 {
				naiveSwapped(all, order, tc.n, tc.swap.Positions, share)
			}
			rng := rand.New(rand.NewPCG(4, 2))
			seen := map[string]bool{}
			var ranked []int32
			for range 60_000 {
				var list []choice
				list, ranked, _ = arrange(nil, slices.Clone(order), ranked, tc.n, tc.epsilon, tc.swap, rng)
				var above []int32
				for _, ch := range list {
					above = append(above, ch.index)
				}
				if seen[fmt.Sprint(above)] {
					continue
				}
				above = nil
				for _, ch := range list {
					before := all.startingWith(above)
					above = append(above, ch.index)
					seen[fmt.Sprint(above)] = true
					if want := all.startingWith(above) / before; math.Abs(ch.propensity-want) > 1e-12 {
						t.Fatalf("%v: logged with %v, want %v", above, ch.propensity, want)
					}
				}
			}
			possible, made := 0, 0
			for list, p := range all {
				if p > 0 {
					possible++
					if seen[list] {
						made++
					}
				}
			}
			if possible != tc.lists || made != possible {
				t.Errorf("%d lists were made, of %d that are possible; want %d", made, possible, tc.lists)
			}
		})
	}
}

func TestListsThatTakePartNameTheirPairAndAreExchangedHalfOfTheTime(t *testing.T) {
	const rounds, n = 30_000, 4
	order := []int32{0, 1, 2, 3, 4}
	rng := rand.New(rand.NewPCG(8, 8))
	took, exchanged := 0, 0
	pairs := map[[2]int]int{}
	var ranked []int32
	for range rounds {
		var list []choice
		var pair [2]int
		list, ranked, pair = arrange(nil, slices.Clone(order), ranked, n, .9, Swap{.2, 10}, rng)
		if pair == [2]int{} {
			continue
		}
		took++
		pairs[pair]++
		want := slices.Clone(order[:n])
		i, j := pair[0]-1, pair[1]-1
		if list[i].index == order[j] {
			exchanged++
			want[i], want[j] = want[j], want[i]
		}
		for k, ch := range list {
			if ch.index != want[k] || ch.explored {
				t.Fatalf("pair %v: %+v stands at %d, want %d", pair, ch, k+1, want[k])
			}
		}
	}
	within := func(what string, got, of int, share float64) {
		if mean, deviation := share*float64(of), math.Sqrt(share*(1-share)*float64(of)); math.Abs(float64(got)-mean) > 4*deviation {
			t.Errorf("%s: %d of %d, want about %v", what, got, of, share)
		}
	}
	within("lists that take part", took, rounds, .2)
	within("exchanged", exchanged, took, .5)
	if len(pairs) != 6 {
		t.Fatalf("pairs %v", pairs)
	}
	for pair, count := range pairs {
		if pair[0] >= pair[1] {
			t.Errorf("pair %v", pair)
		}
		within(fmt.Sprint("pair ", pair), count, took, 1./6)
	}
}

func TestASwapOutOfRangeIsRefused(t *testing.T) {
	for _, s := range []Swap{{Share: -.1}, {Share: 1.1}, {Share: math.NaN()}, {Share: .1, Positions: 1}, {Share: .1, Positions: MaxSwap + 1}} {
		if _, err := (Scene{Name: "s", Swap: s}).withDefaults(); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}
