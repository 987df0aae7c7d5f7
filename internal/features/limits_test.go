package features

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// entriesOf are all entries that a store has changed.
func entriesOf(s *Store) map[string][]byte {
	out := map[string][]byte{}
	for _, set := range s.Sets() {
		set.Cut(func(key, value []byte, _ dirty.Sum) { out[string(key)] = slices.Clone(value) })
		for !set.Flush(100) {
		}
	}
	return out
}

func TestThePrefixesAreThoseOfAllEntries(t *testing.T) {
	s := storeOf(t, []Definition{{Name: "n", Kind: "count", On: On("a")}},
		Options{Patterns: []Pattern{onePattern("p", time.Hour, flagFor(time.Minute), Step{On: On("a")}, Step{FollowedBy: On("b")})}})
	do(s, s.NewQuery(), "a", "u", "i", t0)
	seen := map[byte]bool{}
	for key := range entriesOf(s) {
		if seen[key[0]] = true; !Owns(key[0]) {
			t.Errorf("entry %x is not owned", key)
		}
	}
	if len(seen) != len(Prefixes()) || !slices.IsSorted(Prefixes()) {
		t.Errorf("prefixes %q, entries have %v", Prefixes(), seen)
	}
}

// Rows without variable parts count too: 128 windows of 1,024 tiles are more than a checkpoint holds in one value.
func TestAnEntityOfManyWideSubRowsStaysBelowWhatACheckpointHolds(t *testing.T) {
	window := func(name string, scope ...string) Definition {
		return Definition{Name: name, Kind: "rate", Scope: scope, Of: On("click"), Over: On(AnyType), Window: 1024 * time.Minute, Slide: time.Minute}
	}
	s := storeOf(t, []Definition{window("of_user", "user", "context.room"), window("of_item", "item", "context.room")}, Options{})
	q := s.NewQuery()
	read := func(room string, at event.Time) bool {
		q.Begin("u", event.Attributes{{Key: "room", Value: event.Value{Kind: event.String, Str: room}}}, at)
		var v Vector
		ref, _ := s.LookupItem("i")
		q.Item(&v, ref)
		return !math.IsNaN(q.nums[0]) && !math.IsNaN(q.nums[1])
	}
	at := t0
	for i := range 128 {
		at += event.Time(time.Second)
		ctx := event.Attributes{{Key: "room", Value: event.Value{Kind: event.String, Str: fmt.Sprint(i)}}}
		ref := s.EnsureItem("i")
		q.Begin("u", ctx, at)
		s.Apply(q, &event.Event{Type: "click", User: "u", Item: "i", Time: at, Context: ctx}, ref)
	}
	for key, value := range entriesOf(s) {
		if len(value) > 768<<10 {
			t.Errorf("entry %x of %d bytes", key, len(value))
		}
	}
	if !read("127", at) || read("0", at) {
		t.Errorf("newest there: %v, oldest there: %v", read("127", at), read("0", at))
	}
}

// Sums that outgrow float64 stay at its greatest number: what is infinite could never be made smaller again, and what is no number spreads.
func TestNumbersThatOutgrowTheirTypeLeaveNothingInfiniteBehind(t *testing.T) {
	defs := []Definition{
		{Name: "sum", Kind: "sum", On: On("a")},
		{Name: "sum_w", Kind: "sum", On: On("a"), Window: time.Hour},
		{Name: "mean", Kind: "mean", On: On("a"), Window: time.Hour},
		{Name: "decay", Kind: "decay", On: On("a"), Value: "value", HalfLife: time.Hour},
		{Name: "variance", Kind: "variance", On: On("a"), Window: time.Hour},
		{Name: "deviation", Kind: "variance", On: On("a"), As: "deviation"},
	}
	s := storeOf(t, defs, Options{})
	q := s.NewQuery()
	at := t0
	for _, x := range []float64{1e308, 1.5e308, -1e308, 1.7e308, 1.7e308, 1.7e308, -1.7e308} {
		at += event.Time(7 * time.Minute)
		q.Begin("u", nil, at)
		s.Apply(q, &event.Event{Type: "a", User: "u", Time: at, Value: x, HasValue: true}, NoItem)
		for _, row := range s.groups.rows {
			for i, w := range row {
				if y := math.Float64frombits(w); y-y != 0 && w != gone {
					t.Fatalf("word %d of the row is %v after %v", i, y, x)
				}
			}
		}
		for _, v := range s.Values("u", nil, NoItem, at) {
			if math.IsInf(v.Number, 0) {
				t.Errorf("%s is %v after %v", v.Name, v.Number, x)
			}
		}
	}
}

func TestARowThatStaysForAVeryLongTimeIsNotRemovedAtOnce(t *testing.T) {
	s := storeOf(t, []Definition{{Name: "n", Kind: "count", Scope: []string{"context.room"}, On: On("a"), TTL: 290 * 365 * 24 * time.Hour}}, Options{})
	ctx := event.Attributes{{Key: "room", Value: event.Value{Kind: event.String, Str: "r"}}}
	q := s.NewQuery()
	q.Begin("u", ctx, t0)
	s.Apply(q, &event.Event{Type: "a", User: "u", Time: t0, Context: ctx}, NoItem)
	s.Advance(t0 + 1)
	if v := s.Values("u", ctx, NoItem, t0+1); v[0].Number != 1 {
		t.Errorf("%v", v)
	}
}

func TestWhatPatternsCompileToIsTold(t *testing.T) {
	s := storeOf(t, nil, Options{Patterns: []Pattern{onePattern("p", time.Hour, flagFor(time.Minute), Step{On: On("a")}, Step{FollowedBy: On("b")})}})
	all := s.Compiled()
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	if c := all[0]; c.Definition.Name != "p" || c.Definition.As != "flag" || c.Scope != "user" || len(c.Version) != 12 {
		t.Errorf("%+v", c)
	}
}
