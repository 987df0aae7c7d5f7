package ope

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

func randomSamples(n, people int) []Sample {
	rng := rand.New(rand.NewPCG(2, 3))
	out := make([]Sample, n)
	for i := range out {
		out[i] = Sample{
			Cluster: uint64(rng.IntN(people)), Weight: math.Exp(rng.NormFloat64()), Reward: float64(rng.IntN(2)),
			Predicted: rng.Float64(), Direct: rng.Float64(),
		}
	}
	return out
}

func fill(t *testing.T, opts Options, samples []Sample) *Tally {
	t.Helper()
	tally, err := NewTally(opts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range samples {
		tally.Add(&samples[i])
	}
	return tally
}

func TestTalliesOfPartsAddUpToThatOfTheWhole(t *testing.T) {
	samples := randomSamples(2000, 150)
	whole, parts := fill(t, Options{}, samples), fill(t, Options{}, samples[:700])
	parts.Merge(fill(t, Options{}, samples[700:]))
	a, b := whole.Estimates(Bootstrap{}), parts.Estimates(Bootstrap{})
	for i := range a {
		if math.Abs(a[i].Value-b[i].Value) > 1e-12 || math.Abs(a[i].StdErr-b[i].StdErr) > 1e-12 {
			t.Errorf("whole %+v, parts %+v", a[i], b[i])
		}
	}
	if x, y := whole.Overlap(), parts.Overlap(); math.Abs(x.ESS-y.ESS) > 1e-6 || x.N != y.N || x.Clusters != y.Clusters || x.MaxWeight != y.MaxWeight {
		t.Errorf("whole %+v, parts %+v", x, y)
	}
}

// People who share a cluster are taken to depend on each other, which they need not: the interval stays about as wide.
func TestClustersAreBoundedAndSharingOneDoesNoHarm(t *testing.T) {
	samples := randomSamples(20_000, 5000)
	many, few := fill(t, Options{}, samples), fill(t, Options{Clusters: 500}, samples)
	if n := len(few.clusters); n != 500 {
		t.Errorf("%d clusters", n)
	}
	a, b := Find(many.Estimates(Bootstrap{}), IPS), Find(few.Estimates(Bootstrap{}), IPS)
	if a.Value != b.Value || math.Abs(b.StdErr/a.StdErr-1) > 0.15 {
		t.Errorf("all told apart %+v, 500 %+v", a, b)
	}
}

func TestTheSameSeedDrawsTheSameIntervals(t *testing.T) {
	tally := fill(t, Options{}, randomSamples(500, 60))
	one, two := tally.Estimates(Bootstrap{Draws: 100, Seed: 4}), tally.Estimates(Bootstrap{Draws: 100, Seed: 4})
	if !reflect.DeepEqual(one, two) {
		t.Errorf("%+v, then %+v", one, two)
	}
	if other := tally.Estimates(Bootstrap{Draws: 100, Seed: 5}); other[1].Bootstrap == one[1].Bootstrap {
		t.Error("another seed draws the same")
	}
}

func TestBadNumbersAreRefusedAndCounted(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, s := range []Sample{
		{Weight: nan}, {Weight: inf}, {Weight: -1}, {Weight: 1e16}, {Reward: nan}, {Reward: 1e38}, {Weight: 1, Predicted: nan}, {Weight: 1, Direct: -inf},
		{Missing: 2}, {Missing: -1},
	} {
		tally := fill(t, Options{}, randomSamples(100, 9))
		before := tally.Estimates(Bootstrap{})
		if tally.Add(&s) || tally.Refused() != 1 || fmt.Sprint(before) != fmt.Sprint(tally.Estimates(Bootstrap{})) {
			t.Errorf("%+v changed something", s)
		}
	}
	for _, o := range []Options{{Clip: 0.5}, {Clip: nan}, {Clip: inf}, {Clusters: 1}, {Clusters: -4}} {
		if _, err := NewTally(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestATallyThatWasResetIsANewOne(t *testing.T) {
	samples := randomSamples(300, 40)
	tally := fill(t, Options{}, randomSamples(1000, 90))
	tally.Reset()
	for i := range samples {
		tally.Add(&samples[i])
	}
	if fresh := fill(t, Options{}, samples); fmt.Sprint(fresh.Estimates(Bootstrap{})) != fmt.Sprint(tally.Estimates(Bootstrap{})) {
		t.Error("what it held before shows")
	}
}

func TestAddAllocatesNothingInTheLongRun(t *testing.T) {
	samples := randomSamples(1000, 50)
	tally := fill(t, Options{}, samples)
	if n := testing.AllocsPerRun(100, func() { tally.Add(&samples[0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
