package crosses

import (
	"cmp"
	"math"
	"slices"
)

// Options bound a search. A zero field takes the default named beside it.
type Options struct {
	Keep   int     // pairs to find at most; 8
	Budget int64   // exposures looked at, over all trials, until pairs are chosen; 50,000,000: seconds
	Held   float64 // share of the sample, its end, that what was found is judged on, above 0 and below 1; 0.3
}

func (o Options) withDefaults() Options {
	if o.Keep == 0 {
		o.Keep = 8
	}
	if o.Budget == 0 {
		o.Budget = 50_000_000
	}
	if o.Held == 0 {
		o.Held = 0.3
	}
	return o
}

// Found is a pair that is worth a cross.
type Found struct {
	Fields       [2]string
	Gain         float64 // bits of log-loss saved per exposure searched, beyond the model and the pairs found before
	Held         float64 // the same of the later exposures that nothing was chosen by
	Z            float64 // Held over its standard error
	Combinations int     // of values, in the whole sample
}

// Confirmed reports whether the later exposures confirm the gain: at three standard errors.
func (f *Found) Confirmed() bool { return f.Z >= significant }

// Result is what a search has come to.
type Result struct {
	Found  []Found // in the order in which they were chosen
	Pairs  int     // tried at least once
	Visits int64   // exposures looked at, over all trials
}

const (
	significant = 3.0
	prior       = 5.0 // λ: before anything is seen a correction has deviation 1/√λ
)

// survivors are how many pairs are left by halving for each that may be kept.
const survivors = 3

// Search finds pairs. It may be called again.
func (s *Sample) Search(opts Options) Result {
	o := opts.withDefaults()
	b := newBench(s)
	searched := s.Len() - int(math.Ceil(o.Held*float64(s.Len())))
	all := s.pairs()
	left := b.halve(all, survivors*o.Keep, searched, o.Budget/2)
	found := b.choose(left, o.Keep, searched, o.Budget)
	return Result{Found: found, Pairs: len(all), Visits: b.visits}
}

// candidate is a pair and what it was last seen to save, per exposure.
type candidate struct {
	pair  [2]int
	saved tally
}

func byGain(a, b candidate) int { return cmp.Compare(b.saved.mean(), a.saved.mean()) }

// halve tries pairs on ever longer beginnings of what is searched, until no more than the given number are left.
func (b *bench) halve(pairs [][2]int, keep, searched int, budget int64) []candidate {
	left := make([]candidate, len(pairs))
	for i, p := range pairs {
		left[i].pair = p
	}
	rounds := int64(1)
	for n := len(pairs); n > keep; n = (n + 1) / 2 {
		rounds++
	}
	for {
		n := int(min(int64(searched), budget/rounds/int64(max(1, len(left)))))
		for i := range left {
			left[i].saved = b.try(left[i].pair, prior, 0, n, nil)
		}
		slices.SortStableFunc(left, byGain)
		if len(left) <= keep {
			return left
		}
		left = left[:max(keep, (len(left)+1)/2)]
	}
}

// choose takes the best pair, corrects the logits by it, and goes on with the others, until one is not significant or the budget is spent. What
// a pair saves becomes less as others are chosen, hardly ever more: only those at the head of the list are measured again.
func (b *bench) choose(left []candidate, keep, searched int, budget int64) (found []Found) {
	for round := 0; len(found) < keep && len(left) > 0; round++ {
		fresh := make(map[[2]int]bool, len(left))
		for !fresh[left[0].pair] {
			if b.visits >= budget {
				return found
			}
			left[0].saved = b.try(left[0].pair, prior, 0, searched, nil)
			fresh[left[0].pair] = true
			slices.SortStableFunc(left, byGain)
		}
		best := left[0]
		if best.saved.z() < significant {
			return found
		}
		found = append(found, b.adopt(best, searched))
		left = left[1:]
	}
	return found
}

// adopt corrects the logits by a pair, and judges it on what was not searched.
func (b *bench) adopt(c candidate, searched int) Found {
	f := Found{
		Fields: [2]string{b.sample.fields[c.pair[0]], b.sample.fields[c.pair[1]]},
		Gain:   c.saved.mean() / math.Ln2, Combinations: b.combinations(c.pair),
	}
	corrections := make([]float64, b.sample.Len())
	held := b.try(c.pair, prior, searched, b.sample.Len(), func(i int, w float64) { corrections[i] = w })
	f.Held, f.Z = held.mean()/math.Ln2, held.z()
	for i, w := range corrections {
		if w != 0 {
			b.logits[i] += w
			b.settle(i)
		}
	}
	return f
}
