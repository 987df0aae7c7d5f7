package features

import (
	"fmt"
	"math"
	"testing"
	"time"

	"recsvc/internal/event"
)

// The tests of this file are the questions that stores of window features are apt to answer wrong.

const oneDay = 24 * time.Hour

func probed(t *testing.T, defs ...Definition) *Store {
	t.Helper()
	s, err := New(defs, Options{NoRecall: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// midnight is the beginning of a day near t0.
var midnight = t0 / event.Time(oneDay) * event.Time(oneDay)

func TestSixtyDaysAfterTheLastClickEveryWindowSaysNothing(t *testing.T) {
	windows := []time.Duration{oneDay, 7 * oneDay, 30 * oneDay}
	s := probed(t,
		Definition{Name: "clicks", Kind: "count", Scope: []string{"user"}, On: On("click"), Windows: windows},
		Definition{Name: "paid", Kind: "sum", Scope: []string{"user"}, On: On("purchase"), Windows: windows},
		Definition{Name: "items", Kind: "distinct", Scope: []string{"user"}, On: On("click"), Window: 30 * oneDay},
		Definition{Name: "dearest", Kind: "max", Scope: []string{"user"}, On: On("purchase"), Windows: windows},
	)
	q := s.NewQuery()
	for i := range 5 {
		do(s, q, "click", "u", fmt.Sprint("i", i), t0.Add(time.Duration(i)*time.Second))
		do(s, q, "purchase", "u", "i", t0.Add(time.Duration(i)*time.Second))
	}
	for _, w := range []string{"1d", "7d", "30d"} {
		for name, then := range map[string]float64{"clicks_": 5, "paid_": 50, "dearest_": 10} {
			if got := value(t, s, "u", "", name+w, t0.Add(5*time.Second)); got != then {
				t.Errorf("%s%s just after the clicks is %v, want %v", name, w, got, then)
			}
			if got := value(t, s, "u", "", name+w, t0.Add(60*oneDay)); got != 0 && !math.IsNaN(got) {
				t.Errorf("%s%s sixty days later is %v, with no event in between", name, w, got)
			}
		}
	}
	if got := value(t, s, "u", "", "items", t0.Add(60*oneDay)); got != 0 {
		t.Errorf("items of the last 30 days, sixty days later: %v", got)
	}
}

func TestAWindowOfSevenDaysHoldsExactlySevenDays(t *testing.T) {
	s := probed(t, Definition{Name: "clicks", Kind: "count", Scope: []string{"user"}, On: On("click"), Window: 7 * oneDay, Slide: oneDay})
	q := s.NewQuery()
	for d := range 20 {
		at := midnight.Add(time.Duration(d) * oneDay)
		do(s, q, "click", "u", "i", at.Add(12*time.Hour))
		want := float64(min(d+1, 7))
		for _, later := range []time.Duration{12 * time.Hour, oneDay - 1} {
			if got := value(t, s, "u", "", "clicks", at.Add(later)); got != want {
				t.Errorf("day %d, %v past midnight: %v clicks, one each day, want %v", d, later, got, want)
			}
		}
		if got := value(t, s, "u", "", "clicks", at.Add(oneDay)); got != float64(min(d+1, 6)) {
			t.Errorf("the first instant after day %d: %v clicks, want those of the last six days", d, got)
		}
	}
}

func TestImpressionsAreNotCountedAgainByEventsThatHaveNothingToDoWithThem(t *testing.T) {
	s := probed(t,
		Definition{Name: "shown", Kind: "count", Scope: []string{"item"}, On: On("exposure")},
		Definition{Name: "shown_1h", Kind: "count", Scope: []string{"item"}, On: On("exposure"), Window: time.Hour},
		Definition{Name: "ctr", Kind: "rate", Scope: []string{"item"}, Of: On("click"), Over: On("exposure")},
	)
	q := s.NewQuery()
	for i := range 4 {
		do(s, q, "exposure", "u", "a", t0.Add(time.Duration(i)*time.Second))
	}
	do(s, q, "click", "u", "a", t0.Add(5*time.Second))
	for i := range 100 {
		for _, typ := range []string{"click", "exposure", "dwell"} {
			do(s, q, typ, "somebody", "b", t0.Add(time.Duration(6+i)*time.Second))
		}
		do(s, q, "dwell", "u", "a", t0.Add(time.Duration(6+i)*time.Second))
		do(s, q, "search", "u", "", t0.Add(time.Duration(6+i)*time.Second))
	}
	at := t0.Add(2 * time.Minute)
	for name, want := range map[string]float64{"shown": 4, "shown_1h": 4, "ctr": 0.25} {
		if got := value(t, s, "u", "a", name, at); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// The cost is counted in what an event touches and allocates, not in time.
func TestTheCostOfAnEventDoesNotGrowWithTheNumberOfOpenSessions(t *testing.T) {
	costs := func(sessions int) (touched int, allocations float64) {
		s := probed(t,
			Definition{Name: "length", Kind: "session_length", Scope: []string{"user"}, On: On(AnyType), Gap: time.Hour},
			Definition{Name: "clicks", Kind: "count", Scope: []string{"user"}, On: On("click"), Window: time.Hour},
			Definition{Name: "room", Kind: "distinct", Scope: []string{"context.device"}, On: On("click"), Value: "item", Window: time.Hour},
			Definition{Name: "pair", Kind: "rate", Scope: []string{"item", "context.device"}, Of: On("click"), Over: On("exposure"), Prior: Prior{Strength: 1}},
			Definition{Name: "top", Kind: "top_k", Scope: []string{"user"}, On: On("click"), N: 3, Window: time.Hour},
		)
		q := s.NewQuery()
		at := t0
		for i := range sessions {
			at += 1e6
			do(s, q, "click", fmt.Sprint("u", i), fmt.Sprint("i", i), at)
		}
		flush(s)
		do(s, q, "click", "u0", "i0", at)
		touched = len(flush(s))
		e := &event.Event{Type: "click", User: "u0", Item: "i0", Time: at, Context: device("ios")}
		ref := s.EnsureItem("i0")
		allocations = testing.AllocsPerRun(100, func() {
			q.Begin(e.User, e.Context, e.Time)
			s.Apply(q, e, ref)
		})
		return touched, allocations
	}
	few, fewAllocations := costs(10)
	many, manyAllocations := costs(5000)
	if few != many || few > 6 {
		t.Errorf("an event touches %d entries beside 10 open sessions, %d beside 5000", few, many)
	}
	if fewAllocations != 0 || manyAllocations != 0 {
		t.Errorf("an event allocates %v times beside 10 open sessions, %v beside 5000", fewAllocations, manyAllocations)
	}
}
