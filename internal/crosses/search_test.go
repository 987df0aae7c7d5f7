package crosses

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"testing"

	"recsvc/internal/model"
	"recsvc/internal/synthetic"
)

// synthesised is a sample of the synthetic stream, with a logistic regression over its fields.
func synthesised(t *testing.T, n int) *Sample {
	m, err := model.New(model.Options{Name: "m", Bits: 20, Heads: []model.HeadOptions{{Name: "h", Hyper: model.Hyper{Alpha: 0.1}}}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for f := range synthetic.Fields {
		names = append(names, fmt.Sprint(f))
	}
	s := NewSample(names)
	values := make([]uint32, synthetic.Fields)
	slots := make([]uint32, synthetic.Fields)
	for _, ex := range synthetic.New(synthetic.Usual, synthetic.ByRelevance).First(uint64(n)) {
		for f := range values {
			values[f] = ex.ID(f) + 1
			slots[f] = uint32(mix(uint64(values[f])))
		}
		y := float32(0)
		if ex.Relevant {
			y = 1
		}
		p, _ := m.Learn(0, &model.Example{Shared: model.Vector{Slots: slots}, Y: y, Weight: 1})
		s.Add(values, math.Log(p/(1-p)), ex.Relevant)
	}
	return s
}

func TestTheTruePairsOfTheSyntheticStreamAreFound(t *testing.T) {
	n, want, budget := 100_000, 2, int64(8_000_000)
	if os.Getenv("SYNTHETIC") == "long" {
		n, want, budget = 800_000, 5, 50_000_000
	}
	s := synthesised(t, n)
	r := s.Search(Options{Budget: budget})
	right := 0
	for _, f := range r.Found {
		t.Logf("%v: gain %.5f, held %.5f (%.1fσ), %d combinations", f.Fields, f.Gain, f.Held, f.Z, f.Combinations)
		for _, p := range synthetic.Pairs {
			if f.Confirmed() && f.Fields == [2]string{fmt.Sprint(p[0]), fmt.Sprint(p[1])} {
				right++
			}
		}
	}
	if right < want || right < len(r.Found)-1 {
		t.Errorf("%d of the true pairs are among the %d found", right, len(r.Found))
	}
	if r.Pairs != 190 || r.Visits > budget+10*int64(n) {
		t.Errorf("%d pairs tried with %d visits", r.Pairs, r.Visits)
	}
}

// made is a sample of four fields with the values given by a hash, in which the outcome depends on what is asked for.
func made(n int, odds func(v []uint32) float64) *Sample {
	s := NewSample([]string{"a", "b", "c", "d"})
	for i := range n {
		h := mix(uint64(i) + 1)
		v := []uint32{uint32(h%6) + 1, uint32(h>>8%6) + 1, uint32(h>>16%6) + 1, uint32(h>>24%6) + 1}
		p := 1 / (1 + math.Exp(-odds(v)))
		s.Add(v, 0, float64(mix(h)>>11)/(1<<53) < p)
	}
	return s
}

func parity(a, b uint32) float64 { return 1.5 - 3*float64((a+b)%2) }

func TestWhatOnlyThePairTellsIsFoundAndNothingElse(t *testing.T) {
	s := made(20_000, func(v []uint32) float64 { return parity(v[0], v[2]) })
	r := s.Search(Options{})
	if len(r.Found) != 1 || r.Found[0].Fields != [2]string{"a", "c"} || !r.Found[0].Confirmed() {
		t.Fatalf("found %+v", r.Found)
	}
	entropy := 1 - func(p float64) float64 { return -p*math.Log2(p) - (1-p)*math.Log2(1-p) }(1/(1+math.Exp(-1.5)))
	if f := r.Found[0]; math.Abs(f.Held-entropy) > 0.02 || f.Combinations != 36 {
		t.Errorf("held-out gain %.3f of %d combinations, want %.3f of 36", f.Held, f.Combinations, entropy)
	}
}

func TestChanceIsNotFound(t *testing.T) {
	if r := made(20_000, func([]uint32) float64 { return 0 }).Search(Options{}); len(r.Found) != 0 {
		t.Errorf("found %+v in noise", r.Found)
	}
}

func TestOfTwoPairsThatSayTheSameOneIsFound(t *testing.T) {
	s := NewSample([]string{"a", "twin of a", "b"})
	m := made(20_000, func(v []uint32) float64 { return parity(v[0], v[1]) })
	for i := range m.Len() {
		a, b := m.values[4*i], m.values[4*i+1]
		s.Add([]uint32{a, a + 100, b}, 0, m.positive[i])
	}
	confirmed := 0
	for _, f := range s.Search(Options{}).Found {
		if f.Confirmed() {
			confirmed++
		}
	}
	if confirmed != 1 {
		t.Errorf("%d are confirmed", confirmed)
	}
}

func TestPairsThatTheModelHasAreNotTried(t *testing.T) {
	s := made(20_000, func(v []uint32) float64 { return parity(v[0], v[2]) })
	s.Exclude("c", "a")
	s.Exclude("a", "nothing of the kind")
	if r := s.Search(Options{}); len(r.Found) != 0 || r.Pairs != 5 {
		t.Errorf("%d pairs tried, found %+v", r.Pairs, r.Found)
	}
}

func TestMissingValuesHaveNoCombinations(t *testing.T) {
	s := NewSample([]string{"a", "b"})
	for i := range 5000 {
		s.Add([]uint32{uint32(i % 2), 1 + uint32(i%3)}, 0, i%2 == 1)
	}
	b := newBench(s)
	if n := b.combinations([2]int{0, 1}); n != 3 {
		t.Errorf("%d combinations, want 3", n)
	}
}

func TestASearchEndsWithItsBudget(t *testing.T) {
	s := made(20_000, func(v []uint32) float64 { return parity(v[0], v[2]) + parity(v[1], v[3]) })
	r := s.Search(Options{Budget: 60_000})
	if r.Visits > 60_000+3*20_000 { // the last one found is also judged and counted
		t.Errorf("%d visits", r.Visits)
	}
	if all := s.Search(Options{}); len(all.Found) != 2 {
		t.Errorf("found %+v with the usual budget", all.Found)
	}
}

func TestEqualSamplesGiveEqualFindings(t *testing.T) {
	find := func() Result {
		return made(5_000, func(v []uint32) float64 { return parity(v[0], v[2]) + 0.5*parity(v[1], v[3]) }).Search(Options{Keep: 2})
	}
	if a, b := find(), find(); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v and %+v", a, b)
	}
}

func TestTooLittleIsNoError(t *testing.T) {
	for _, n := range []int{0, 1, 3} {
		if r := made(n, func([]uint32) float64 { return 0 }).Search(Options{}); len(r.Found) != 0 {
			t.Errorf("found %+v in %d exposures", r.Found, n)
		}
	}
	if r := NewSample(nil).Search(Options{}); r.Pairs != 0 {
		t.Errorf("%d pairs of nothing", r.Pairs)
	}
}

func TestWhatAModelSaysMayBeExtreme(t *testing.T) {
	s := made(1000, func(v []uint32) float64 { return parity(v[0], v[2]) })
	s.Add([]uint32{1, 1, 1, 1}, math.Inf(1), false)
	s.Add([]uint32{1, 1, 1, 1}, math.NaN(), false)
	if s.Len() != 1001 {
		t.Errorf("%d exposures: one without a prediction tells nothing", s.Len())
	}
	r := s.Search(Options{})
	if slices.ContainsFunc(r.Found, func(f Found) bool { return math.IsNaN(f.Held) || math.IsInf(f.Gain, 0) }) {
		t.Errorf("found %+v", r.Found)
	}
}

func BenchmarkTry(b *testing.B) {
	s := made(100_000, func(v []uint32) float64 { return parity(v[0], v[2]) })
	t := newBench(s)
	for b.Loop() {
		t.try([2]int{0, 2}, prior, 0, s.Len(), nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*s.Len()), "ns/visit")
}
