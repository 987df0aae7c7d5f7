package features

import (
	"math"
	"testing"
	"time"

	"recsvc/internal/event"
)

// Each event counts with its item and user as they stood at its place in the log: an upsert between two events changes what the second counts
// under and adds up, and nothing about the first.
func TestAnEventCountsWithTheCatalogueAsItStoodAtItsPlaceInTheLog(t *testing.T) {
	user := []string{"user"}
	s := storeOf(t, []Definition{
		{Name: "price", Kind: "mean", Scope: user, On: On("click"), Value: "item.price"},
		{Name: "of_category", Kind: "count", Scope: []string{"user", "item.categories[0]"}, On: On("click")},
		{Name: "category_of_tier", Kind: "count", Scope: []string{"item.categories[0]", "user.tier"}, On: On("click")},
		{Name: "dear", Kind: "count", Scope: user, On: Selection{Types: []string{"click"}, Where: "item.price > 15"}},
		{Name: "gold", Kind: "count", Scope: []string{"item"}, On: Selection{Types: []string{"click"}, Where: `user.tier == "gold"`}},
		{Name: "prices", Kind: "last_k", Scope: user, On: On("click"), Value: "item.price", N: 2, As: "values"},
		{Name: "spent", Kind: "sum", Scope: user, On: On("click"), Value: "item.price * (user.factor ?? 1)"},
	}, Options{})
	q := s.NewQuery()
	put := func(category string, price float64) {
		s.UpsertItem(&event.Item{ID: "mug", Attrs: event.Attributes{
			{Key: "categories", Value: list(category)}, {Key: "price", Value: num(price)},
		}})
	}
	be := func(tier string, factor float64) {
		s.UpsertUser(&event.User{ID: "ann", Attrs: event.Attributes{{Key: "factor", Value: num(factor)}, {Key: "tier", Value: text(tier)}}})
	}
	put("kitchen", 10)
	be("silver", 1)
	do(s, q, "click", "ann", "mug", t0)
	put("office", 20)
	be("gold", 3)
	do(s, q, "click", "ann", "mug", t0.Add(-time.Hour)) // late, and still later in the log

	read := func(name string, want float64) {
		t.Helper()
		if got := value(t, s, "ann", "mug", name, t0); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	read("price", 15)
	read("of_category", 1)
	read("category_of_tier", 1)
	read("dear", 1)
	read("gold", 1)
	read("spent", 10+3*20)
	put("kitchen", 1000)
	be("silver", 1000)
	read("price", 15)
	read("of_category", 1)
	read("category_of_tier", 1)
	read("spent", 70)

	q.Begin("ann", nil, t0)
	q.prepare()
	if got := q.cats[5].weights; len(got) != 2 || got[0] != 10 || got[1] != 20 {
		t.Errorf("the prices clicked at, newest first, are %v, want 10 and 20", got)
	}
}
