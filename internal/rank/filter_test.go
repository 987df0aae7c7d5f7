package rank

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

func num(x float64) event.Value       { return event.Value{Kind: event.Number, Num: x} }
func str(s string) event.Value        { return event.Value{Kind: event.String, Str: s} }
func strs(list ...string) event.Value { return event.Value{Kind: event.List, List: list} }

// shoe is the item that the filter tests look at. It has no field called gone.
var shoe = &Item{ID: "i1", Available: true, Attrs: event.Attributes{
	{Key: "brand", Value: str("Acme")},
	{Key: "categories", Value: strs("sport", "shoes")},
	{Key: "created", Value: str("2022-04-10T00:00:00Z")},
	{Key: "main category", Value: str("sport")},
	{Key: "none", Value: strs()},
	{Key: "price", Value: num(80)},
	{Key: "sale", Value: event.Value{Kind: event.Bool, Num: 1}},
	{Key: "stock", Value: num(0)},
}}

func TestFilterOverOneItem(t *testing.T) {
	for _, tc := range []struct {
		text string
		want bool
	}{
		// the contract's own example
		{`item.price < 100 && "sport" in item.categories`, true},
		{`item.price < 50 && "sport" in item.categories`, false},
		// every type of field
		{`item.price == 80`, true}, {`item.brand == "Acme"`, true}, {`item.sale`, true}, {`item.categories[-1] == "shoes"`, true},
		{`item.created >= "2022-01-01" && item.created < "2023"`, true}, {`"sport" in item.none`, false},
		{`item["main category"] == "sport"`, true}, {`item?.price == 80`, true},
		// the id is a field too
		{`item.item == "i1"`, true}, {`item.item in ["i2", "i1"]`, true}, {`item.item != "i1"`, false},
		// what an item lacks makes a comparison false
		{`item.gone < 5`, false}, {`item.gone != 5`, false}, {`not (item.gone < 5)`, true}, {`"sport" in item.gone`, false},
		{`item.gone`, false}, {`item.gone == nil`, true}, {`item.price != nil`, true}, {`(item.gone ?? 3) == 3`, true},
		// so does a field of another type
		{`item.brand < 5`, false}, {`item.price == "80"`, false}, {`item.price`, false},
		// a division by its stock of 0
		{`item.price / item.stock > 0`, false},
	} {
		f, err := CompileFilter(tc.text)
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		if got := f.Match(shoe); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.text, got, tc.want)
		}
	}
}

func TestFilterMistakesSayWhere(t *testing.T) {
	for _, tc := range []struct {
		text         string
		line, column int
		message      string
	}{
		{``, 1, 1, ``},
		{`item.price <`, 1, 12, `unexpected token`},
		{`price < 5`, 1, 1, `no "price" here: fields are written item.price`},
		{`item.price < 5 &&` + "\n" + `  color == "red"`, 2, 3, `no "color" here`},
		{`user.age < 5`, 1, 1, `no "user" here: a filter sees the item alone: fields are written item.age`},
		{`item`, 1, 1, `name a field`},
		{`item.item > 5`, 1, 11, `compares a string with a number`},
		{`"abc"`, 1, 1, `must be true or false, not a string`},
		{`item.a matches "(("`, 1, 16, `error parsing regexp`},
		{`env("HOME") == ""`, 1, 1, `no such function`},
		{`any(item.a, any(item.b, # == "x"))`, 1, 13, `inside another predicate`},
	} {
		_, err := CompileFilter(tc.text)
		var e *FilterError
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want a *FilterError", tc.text, err)
			continue
		}
		if e.Line != tc.line || e.Column != tc.column || !strings.Contains(e.Message, tc.message) {
			t.Errorf("%s: got %v, want %d:%d … %s", tc.text, e, tc.line, tc.column, tc.message)
		}
	}
}

func TestFilterErrorShowsItsPlace(t *testing.T) {
	_, err := CompileFilter("price < 5")
	if want := `filter 1:1: no "price" here: fields are written item.price`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFilterIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"long":  `item.a == "` + strings.Repeat("x", MaxFilterBytes) + `"`,
		"nodes": strings.Repeat("item.a < 1 && ", 200) + "true",
		"deep":  strings.Repeat("!", 2000) + "true",
	} {
		if _, err := CompileFilter(text); err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
	long := make([]string, 5000)
	for i := range long {
		long[i] = fmt.Sprint("tag", i)
	}
	item := &Item{ID: "big", Attrs: event.Attributes{{Key: "tags", Value: strs(long...)}}}
	for text, want := range map[string]bool{
		`"tag4999" in item.tags`:                      true,
		`any(item.tags, # == "tag4999")`:              true,
		`all(item.tags, # in item.tags)`:              false, // 25 million comparisons: cut short
		`not all(item.tags, # in item.tags)`:          false, // … and does not pass whatever is left to say
		`none(item.tags, item.tags == ["x"]) || true`: false,
	} {
		f, err := CompileFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Match(item); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func TestFilterAllocatesNothingPerItem(t *testing.T) {
	f, err := CompileFilter(`item.price * 2 < 200 && "sport" in item.categories && item.brand in ["Acme", "x"] && any(item.categories, # startsWith "sh")`)
	if err != nil {
		t.Fatal(err)
	}
	scratch := new(expression.State)
	if got := testing.AllocsPerRun(100, func() { f.match(scratch, shoe) }); got != 0 {
		t.Errorf("%v allocations per item, want none", got)
	}
}

func TestNilFilterPassesEverything(t *testing.T) {
	var f *Filter
	if !f.Match(shoe) {
		t.Error("the nil filter turned an item down")
	}
}

func TestFilterCacheKeepsTheLatest(t *testing.T) {
	cache, err := NewFilters(2)
	if err != nil {
		t.Fatal(err)
	}
	compile := func(text string) *Filter {
		f, err := cache.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	if compile("") != nil {
		t.Error("the empty text is not the nil filter")
	}
	a := compile("item.a == 1")
	compile("item.b == 1")
	if compile("item.a == 1") != a {
		t.Error("a known text was compiled again")
	}
	compile("item.c == 1") // drops b, the least recently used
	if compile("item.a == 1") != a {
		t.Error("the most recently used was dropped")
	}
	if _, err := cache.Compile("item.a =="); err == nil || cache.Len() != 2 {
		t.Errorf("got error %v and %d kept, want an error and 2", err, cache.Len())
	}
	if _, err := NewFilters(0); err == nil {
		t.Error("an empty cache was accepted")
	}
}

func TestFilterCacheIsSafeForConcurrentUse(t *testing.T) {
	cache, err := NewFilters(3)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				f, err := cache.Compile(fmt.Sprintf("item.price > %d", (g+i)%5))
				if err != nil || !f.Match(shoe) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	wg.Wait()
	if cache.Len() > 3 {
		t.Errorf("%d filters are kept, want at most 3", cache.Len())
	}
}
