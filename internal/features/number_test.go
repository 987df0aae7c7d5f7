package features

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAnEventChangesTheCellsOfTheFeaturesThatCountIt(t *testing.T) {
	s, err := New([]Definition{
		{Name: "clicks", Kind: "count", Scope: []string{"user"}, On: On("click")},
		{Name: "again", Kind: "count", Scope: []string{"user"}, On: On("click"), As: "log"}, // the same cell
		{Name: "ctr", Kind: "rate", Scope: []string{"item"}, Of: On("click"), Over: On("exposure")},
		{Name: "all", Kind: "count", Scope: []string{"item"}, On: On(AnyType)},
	}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for typ, want := range map[string]int{"click": 3, "exposure": 2, "search": 1} {
		if got := s.Cells(typ); got != want {
			t.Errorf("a %s changes %d cells, want %d", typ, got, want)
		}
	}
}

func TestANumberIsReadByItsColumn(t *testing.T) {
	s := newStore(t)
	q := s.NewQuery()
	upsert(s, "a", "sport", 9)
	do(s, q, "click", "u", "a", t0)
	column, ok := s.Column("clicks_1m")
	if !ok {
		t.Fatal("no column clicks_1m")
	}
	if _, ok := s.Column("nothing"); ok {
		t.Error("a column that is not declared")
	}
	for _, tc := range []struct {
		at   time.Duration
		want float64
	}{{0, 1}, {49 * time.Second, 1}, {61 * time.Second, 0}} {
		q.Begin("u", nil, t0.Add(tc.at))
		if got := q.Number(column); got != tc.want {
			t.Errorf("%v after a click: %v, want %v", tc.at, got, tc.want)
		}
	}
}

func TestDecimalTextsAreThoseThatParse(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	alphabet := "0123456789..--++eE ,x_"
	numbers := 0
	for range 200_000 {
		text := make([]byte, rng.IntN(9))
		for i := range text {
			text[i] = alphabet[rng.IntN(len(alphabet))]
		}
		s := string(text)
		want, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsInf(want, 0) || s[0] == '+' || strings.Contains(s, "_") { // Go's digits, nobody else's
			want = math.NaN()
		}
		if got := parseNumber(s); got != want && (got == got || want == want) {
			t.Fatalf("%q is %v, want %v", s, got, want)
		}
		if want == want {
			numbers++
		}
	}
	if numbers < 10_000 {
		t.Errorf("only %d texts are numbers", numbers)
	}
}
