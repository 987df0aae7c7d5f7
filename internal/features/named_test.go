package features

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
)

func TestANamerSpellsOutWhatWasEvaluated(t *testing.T) {
	s := newStore(t)
	s.UpsertItem(&event.Item{ID: "mug", Attrs: event.Attributes{
		{Key: "categories", Value: list("kitchen")}, {Key: "price", Value: num(3)}, {Key: "tags", Value: list("red", "big")},
	}})
	q := s.NewQuery()
	do(s, q, "click", "ann", "cup", t0)
	do(s, q, "exposure", "ann", "pot", t0.Add(time.Second))
	q.Begin("ann", device("tv"), t0.Add(2*time.Second))
	var v Vector
	ref, _ := s.LookupItem("mug")
	q.Item(&v, ref)
	got := map[string]NamedValue{}
	for i, n := range s.NewNamer().Named(q, nil) {
		if n.Name != definitions()[i].Name {
			t.Errorf("column %d is %s, want the order of the definitions", i, n.Name)
		}
		got[n.Name] = n
	}
	hour := fmt.Sprint(t0.Time().Hour())
	for name, want := range map[string]string{"user_id": "ann", "item_id": "mug", "category": "kitchen", "hour": hour} {
		if got[name].Text != want || got[name].Number == got[name].Number {
			t.Errorf("%s is %+v, want %q", name, got[name], want)
		}
	}
	for name, want := range map[string][]string{"tags": {"red", "big"}, "device": {"tv"}, "lately": {"cup"}} {
		if !slices.Equal(got[name].List, want) {
			t.Errorf("%s is %+v, want %q", name, got[name], want)
		}
	}
	if x := got["clicks_1m"].Number; x != 1 {
		t.Errorf("clicks_1m is %v", x)
	}
	if x := got["age"].Number; x == x {
		t.Errorf("a missing number is %v", x)
	}
	if text := got["price_bucket"].Text; len(text) != 17 || text[0] != '#' {
		t.Errorf("a category without a text is %q", text)
	}
	if n := len(got["tags_x_device"].List); n != 2 {
		t.Errorf("two tags crossed with a device are %d categories", n)
	}
}

func TestAColumnsShapeHoldsForAllOfItsValues(t *testing.T) {
	s := newStore(t)
	want := map[string]Shape{
		"user_id": ShapeCategory, "tags": ShapeCategories, "category": ShapeCategory, "hour": ShapeCategory, "price": ShapeNumber,
		"price_bucket": ShapeCategory, "user_x_category": ShapeCategory, "tags_x_device": ShapeCategories, "lately": ShapeCategories,
	}
	columns := s.Columns()
	for _, c := range columns {
		if shape, ok := want[c.Name]; ok && shape != c.Shape {
			t.Errorf("%s is of shape %d, want %d", c.Name, c.Shape, shape)
		}
	}
	upsert(s, "mug", "kitchen", 3)
	q := s.NewQuery()
	q.Begin("ann", nil, t0)
	var v Vector
	ref, _ := s.LookupItem("mug")
	q.Item(&v, ref)
	for i, n := range s.NewNamer().Named(q, nil) {
		switch columns[i].Shape {
		case ShapeNumber:
			if n.Text != "" || n.List != nil {
				t.Errorf("%+v", n)
			}
		case ShapeCategory:
			if !math.IsNaN(n.Number) || n.List != nil {
				t.Errorf("%+v", n)
			}
		default:
			if !math.IsNaN(n.Number) || n.Text != "" {
				t.Errorf("%+v", n)
			}
		}
	}
}
