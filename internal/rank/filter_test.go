package rank

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"recsvc/internal/event"
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
	{Key: "sale", Value: truth(true)},
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
		// comparisons
		{`item.price == 80`, true}, {`item.price == 80.0`, true}, {`item.price != 80`, false},
		{`item.price <= 80 and item.price >= 80`, true}, {`50 < item.price`, true}, {`50 < item.price < 100`, true},
		{`item.brand == "Acme"`, true}, {`item.brand != "Acme"`, false}, {`item.brand < "B"`, true},
		{`item.created >= "2022-01-01" && item.created < "2023"`, true},
		{`item.sale`, true}, {`not item.sale`, false}, {`item.sale == true`, true}, {`!item.sale || item.stock == 0`, true},
		{`item.categories == ["sport", "shoes"]`, true}, {`item.categories == ["sport"]`, false}, {`item.categories != ["sport"]`, true},
		{`item.item == "i1"`, true}, {`item.item in ["i2", "i1"]`, true},
		{`item["main category"] == "sport"`, true}, {`item?.price == 80`, true},
		// a missing field makes a comparison false
		{`item.gone < 5`, false}, {`item.gone > 5`, false}, {`item.gone <= 5`, false}, {`item.gone >= 5`, false},
		{`item.gone == 5`, false}, {`item.gone != 5`, false}, {`item.gone == "x"`, false}, {`item.gone == item.gone`, false},
		{`item.gone != item.price`, false}, {`"sport" in item.gone`, false}, {`item.gone in ["sport"]`, false},
		{`item.gone in item.categories`, false}, {`item.gone contains "x"`, false}, {`item.gone startsWith ""`, false},
		{`item.gone endsWith ""`, false}, {`item.gone matches ".*"`, false}, {`item.gone`, false}, {`item.gone == true`, false},
		{`item.gone == false`, false}, {`item.gone[0] == "a"`, false}, {`item.categories[7] == "a"`, false},
		{`item.gone < 5 || item.price == 80`, true}, {`not (item.gone < 5)`, true}, {`"sport" not in item.gone`, true},
		{`item.gone + 1 > 0`, false}, {`item.gone * 0 == 0`, false}, {`-item.gone < 1`, false}, {`abs(item.gone) >= 0`, false},
		{`len(item.gone) >= 0`, false}, {`lower(item.gone) == ""`, false}, {`max(item.gone, 1) > 0`, false},
		{`any(item.gone, true)`, false}, {`all(item.gone, # == "x")`, true}, {`none(item.gone, true)`, true}, {`count(item.gone, true) == 0`, true},
		// … and its presence can be asked for
		{`item.gone == nil`, true}, {`item.gone != nil`, false}, {`nil == item.price`, false}, {`item.price != nil`, true},
		{`(item.gone ?? 3) == 3`, true}, {`(item.price ?? 3) == 80`, true},
		// so does a field of another type
		{`item.brand < 5`, false}, {`item.brand == 5`, false}, {`item.brand != 5`, false}, {`item.price contains "8"`, false},
		{`item.price == "80"`, false}, {`item.categories == "sport"`, false}, {`item.price`, false}, {`item.brand[0] == "A"`, false},
		{`item.brand + 1 > 0`, false}, {`item.price and true`, false},
		// lists
		{`"sport" in item.none`, false}, {`"spor" in item.categories`, false}, {`"home" not in item.categories`, true},
		{`item.categories contains "sport"`, true}, {`item.categories[0] == "sport"`, true}, {`item.categories[-1] == "shoes"`, true},
		{`item.brand in ["Acme", "Bcme"]`, true}, {`item.price in [1, 80, "x"]`, true}, {`item.price in []`, false},
		{`"sport" in item["main category"]`, true}, {`80 in item.price`, true}, {`5 in item.categories`, false},
		{`len(item.categories) == 2`, true}, {`len(item.brand) == 4`, true}, {`any(item.categories, # startsWith "sh")`, true},
		{`all(item.categories, # matches "^s")`, true}, {`none(item.categories, # == "home")`, true},
		{`one(item.categories, # == "sport")`, true}, {`count(item.categories, # contains "o") == 2`, true},
		{`item.categories | any(# == "sport")`, true}, {`any(item.categories, # in item.categories)`, true},
		// text
		{`item.brand startsWith "Ac" and item.brand endsWith "me" and item.brand contains "cm"`, true},
		{`lower(item.brand) == "acme"`, true}, {`upper(item.brand) == "ACME"`, true}, {`trim(" a ") == "a"`, true},
		{`item.brand + "!" == "Acme!"`, true}, {`item.brand matches "^A.*e$"`, true}, {`not (item.brand matches "x")`, true},
		// arithmetic
		{`item.price * 0.9 == 72`, true}, {`item.price / 2 - 1 == 39`, true}, {`item.price % 7 == 3`, true}, {`2 ** 3 == 8`, true},
		{`item.price / item.stock > 0`, false}, {`-item.price == -80`, true}, {`round(2.5) + floor(2.9) + ceil(2.1) == 8`, true},
		{`min(item.price, 3, 5) == 3 && max(1, item.price) == 80`, true},
		{`item.sale ? item.price < 100 : false`, true}, {`(item.sale ? 1 : 2) == 1`, true}, {`(item.gone ? 1 : 2) == 2`, true},
		{`true`, true}, {`false`, false}, {`1 < 2`, true},
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
		{`item`, 1, 1, `name a field`},
		{`"abc"`, 1, 1, `must be true or false, not a string`},
		{`item.price + 1`, 1, 12, `must be true or false, not a number`},
		{`1 == "1"`, 1, 3, `compares a number with a string`},
		{`item.a < true`, 1, 8, `cannot order a bool`},
		{`item.a contains 5`, 1, 8, `contains needs strings`},
		{`item.a matches item.b`, 1, 8, `quoted pattern`},
		{`item.a matches "(("`, 1, 16, `error parsing regexp`},
		{`item.a in 5`, 1, 8, `needs a list`},
		{`item.a in 1..5`, 1, 12, `.. cannot be used`},
		{`item.a.b == 1`, 1, 8, `no fields of their own`},
		{`item[item.a] == 1`, 1, 5, `must be written out`},
		{`item.a == [1]`, 1, 11, `must hold quoted strings`},
		{`now() > 1`, 1, 1, `now(…) cannot be used`},
		{`env("HOME") == ""`, 1, 1, `no such function`},
		{`item.a() == 1`, 1, 6, `no such function`},
		{`any(item.a, any(item.b, # == "x"))`, 1, 13, `inside another predicate`},
		{`any(item.price > 1, true)`, 1, 1, `needs a list, not a bool`},
		{`any(item.a, #index == 1)`, 1, 13, `only #`},
		{`let x = 1; x == 1`, 1, 5, `cannot be used in a filter`},
		{`{"a": 1} == 1`, 1, 1, `cannot be used in a filter`},
		{`map(item.a, #) == 1`, 1, 1, `map(…) cannot be used`},
		{`nil`, 1, 1, `nil can only be compared`},
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
	env := new(filterEnv)
	if got := testing.AllocsPerRun(100, func() { f.match(env, shoe) }); got != 0 {
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

func FuzzFilterNeverPanicsOrHangs(f *testing.F) {
	for _, seed := range []string{
		`item.price < 100 && "sport" in item.categories`, `any(item.tags, # matches "a+")`, `((((`, `item?.a ?? 1`,
		`all(all(all(item.a, #), #), #)`, `item.a[-1] | len() == 1`, `not not not item.a`, `a ? b : c`, "\x00", `let a = 1; a`,
		`item.a in ["x", 1, true]`, `"\u0000" + 'x'`, `1e999 < 2`, `b"x" == 1`, `item["a"]["b"]`, `-(-(-1)) ** 2 ^ 3`, `::len(item.a) > 0`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := CompileFilter(text)
		if err != nil {
			var e *FilterError
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		first := filter.Match(shoe)
		if second := filter.Match(shoe); first != second {
			t.Errorf("%q is not a function of the item", text)
		}
		filter.Match(&Item{})
	})
}
