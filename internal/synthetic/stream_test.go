package synthetic

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"testing"
)

// The sums are those of another implementation of the stream.
func TestTheStreamIsTheOneThatPeersWereGiven(t *testing.T) {
	for _, tc := range []struct {
		name   string
		policy Policy
		n      uint64
		want   string
	}{
		{"by relevance, beginning", ByRelevance, 20_000, "bbbb5db1dac6cad50d6d294bfad1056a34230acf8189f51e0aa660dc3931313d"},
		{"by promotion, beginning", ByPromotion, 20_000, "a9df6973c99ccab0f459712d9c880aae51278b32a7e3c58453440649a5ee6bc4"},
		{"by relevance", ByRelevance, Usual, "131cd2e767b1ed17fadfc665a253a1cdcc4811ba1b973e148fca33d9e523da54"},
		{"by promotion", ByPromotion, Usual, "ad8947f3222ead4c87ed80eb1d18667646acdea534d8e4fc6b403639f75ae5d2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.n == Usual && os.Getenv("SYNTHETIC") != "long" {
				t.Skip("SYNTHETIC=long goes through the whole stream")
			}
			sum, buf := sha256.New(), make([]byte, 0, BinarySize)
			for _, ex := range New(Usual, tc.policy).First(tc.n) {
				sum.Write(ex.AppendBinary(buf))
			}
			if got := hex.EncodeToString(sum.Sum(nil)); got != tc.want {
				t.Errorf("SHA-256 %s, want %s", got, tc.want)
			}
		})
	}
}

func TestClicksAreRelevanceSeenAtTheRateOfThePosition(t *testing.T) {
	var relevant, clicks [Positions + 1]float64
	for _, ex := range New(200_000, ByRelevance).All() {
		if ex.Click && !ex.Relevant {
			t.Fatal("a click on what is not relevant")
		}
		relevant[ex.Position] += float64(bit(ex.Relevant))
		clicks[ex.Position] += float64(bit(ex.Click))
	}
	for k := 1; k <= Positions; k++ {
		want := Examined[k]
		error5 := 5 * math.Sqrt(want*(1-want)/relevant[k])
		if got := clicks[k] / relevant[k]; math.Abs(got-want) > error5 {
			t.Errorf("position %d was examined at rate %.3f, want %.3f ± %.3f", k, got, want, error5)
		}
	}
}

func TestRandomisedPositionsAreEven(t *testing.T) {
	var at [Positions + 1]float64
	var n float64
	for _, ex := range New(100_000, ByPromotion).All() {
		if ex.Randomised {
			at[ex.Position]++
			n++
		}
	}
	if math.Abs(n-30_000) > 5*math.Sqrt(100_000*.3*.7) {
		t.Errorf("%v of 100,000 are randomised", n)
	}
	for k := 1; k <= Positions; k++ {
		if math.Abs(at[k]-n/Positions) > 5*math.Sqrt(n*.1*.9) {
			t.Errorf("%v of %v stand at position %d", at[k], n, k)
		}
	}
}

func TestTheSecondHalfHasOtherWeightsForOddFields(t *testing.T) {
	var values [Fields]uint32
	first, second := logitOf(&values, 0), logitOf(&values, 1)
	if first == second-0.2 {
		t.Error("nothing drifts")
	}
	s := New(1000, ByRelevance)
	var a, b Example
	s.At(499, &a)
	New(2000, ByRelevance).At(499, &b)
	if a != b {
		t.Error("the length of the stream changes its first half")
	}
	s.At(500, &a)
	New(2000, ByRelevance).At(500, &b)
	if a.Probability == b.Probability {
		t.Error("the half of the stream changes nothing")
	}
}

func TestIDsOfFieldsDoNotOverlap(t *testing.T) {
	for f := 1; f < Fields; f++ {
		last, first := Example{}, Example{}
		last.Values[f-1] = Values[f-1] - 1
		if last.ID(f-1)+1 != first.ID(f) {
			t.Errorf("field %d ends at %d, field %d begins at %d", f-1, last.ID(f-1), f, first.ID(f))
		}
	}
}

func BenchmarkAt(b *testing.B) {
	s := New(Usual, ByRelevance)
	var ex Example
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.At(uint64(i)%Usual, &ex)
	}
}
