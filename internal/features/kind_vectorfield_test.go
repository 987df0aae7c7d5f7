package features

import (
	"math"
	"slices"
	"testing"

	"recsvc/internal/event"
)

func TestVectorsAreReadWholeOrReduced(t *testing.T) {
	dense := Definition{Kind: "vector", Field: "item.v", Size: 3}
	three := scenery{item: of("v", list("3", "-4", "12"))}
	table := []said{
		{"a list", dense, three, []float64{3, -4, 12}},
		{"a text", dense, scenery{item: of("v", text("[3,-4, 12]"))}, []float64{3, -4, 12}},
		{"of the context", Definition{Kind: "vector", Field: "context.v", Size: 2}, scenery{context: of("v", text("1,2"))}, []float64{1, 2}},
		{"of the user", Definition{Kind: "vector", Field: "user.v", Size: 1}, scenery{user: of("v", num(0.5))}, []float64{0.5}},
		{"another length", dense, scenery{item: of("v", list("3", "-4"))}, nil},
		{"a word among them", dense, scenery{item: of("v", list("3", "four", "12"))}, nil},
		{"a number that is none", dense, scenery{item: of("v", list("3", "NaN", "12"))}, nil},
		{"a number too large", Definition{Kind: "vector", Field: "item.v", Reduce: "sum"}, scenery{item: of("v", num(1e300))}, nil},
		{"an empty list", dense, scenery{item: of("v", list())}, nil},
		{"nothing", dense, scenery{}, nil},
		{"the logarithm of the norm", Definition{Kind: "vector", Field: "item.v", Reduce: "norm", As: "log"}, three, math.Log(14)},
		{"a reduced one of another length", Definition{Kind: "vector", Field: "item.v", Reduce: "sum", Size: 2}, three, nil},
		{"nothing to reduce", Definition{Kind: "vector", Field: "item.v", Reduce: "max"}, scenery{}, nil},
	}
	for reduce, want := range map[string]float64{"norm": 13, "mean": 11.0 / 3, "sum": 11, "min": -4, "max": 12, "first": 3, "last": 12} {
		table = append(table, said{reduce, Definition{Kind: "vector", Field: "item.v", Reduce: reduce}, three, want})
	}
	checkSaid(t, table)
	checkMistakes(t, []mistaken{
		{Definition{Kind: "vector", Field: "item.v"}, "size", "is missing: say how many numbers the vector has, or make one of them with reduce"},
		{Definition{Kind: "vector", Field: "item.v", Size: 2000}, "size", "must lie between 1 and 1024"},
		{Definition{Kind: "vector", Field: "item.v", Size: -1}, "size", "must lie between 1 and 1024"},
		{Definition{Kind: "vector", Field: "item.v[0]", Size: 2}, "field", `"item.v[0]" is one element: name the whole list, without [0]`},
		{Definition{Kind: "vector", Field: "item.v", Reduce: "median"}, "reduce", `"median" is none of none, norm, mean, sum, min, max, first, last`},
		{Definition{Kind: "vector", Field: "item.v", Size: 2, As: "log"}, "as", "log is for one number: leave it out, or make one with reduce"},
	})
}

// Each number has a slot of its own, which stays the same whatever the other numbers are.
func TestAVectorGivesTheModelASlotForEachPlace(t *testing.T) {
	s := storeOf(t, []Definition{{Name: "v", Kind: "vector", Field: "item.v", Size: 3}}, Options{})
	s.UpsertItem(&event.Item{ID: "a", Attrs: of("v", list("1", "2", "3"))})
	s.UpsertItem(&event.Item{ID: "b", Attrs: of("v", list("0", "5", "6"))})
	q := s.NewQuery()
	q.Begin("u", nil, t0)
	var a, b Vector
	q.Item(&a, 0)
	q.Item(&b, 1)
	if len(a.Slots) != 3 || !slices.Equal(a.Values, []float32{1, 2, 3}) || !slices.Equal(b.Slots, a.Slots[1:]) || !slices.Equal(b.Values, []float32{5, 6}) {
		t.Errorf("%+v and %+v", a, b)
	}
	if c := s.Columns()[0]; c.Shape != ShapeVector {
		t.Errorf("%+v", c)
	}
}
