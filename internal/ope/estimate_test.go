package ope

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// bandit is a simulator with a known answer: people of five kinds, each seen several times, four items, a logging policy that depends
// on the kind, and a reward whose probability depends on kind, item and person.
type bandit struct {
	rng     *rand.Rand
	logging [5][4]float64
	target  [5][4]float64
	rate    [5][4]float64
}

func newBandit(seed uint64) *bandit {
	b := &bandit{rng: rand.New(rand.NewPCG(7, 7))}
	for kind := range b.rate {
		for item := range b.rate[kind] {
			b.logging[kind][item] = 0.1 + b.rng.Float64()
			b.target[kind][item] = 0.02 + b.rng.Float64()
			b.rate[kind][item] = 0.05 + 0.4*b.rng.Float64()
		}
		normalise(b.logging[kind][:])
		normalise(b.target[kind][:])
	}
	b.rng = rand.New(rand.NewPCG(seed, 1))
	return b
}

func normalise(p []float64) {
	sum := 0.0
	for _, x := range p {
		sum += x
	}
	for i := range p {
		p[i] /= sum
	}
}

// truth is what the target policy earns on average.
func (b *bandit) truth() (v float64) {
	for kind := range b.rate {
		for item, rate := range b.rate[kind] {
			v += b.target[kind][item] * rate / float64(len(b.rate))
		}
	}
	return v
}

// wrong says what a log or a reward model gets wrong.
type wrong struct{ propensity, model bool }

// log draws what people did: each of them has a taste of their own, so that their rewards depend on each other.
func (b *bandit) log(people, each int, w wrong, opts Options) *Tally {
	t, _ := NewTally(opts)
	for person := range people {
		kind := b.rng.IntN(5)
		taste := 0.5 + b.rng.Float64() // mean 1
		for range each {
			item := draw(b.rng, b.logging[kind][:])
			s := Sample{Cluster: uint64(person), Weight: b.target[kind][item] / b.logging[kind][item]}
			if w.propensity {
				s.Weight = b.target[kind][item] * 4 // as if items had been drawn uniformly
			}
			for a, p := range b.target[kind] {
				s.Direct += p * b.model(kind, a, w)
			}
			s.Predicted = b.model(kind, item, w)
			if b.rng.Float64() < b.rate[kind][item]*taste {
				s.Reward = 1
			}
			t.Add(&s)
		}
	}
	return t
}

func (b *bandit) model(kind, item int, w wrong) float64 {
	if w.model {
		return 0.9 - b.rate[kind][item]
	}
	return b.rate[kind][item]
}

func draw(rng *rand.Rand, p []float64) int {
	x := rng.Float64()
	for i := range p {
		if x -= p[i]; x < 0 {
			return i
		}
	}
	return len(p) - 1
}

func TestIntervalsCoverTheTruthAsOftenAsTheySay(t *testing.T) {
	const runs = 600
	covered := map[string]int{}
	for seed := range uint64(runs) {
		b := newBandit(seed)
		for _, e := range b.log(250, 4, wrong{}, Options{}).Estimates(Bootstrap{}) {
			if e.Normal.Low <= b.truth() && b.truth() <= e.Normal.High {
				covered[e.Name]++
			}
		}
	}
	for _, name := range []string{IPS, SNIPS, DR, SNDR} {
		// Of 600 intervals of 95 %, 570 ± 16 (three standard deviations) cover; a little is allowed for the normal approximation.
		if n := covered[name]; n < 548 || n > 586 {
			t.Errorf("%s covers the truth in %d of %d runs", name, n, runs)
		}
	}
	if covered[Logged] > runs*3/4 {
		t.Errorf("the logging policy's own value covers in %d of %d: the test tells nothing", covered[Logged], runs)
	}
}

func TestBootstrapIntervalsCoverTooAndAreAsWideAsNormalOnes(t *testing.T) {
	const runs = 200
	covered := map[string]int{}
	for seed := range uint64(runs) {
		b := newBandit(seed)
		for _, e := range b.log(200, 3, wrong{}, Options{}).Estimates(Bootstrap{Draws: 200, Seed: seed}) {
			if e.Bootstrap.Low <= b.truth() && b.truth() <= e.Bootstrap.High {
				covered[e.Name]++
			}
			normal, drawn := e.Normal.High-e.Normal.Low, e.Bootstrap.High-e.Bootstrap.Low
			if e.Name != DM && (drawn < 0.7*normal || drawn > 1.4*normal) {
				t.Fatalf("%s: normal %v, bootstrap %v", e.Name, e.Normal, e.Bootstrap)
			}
		}
	}
	for _, name := range []string{IPS, SNIPS, DR} {
		if n := covered[name]; n < 176 { // of 190 ± 9
			t.Errorf("%s covers the truth in %d of %d runs", name, n, runs)
		}
	}
}

// People who act often and alike make samples worth less than their number. Intervals that take no notice of that are too narrow.
func TestIntervalsTakeNoticeThatOnePersonsSamplesAreAlike(t *testing.T) {
	together := newBandit(1).log(40, 100, wrong{}, Options{})
	apart, _ := NewTally(Options{})
	for i := range together.clusters { // the same sums, as samples of as many persons
		c := together.clusters[i]
		for range int(c.n) {
			apart.cluster(uint64(len(apart.clusters))).add(&sums{n: 1, reward: c.reward / c.n, w: c.w / c.n, wr: c.wr / c.n, c: c.c / c.n, cr: c.cr / c.n})
		}
		apart.total.add(&c)
	}
	wide, narrow := Find(together.Estimates(Bootstrap{}), IPS), Find(apart.Estimates(Bootstrap{}), IPS)
	if math.Abs(wide.Value-narrow.Value) > 1e-9 || wide.StdErr < 5*narrow.StdErr {
		t.Errorf("by person %+v, by sample %+v", wide, narrow)
	}
}

func TestDoublyRobustIsRightIfEitherHalfIs(t *testing.T) {
	for _, tc := range []struct {
		name  string
		wrong wrong
		bad   []string // estimators that miss the truth by far
		good  []string
	}{
		{"both are right", wrong{}, nil, []string{IPS, SNIPS, DM, DR, SNDR}},
		{"the reward model is wrong", wrong{model: true}, []string{DM}, []string{IPS, SNIPS, DR, SNDR}},
		{"the propensities are wrong", wrong{propensity: true}, []string{IPS}, []string{DM, DR, SNDR}},
		{"both are wrong", wrong{propensity: true, model: true}, []string{IPS, DM, DR}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBandit(3)
			got := b.log(60_000, 2, tc.wrong, Options{}).Estimates(Bootstrap{})
			off := func(name string) float64 {
				e := Find(got, name)
				return math.Abs(e.Value-b.truth()) / max(e.StdErr, 1e-3)
			}
			for _, name := range tc.good {
				if off(name) > 3.5 {
					t.Errorf("%s is off by %.1f standard errors: %+v, truth %v", name, off(name), Find(got, name), b.truth())
				}
			}
			for _, name := range tc.bad {
				if off(name) < 5 {
					t.Errorf("%s is off by %.1f standard errors only: %+v, truth %v", name, off(name), Find(got, name), b.truth())
				}
			}
		})
	}
}

func TestClippingTakesAwayAndNeverAdds(t *testing.T) {
	b := newBandit(5)
	loose := Find(b.log(2000, 2, wrong{}, Options{Clip: 1e6}).Estimates(Bootstrap{}), ClippedIPS).Value
	last := loose
	for _, clip := range []float64{5, 3, 2, 1.5, 1} {
		got := newBandit(5).log(2000, 2, wrong{}, Options{Clip: clip}).Estimates(Bootstrap{})
		clipped, whole := Find(got, ClippedIPS).Value, Find(got, IPS).Value
		if whole != loose || clipped > last || clip <= 2 && clipped >= whole {
			t.Errorf("clipped at %v: %v, looser %v, not at all %v", clip, clipped, last, whole)
		}
		last = clipped
	}
}

func TestTheSamePolicyEarnsWhatTheLogDid(t *testing.T) {
	tally, _ := NewTally(Options{})
	for i := range 1000 {
		tally.Add(&Sample{Cluster: uint64(i % 97), Weight: 1, Reward: float64(i % 3), Predicted: 1.5, Direct: 1.5})
	}
	got := tally.Estimates(Bootstrap{Draws: 50})
	for _, name := range []string{IPS, ClippedIPS, SNIPS, ClippedSNIPS, DR, SNDR} {
		if e, logged := Find(got, name), Find(got, Logged); math.Abs(e.Value-logged.Value) > 1e-12 || math.Abs(e.StdErr-logged.StdErr) > 1e-12 {
			t.Errorf("%+v, logged %+v", e, logged)
		}
	}
	if o := tally.Overlap(); o.ESS != 1000 || o.MeanWeight != 1 || o.MaxWeight != 1 || len(o.Warnings) > 0 {
		t.Errorf("%+v", o)
	}
}

func TestPoorOverlapIsTold(t *testing.T) {
	for _, tc := range []struct {
		name    string
		samples []Sample
		repeat  int
		want    string
	}{
		{"nothing at all", nil, 0, "no samples"},
		{"one sample outweighs all", []Sample{{Weight: 1000}, {Weight: 0.1}, {Weight: 0.1}, {Weight: 0.1}}, 1, "of all weight"},
		{"few samples carry it", append([]Sample{{Weight: 50}}, make([]Sample, 99)...), 20, "effective sample size"},
		{"a clip that cuts", []Sample{{Weight: 20}, {Weight: 0.01}}, 300, "above the clip"},
		{"what is never shown", []Sample{{Weight: 1, Missing: 0.2}}, 300, "never shows"},
		{"weights that do not average 1", []Sample{{Weight: 0.5}, {Weight: 0.7}}, 500, "not 1"},
		{"few persons", []Sample{{Weight: 1}}, 20, "20 clusters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tally, _ := NewTally(Options{})
			for i := range tc.repeat {
				for _, s := range tc.samples {
					s.Cluster = uint64(i)
					tally.Add(&s)
				}
			}
			warnings := tally.Overlap().Warnings
			if !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, tc.want) }) {
				t.Errorf("no warning of %q among %q", tc.want, warnings)
			}
		})
	}
}
