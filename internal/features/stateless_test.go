package features

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"recsvc/internal/event"
)

// scenery is what a feature without state is read for.
type scenery struct {
	item, user, context event.Attributes
	now                 event.Time // 0: t0
	list                []string   // items of the list, upserted beforehand
	at                  int32      // position; 0: serving
}

// of is a flat map of one key.
func of(key string, v event.Value) event.Attributes { return event.Attributes{{Key: key, Value: v}} }

// read evaluates the last of some features in a scenery.
func (m scenery) read(t *testing.T, defs ...Definition) NamedValue {
	t.Helper()
	s, q := m.evaluate(t, defs...)
	named := s.NewNamer().Named(q, nil)
	return named[len(named)-1]
}

func (m scenery) evaluate(t *testing.T, defs ...Definition) (*Store, *Query) {
	t.Helper()
	for i := range defs {
		if defs[i].Name == "" {
			defs[i].Name = "x"
		}
	}
	s := storeOf(t, defs, Options{})
	s.UpsertItem(&event.Item{ID: "i", Attrs: m.item})
	s.UpsertUser(&event.User{ID: "u", Attrs: m.user})
	if m.now == 0 {
		m.now = t0
	}
	q := s.NewQuery()
	q.Begin("u", m.context, m.now)
	var refs []ItemRef
	for _, id := range m.list {
		refs = append(refs, s.EnsureItem(id))
	}
	q.List(refs)
	if m.at > 0 {
		q.Place(m.at)
	}
	ref, _ := s.LookupItem("i")
	q.Item(new(Vector), ref)
	return s, q
}

// saying is what a value comes to, whatever its shape.
func saying(v NamedValue) any {
	switch {
	case !math.IsNaN(v.Number):
		return v.Number
	case v.Text != "":
		return v.Text
	case len(v.List) > 0:
		return strings.Join(v.List, " ")
	case len(v.Weights) > 0:
		return v.Weights
	}
	return nil
}

func sameSaying(a, b any) bool {
	switch b := b.(type) {
	case float64:
		x, ok := a.(float64)
		return ok && math.Abs(x-b) < 1e-9*max(1, math.Abs(b))
	case []float64:
		x, ok := a.([]float64)
		return ok && slices.EqualFunc(x, b, func(x, y float64) bool { return math.Abs(x-y) < 1e-6 })
	}
	return a == b
}

// said is one line of a table: what a definition makes of a scenery; nil: nothing.
type said struct {
	name string
	def  Definition
	of   scenery
	want any
}

func checkSaid(t *testing.T, table []said) {
	t.Helper()
	for _, tc := range table {
		t.Run(tc.name, func(t *testing.T) {
			if got := saying(tc.of.read(t, tc.def)); !sameSaying(got, tc.want) {
				t.Errorf("%v\nsays %v, want %v", tc.def, got, tc.want)
			}
		})
	}
}

// mistaken is a wrong definition: the key at fault and what is said of it.
type mistaken struct {
	def       Definition
	key, says string
}

func checkMistakes(t *testing.T, table []mistaken) {
	t.Helper()
	for _, tc := range table {
		tc.def.Name = "x"
		_, err := New([]Definition{{Name: "number", Kind: "number", Field: "item.price"}, {Name: "text", Kind: "string", As: "id", Field: "item.brand"}, tc.def}, Options{})
		var e *DefinitionError
		if !errors.As(err, &e) || e.Key != tc.key || e.Reason() != tc.says {
			t.Errorf("%v\nerror %v\nwant  %s: %s", tc.def, err, tc.key, tc.says)
		}
	}
}

// Whatever a record holds, features that read it neither fail nor make a number that is none.
func TestNoRecordMakesANumberThatIsNotFinite(t *testing.T) {
	odd := []event.Value{
		{}, num(0), num(math.MaxFloat64), num(-math.MaxFloat64), num(5e-324), text(""), text("NaN"), text("-Inf"), text("1e999"), text("1e308,1e308"),
		text("\xff\xfe, \x80"), text("91,181"), text("0x10"), list(), list(""), list("1e38", "1e38"), list("\xff"), list("NaN", "1"),
		{Kind: event.Bool, Num: 1}, text(strings.Repeat("7", 400)), text(strings.Repeat("链", 3000)),
	}
	var defs []Definition
	for _, d := range statelessExamples() {
		d.Name = string(rune('a'+len(defs)%26)) + string(rune('a'+len(defs)/26))
		defs = append(defs, d)
	}
	s := storeOf(t, defs, Options{})
	for _, v := range odd {
		attrs := event.Attributes{{Key: "v", Value: v}, {Key: "w", Value: v}}
		s.UpsertItem(&event.Item{ID: "i", Attrs: attrs})
		s.UpsertItem(&event.Item{ID: "j", Attrs: attrs})
		i, _ := s.LookupItem("i")
		j, _ := s.LookupItem("j")
		q := s.NewQuery()
		q.Begin("u", attrs, t0)
		q.List([]ItemRef{i, j})
		var vector Vector
		q.Item(&vector, i)
		for _, x := range append(vector.Values, q.Shared().Values...) {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				t.Errorf("%+v makes a value %v", v, x)
			}
		}
		for k := range defs {
			if x := q.nums[k]; math.IsInf(x, 0) {
				t.Errorf("%v makes %v of %+v", defs[k], x, v)
			}
		}
	}
}

// statelessExamples are definitions of all kinds that keep nothing, over fields v and w of the item or the context.
func statelessExamples() (defs []Definition) {
	for _, from := range []string{"item", "context"} {
		v, w := from+".v", from+".w"
		defs = append(defs,
			Definition{Kind: "number", Field: v}, Definition{Kind: "number", Field: v, As: "log"}, Definition{Kind: "bool", Field: v},
			Definition{Kind: "string", Field: v, Values: []string{"a", "1"}}, Definition{Kind: "string", Field: v, As: "hashed", Size: 10},
			Definition{Kind: "string", Field: v, As: "index", Values: []string{"a", "1"}}, Definition{Kind: "string", Field: v, As: "id"},
			Definition{Kind: "vector", Field: v, Size: 2}, Definition{Kind: "word_count", Field: v}, Definition{Kind: "age", Field: v},
			Definition{Kind: "local_time", Field: v, TimeZone: "Asia/Shanghai"}, Definition{Kind: "local_time", Field: v, As: "month_sin"},
			Definition{Kind: "user_agent", Field: v}, Definition{Kind: "referer", Field: v}, Definition{Kind: "geo_distance", Fields: []string{v, w}},
			Definition{Kind: "keyword", Field: v, Phrases: []string{"链接"}}, Definition{Kind: "sentiment", Field: v},
			Definition{Kind: "field_match", Fields: []string{v, w}}, Definition{Kind: "field_match", Fields: []string{v, "context.w"}, As: "jaccard", N: 2},
		)
		for reduce := range reducers {
			defs = append(defs, Definition{Kind: "vector", Field: v, Reduce: reduce})
		}
	}
	return append(defs,
		Definition{Kind: "diversity", Field: "item.v"}, Definition{Kind: "diversity", Field: "item.v", As: "difference"},
		Definition{Kind: "list_size"}, Definition{Kind: "position"}, Definition{Kind: "random"}, Definition{Kind: "item_age"})
}

func TestFeaturesWithoutStateAllocateNothing(t *testing.T) {
	var defs []Definition
	for _, d := range statelessExamples() {
		if d.Kind == "referer" && d.Field == "context.v" {
			continue // an address is taken apart once a list, which costs a few
		}
		d.Name = string(rune('a'+len(defs)%26)) + string(rune('a'+len(defs)/26))
		defs = append(defs, d)
	}
	s := storeOf(t, defs, Options{})
	var refs []ItemRef
	for i := range 20 {
		id := string(rune('a' + i))
		s.UpsertItem(&event.Item{ID: id, Attrs: event.Attributes{{Key: "v", Value: list("red", id)}, {Key: "w", Value: text("1, 2")}}})
		ref, _ := s.LookupItem(id)
		refs = append(refs, ref)
	}
	contexts := []event.Attributes{ // in turn: missing ones must not cost the memory that was there
		{{Key: "v", Value: text("12.5, 41.9")}, {Key: "w", Value: list("41.9", "12.5")}},
		{{Key: "v", Value: text("Mozilla/5.0 (iPhone) https://example.com/ 多少钱, 链接 great")}, {Key: "w", Value: list("a", "b")}},
		nil,
	}
	q := s.NewQuery()
	var v Vector
	turn := 0
	lists := func() {
		for _, context := range contexts {
			turn++
			q.Begin("u", context, t0+event.Time(turn))
			q.List(refs)
			q.Shared()
			for i, ref := range refs {
				q.Place(int32(i + 1))
				q.Item(&v, ref)
			}
		}
	}
	lists()
	if n := testing.AllocsPerRun(20, lists); n != 0 {
		t.Errorf("%v allocations for %d lists", n, len(contexts))
	}
}
