package autofeature

import (
	"fmt"
	"math"
	"testing"
	"time"

	"recsvc/internal/event"
)

// TestGainIsThatOfANaiveRecount predicts each exposure from a recount of all that came before it.
func TestGainIsThatOfANaiveRecount(t *testing.T) {
	s := stream(400)
	st := newStudy(s, Head{Name: "click", Type: "click", Window: time.Hour})
	key := func(i int) string { v, _ := s.shown[i].e.Context.Get("device"); return v.Str }
	column := build(len(s.shown), func(i int) (string, bool) { return key(i), true })
	const strength = 7.0
	sum := 0.0
	for at, step := range s.steps {
		if step.e.Type != "exposure" {
			continue
		}
		var of, over, allOf, all float64
		for _, before := range s.steps[:at] {
			same := key(int(before.shown)) == key(int(step.shown))
			switch {
			case before.e.Type == "exposure" && same:
				over, all = over+1, all+1
			case before.e.Type == "exposure":
				all++
			case same:
				of, allOf = of+1, allOf+1
			default:
				allOf++
			}
		}
		p0 := (allOf + 1) / (all + 2)
		p := (of + strength*p0) / (over + strength)
		if st.y[step.shown] {
			sum += math.Log2(p / p0)
		} else {
			sum += math.Log2((1 - p) / (1 - p0))
		}
	}
	want := sum / float64(len(s.shown))
	if got, _ := st.measure(column, trial{strength: strength}); math.Abs(got.Bits-want) > 1e-9 {
		t.Errorf("gain %v bits; a recount says %v", got.Bits, want)
	}
}

// marked makes a study of outcomes at each exposure, a second apart.
func marked(y []bool) *study {
	s := NewSample(1 << 30)
	for i := range y {
		at := event.Time(1e18).Add(time.Duration(i) * time.Second)
		e := event.Event{Type: "exposure", User: "u", Item: fmt.Sprint(i), Time: at}
		s.Add(&event.Record{Kind: event.KindEvent, Event: &e})
		if y[i] {
			s.Add(&event.Record{Kind: event.KindEvent, Event: &event.Event{Type: "click", User: "u", Item: e.Item, Time: at}})
		}
	}
	return newStudy(s, Head{Name: "click", Type: "click", Window: time.Hour})
}

func TestInformationIsThatOfTheTable(t *testing.T) {
	y := make([]bool, 1000)
	for i := range y {
		y[i] = i%2 == 0
	}
	st := marked(y)
	n := 1 / (2 * 1000 * math.Ln2) // what a degree of freedom makes by chance, in bits
	for _, tc := range []struct {
		name  string
		key   func(i int) int
		want  float64
		tells bool
	}{
		{"the outcome itself is one bit", func(i int) int { return i % 2 }, 1 - n, true},
		{"what is independent is less than chance", func(i int) int { return i / 2 % 2 }, -n, false},
		{"values seen once are taken together, and tell nothing", func(i int) int { return i }, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := st.information(build(len(y), func(i int) (int, bool) { return tc.key(i), true }))
			if math.Abs(got.Bits-tc.want) > 1e-9 || got.tells() != tc.tells {
				t.Errorf("%v bits with bound %v; want %v", got.Bits, got.Bound, tc.want)
			}
		})
	}
}

func TestAnIdGainsNothingByBeingMany(t *testing.T) {
	y := make([]bool, 2000)
	for i := range y {
		y[i] = i*i%7 < 3
	}
	st := marked(y)
	unique := build(len(y), func(i int) (int, bool) { return i, true })
	if g := st.gain(unique); math.Abs(g.Bits) > 1e-12 || g.tells(st.entropy) {
		t.Errorf("values seen once gain %v bits", g.Bits)
	}
	known := build(len(y), func(i int) (int, bool) { return i % 7, true })
	if g := st.gain(known); !g.tells(st.entropy) || g.Bits < 0.8*st.entropy {
		t.Errorf("what decides the outcome gains %v bits of %v", g.Bits, st.entropy)
	}
}

func TestAPairIsMeasuredBeyondItsMembers(t *testing.T) {
	y := make([]bool, 4000)
	a, b := make([]int, len(y)), make([]int, len(y))
	for i := range y {
		a[i], b[i] = i/3%2, i/7%2
		y[i] = a[i] != b[i]
	}
	st := marked(y)
	members := [2]*member{}
	for j, bits := range [][]int{a, b} {
		members[j] = &member{column: build(len(y), func(i int) (int, bool) { return bits[i], true })}
		st.weigh(members[j])
	}
	if c := st.combine(members[0], members[1]); c.gain.Bits < 0.9 {
		t.Errorf("an exclusive or gains %v bits beyond its parts; want nearly 1", c.gain.Bits)
	}
	alike := func(name string, key func(i int) int) *member {
		m := &member{column: build(len(y), func(i int) (int, bool) { return key(i), true })}
		if st.weigh(m); m.gain.Bits < 0.3 {
			t.Fatalf("%s gains %v bits: the test needs one that tells much", name, m.gain.Bits)
		}
		return m
	}
	tells := alike("the outcome, but for one in ten", func(i int) int {
		if y[i] != (i%10 == 0) {
			return 1
		}
		return 0
	})
	finer := alike("the same, in more values", func(i int) int { return int(tells.column.ids[i])*3 + i%3 })
	if c := st.combine(tells, finer); c.gain.tells(st.entropy) {
		t.Errorf("a pair that says one thing twice gains %v bits beyond its parts", c.gain.Bits)
	}
	other := alike("the same, in other values", func(i int) int { return int(tells.column.ids[i])*3 + i/11%3 })
	if c := st.combine(finer, other); c.gain.tells(st.entropy) {
		t.Errorf("a pair that shares what it says gains %v bits beyond its parts", c.gain.Bits)
	}
}

func TestOutcomesBelongToTheExposureOfTheirRequest(t *testing.T) {
	s := NewSample(1 << 30)
	at := event.Time(1e18)
	add := func(id, typ, request string, after time.Duration) {
		e := event.Event{ID: id, Type: typ, User: "u", Item: "i", Request: request, Time: at.Add(after)}
		s.Add(&event.Record{Kind: event.KindEvent, Event: &e})
	}
	add("1", "exposure", "first", 0)
	add("2", "exposure", "second", time.Second)
	add("3", "click", "first", 2*time.Second)
	add("3", "click", "first", 2*time.Second) // sent again
	add("4", "click", "", 3*time.Second)      // the newest, where no request is named
	add("5", "click", "third", 4*time.Second) // of nothing that was seen
	var got []int32
	for _, st := range s.steps[2:] {
		got = append(got, st.shown)
	}
	if want := []int32{0, 1, -1}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("clicks belong to %v; want %v", got, want)
	}
}
