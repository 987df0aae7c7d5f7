package expression

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"recsvc/internal/event"
)

func num(x float64) event.Value       { return event.Value{Kind: event.Number, Num: x} }
func str(s string) event.Value        { return event.Value{Kind: event.String, Str: s} }
func strs(list ...string) event.Value { return event.Value{Kind: event.List, List: list} }

// visit is what the expressions of these tests run over.
type visit struct {
	value event.Value
	user  string
	tags  []string
	item  event.Attributes
}

// visitNames knows `value`, a number, `user`, a string, `tags`, a list, and the fields of item, of any type.
func visitNames(root, key string) (Field[visit], error) {
	switch {
	case root == "item":
		return Field[visit]{Get: func(v *visit) event.Value {
			out, _ := v.item.Get(key)
			return out
		}}, nil
	case root != "":
		return Field[visit]{}, fmt.Errorf("no %q here: there are item.…, tags, user and value", root)
	}
	switch key {
	case "value":
		return Field[visit]{Kind: event.Number, Get: func(v *visit) event.Value { return v.value }}, nil
	case "user":
		return Field[visit]{Kind: event.String, Get: func(v *visit) event.Value { return str(v.user) }}, nil
	case "tags":
		return Field[visit]{Kind: event.List, Get: func(v *visit) event.Value { return strs(v.tags...) }}, nil
	}
	return Field[visit]{}, fmt.Errorf("no %q here: there are item.…, tags, user and value", key)
}

// shoe has no field called gone.
var shoe = &visit{value: num(42), user: "ann", tags: []string{"new", "red"}, item: event.Attributes{
	{Key: "brand", Value: str("Acme")},
	{Key: "categories", Value: strs("sport", "shoes")},
	{Key: "created", Value: str("2022-04-10T00:00:00Z")},
	{Key: "main category", Value: str("sport")},
	{Key: "none", Value: strs()},
	{Key: "price", Value: num(80)},
	{Key: "sale", Value: truth(true)},
	{Key: "sizes", Value: strs("0", "36", "36.5")},
	{Key: "stock", Value: num(0)},
}}

func TestConditions(t *testing.T) {
	for _, tc := range []struct {
		text string
		want bool
	}{
		{`value > 30 && item.price < 100`, true}, {`value > 30 && "home" in item.categories`, false},
		{`user == "ann" and "red" in tags`, true}, {`tags[0] == "new"`, true}, {`tags[-1] == "red"`, true},
		// comparisons
		{`item.price == 80`, true}, {`item.price == 80.0`, true}, {`item.price != 80`, false},
		{`item.price <= 80 and item.price >= 80`, true}, {`50 < item.price`, true}, {`50 < item.price < 100`, true},
		{`item.brand == "Acme"`, true}, {`item.brand != "Acme"`, false}, {`item.brand < "B"`, true},
		{`item.created >= "2022-01-01" && item.created < "2023"`, true},
		{`item.sale`, true}, {`not item.sale`, false}, {`item.sale == true`, true}, {`!item.sale || item.stock == 0`, true},
		{`item.categories == ["sport", "shoes"]`, true}, {`item.categories == ["sport"]`, false}, {`item.categories != ["sport"]`, true},
		{`item["main category"] == "sport"`, true}, {`item?.price == 80`, true},
		// a missing field makes a comparison false
		{`item.gone < 5`, false}, {`item.gone > 5`, false}, {`item.gone <= 5`, false}, {`item.gone >= 5`, false},
		{`5 < item.gone`, false}, {`item.gone == 5`, false}, {`item.gone != 5`, false}, {`item.gone == "x"`, false},
		{`item.gone == item.gone`, false}, {`item.gone < item.gone`, false},
		{`item.gone != item.price`, false}, {`"sport" in item.gone`, false}, {`item.gone in ["sport"]`, false},
		{`item.gone in item.categories`, false}, {`item.gone contains "x"`, false}, {`item.gone startsWith ""`, false},
		{`item.gone endsWith ""`, false}, {`item.gone matches ".*"`, false}, {`item.gone`, false}, {`item.gone == true`, false},
		{`item.gone == false`, false}, {`item.gone[0] == "a"`, false}, {`item.categories[7] == "a"`, false},
		{`item.gone < 5 || item.price == 80`, true}, {`not (item.gone < 5)`, true}, {`"sport" not in item.gone`, true},
		{`item.gone + 1 > 0`, false}, {`item.gone * 0 == 0`, false}, {`-item.gone < 1`, false}, {`abs(item.gone) >= 0`, false},
		{`len(item.gone) >= 0`, false}, {`lower(item.gone) == ""`, false}, {`max(item.gone, 1) > 0`, false},
		{`clamp(item.gone, 0, 1) >= 0`, false}, {`sigmoid(item.gone) >= 0`, false},
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
		{`"sport" in item["main category"]`, true}, {`80 in item.price`, true}, {`item.price in item.categories`, false},
		{`36 in item.sizes`, true}, {`36.5 in item.sizes`, true}, {`37 in item.sizes`, false}, {`"36" in item.sizes`, true},
		{`item.stock in item.sizes`, true}, {`36 not in item.sizes`, false}, {`item.sale in item.sizes`, false},
		{`item.sizes contains 36`, true}, {`item.sizes contains 37`, false}, {`item.brand contains item.price`, false},
		{`len(item.categories) == 2`, true}, {`len(item.brand) == 4`, true}, {`any(item.categories, # startsWith "sh")`, true},
		{`all(item.categories, # matches "^s")`, true}, {`none(item.categories, # == "home")`, true},
		{`one(item.categories, # == "sport")`, true}, {`count(item.categories, # contains "o") == 2`, true},
		{`item.categories | any(# == "sport")`, true}, {`any(item.categories, # in item.categories)`, true},
		// text
		{`item.brand startsWith "Ac" and item.brand endsWith "me" and item.brand contains "cm"`, true},
		{`lower(item.brand) == "acme"`, true}, {`upper(item.brand) == "ACME"`, true}, {`trim(" a ") == "a"`, true},
		{`item.brand + "!" == "Acme!"`, true}, {`item.brand matches "^A.*e$"`, true}, {`not (item.brand matches "x")`, true},
		{`user contains "nn"`, true}, {`len("多少钱") == 3`, true},
		// arithmetic
		{`item.price * 0.9 == 72`, true}, {`item.price / 2 - 1 == 39`, true}, {`item.price % 7 == 3`, true}, {`2 ** 3 == 8`, true},
		{`item.price / item.stock > 0`, false}, {`-item.price == -80`, true}, {`round(2.5) + floor(2.9) + ceil(2.1) == 8`, true},
		{`min(item.price, 3, 5) == 3 && max(1, item.price) == 80`, true},
		{`item.sale ? item.price < 100 : false`, true}, {`(item.sale ? 1 : 2) == 1`, true}, {`(item.gone ? 1 : 2) == 2`, true},
		{`true`, true}, {`false`, false}, {`1 < 2`, true},
	} {
		x, err := CompileCondition(tc.text, visitNames, Options{})
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		if got := x.True(new(State), shoe); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.text, got, tc.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	missing := math.NaN()
	for _, tc := range []struct {
		text string
		want float64
	}{
		{`value`, 42}, {`value * 2 + 1`, 85}, {`2 ** 10`, 1024}, {`2 ^ 0.5`, math.Sqrt2}, {`+value`, 42},
		{`log(1)`, 0}, {`log(exp(2))`, 2}, {`log1p(0)`, 0}, {`exp(0)`, 1}, {`sqrt(16)`, 4}, {`abs(-3)`, 3},
		{`sigmoid(0)`, 0.5}, {`sigmoid(1000)`, 1}, {`sigmoid(-1000)`, 0},
		{`clamp(value, 0, 10)`, 10}, {`clamp(-5, 0, 10)`, 0}, {`clamp(5, 0, 10)`, 5}, {`clamp(5, 7, value)`, 7},
		{`item.gone ?? 7`, 7}, {`value > 30 ? 1 : 0`, 1}, {`len(tags)`, 2}, {`count(tags, # == "red")`, 1},
		{`value > 30`, 1}, {`value > 50`, 0}, {`item.sale`, 1}, // true and false count
		{`value | log1p()`, math.Log1p(42)},
		// what has no finite value is missing, and so is all that is computed from it
		{`log(0)`, missing}, {`log(-1)`, missing}, {`sqrt(-1)`, missing}, {`exp(1000)`, missing}, {`value / 0`, missing},
		{`0 / 0`, missing}, {`value % 0`, missing}, {`(-8) ** 0.5`, missing}, {`min(1, log(0))`, missing}, {`exp(exp(1000) * 0)`, missing},
		{`clamp(5, value, 10)`, missing}, // nothing lies between 42 and 10
		{`item.gone`, missing}, {`item.gone * 2`, missing}, {`item.brand`, missing}, {`item.brand + 1`, missing}, {`item.categories`, missing},
		{`log(0) ?? 3`, 3},
	} {
		x, err := CompileNumber(tc.text, visitNames, Options{})
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		got, ok := x.Number(new(State), shoe)
		if ok != !math.IsNaN(tc.want) || ok && math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%s: got %v %v, want %v", tc.text, got, ok, tc.want)
		}
	}
}

func TestValuesKeepTheirType(t *testing.T) {
	for _, tc := range []struct {
		text string
		kind event.ValueKind // as far as it is known when compiling
		want event.Value
	}{
		{`value`, event.Number, num(42)},
		{`user`, event.String, str("ann")},
		{`tags`, event.List, strs("new", "red")},
		{`item.categories`, event.Null, strs("sport", "shoes")},
		{`item.brand`, event.Null, str("Acme")},
		{`item.gone`, event.Null, event.Value{}},
		{`upper(item.brand)`, event.String, str("ACME")},
		{`user + "/" + item.brand`, event.String, str("ann/Acme")},
		{`item.price + 1`, event.Number, num(81)},
		{`item.price + item.stock`, event.Null, num(80)},
		{`value > 1`, event.Bool, truth(true)},
		{`not item.sale`, event.Bool, truth(false)},
		{`true`, event.Bool, truth(true)},
		{`value > 1 ? "many" : "few"`, event.String, str("many")},
		{`value > 1 ? "many" : 3`, event.Null, str("many")},
		{`item.gone ?? "none"`, event.Null, str("none")},
		{`["a", "b"]`, event.List, strs("a", "b")},
		{`["a", "b"][1]`, event.String, str("b")},
	} {
		x, err := Compile(tc.text, visitNames, Options{})
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		got := x.Value(new(State), shoe)
		if x.Kind() != tc.kind || got.Kind != tc.want.Kind || got.Kind != event.Null && !equal(got, tc.want) {
			t.Errorf("%s: got %+v of kind %v, want %+v of %v", tc.text, got, x.Kind(), tc.want, tc.kind)
		}
	}
}

func TestAConditionIsFalseOfWhatIsNoBool(t *testing.T) {
	for text, want := range map[string]bool{`value`: false, `user`: false, `item.sale`: true, `value > 1`: true, `item.gone ?? true`: true} {
		x, err := Compile(text, visitNames, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := x.True(new(State), shoe); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func TestFieldsAreTheNamesThatAreRead(t *testing.T) {
	asked := 0
	names := func(root, key string) (Field[visit], error) {
		asked++
		return visitNames(root, key)
	}
	x, err := Compile(`value > 1 && item.price < value && item["main category"] in tags || item?.price == 3`, names, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := x.Fields(), []string{"item.main category", "item.price", "tags", "value"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if asked != 4 {
		t.Errorf("names were asked for %d times, want once each", asked)
	}
}

func TestWhatAFieldYieldsIsNeverInfiniteOutside(t *testing.T) {
	broken := &visit{value: num(math.Inf(1))}
	x, err := Compile(`value`, visitNames, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := x.Number(new(State), broken); ok {
		t.Errorf("got the number %v", got)
	}
	if got := x.Value(new(State), broken); got.Kind != event.Null {
		t.Errorf("got %+v, want a missing value", got)
	}
}

func TestExpressionsAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"long":      `item.a == "` + strings.Repeat("x", 4096) + `"`,
		"nodes":     strings.Repeat("item.a < 1 && ", 200) + "true",
		"deep":      strings.Repeat("!", 2000) + "true",
		"brackets":  strings.Repeat("(", 4000),
		"range":     `1 in 1..1000000000`,
		"repeat":    `repeat("a", 1000000000) == ""`,
		"nested":    `any(tags, any(tags, any(tags, true)))`,
		"recursive": `let f = 1; f`,
	} {
		var mistake *Error
		if _, err := CompileCondition(text, visitNames, Options{}); !errors.As(err, &mistake) {
			t.Errorf("%s: got %v, want an *Error", name, err)
		}
	}
	if _, err := Compile(`value + 1`, visitNames, Options{MaxNodes: 2}); err == nil || !strings.Contains(err.Error(), "more than 2 parts") {
		t.Errorf("got %v, want three parts refused", err)
	}
	if _, err := Compile(`value + 1`, visitNames, Options{MaxBytes: 8}); err == nil || !strings.Contains(err.Error(), "at most 8") {
		t.Errorf("got %v, want nine bytes refused", err)
	}
}

func TestTooManyStepsMakeAResultMissing(t *testing.T) {
	long := make([]string, 5000)
	for i := range long {
		long[i] = fmt.Sprint("tag", i)
	}
	big := &visit{tags: long}
	for text, want := range map[string]bool{
		`"tag4999" in tags`:                 true,
		`any(tags, # == "tag4999")`:         true,
		`all(tags, # in tags)`:              false, // 25 million comparisons: cut short
		`not all(tags, # in tags)`:          false, // … and not true whatever is left to say
		`none(tags, tags == ["x"]) || true`: false,
	} {
		x, err := CompileCondition(text, visitNames, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := new(State)
		if got := x.True(s, big); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
		_, number := x.Number(s, big)
		if value := x.Value(s, big).Kind != event.Null; number != want || value != want {
			t.Errorf("%s: got a number: %v, a value: %v; want %v", text, number, value, want)
		}
		if small := x.Value(s, shoe); small.Kind != event.Bool {
			t.Errorf("%s: the next evaluation is missing too", text)
		}
	}
}

func TestEvaluatingAllocatesNothing(t *testing.T) {
	s := new(State)
	for _, text := range []string{
		`value > 30 && item.price < 100`,
		`item.price * 2 < 200 && "sport" in item.categories && item.brand in ["Acme", "x"] && 36 in item.sizes && any(item.categories, # startsWith "sh")`,
		`log1p(clamp(value, 0, 100)) / 3 + (item.gone ?? 1) ** 2 > sigmoid(-item.price)`,
		`lower(item["main category"]) matches "^sp" && len(user) == 3 && words(item.created) == 1 && phrase(item.brand, "cm", "x")`,
	} {
		x, err := CompileCondition(text, visitNames, Options{Functions: extras})
		if err != nil {
			t.Fatal(err)
		}
		if !x.True(s, shoe) {
			t.Errorf("%s is not true: it was not evaluated to its end", text)
		}
		if got := testing.AllocsPerRun(100, func() { x.True(s, shoe); x.Number(s, shoe); x.Value(s, shoe) }); got != 0 {
			t.Errorf("%s: %v allocations, want none", text, got)
		}
	}
}

func TestOneExpressionServesManyGoroutines(t *testing.T) {
	x, err := CompileCondition(`any(tags, # == user) && count(tags, # startsWith "u") == 3`, visitNames, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			var s State
			for i := range 500 {
				v := &visit{user: fmt.Sprint("u", (g+i)%5), tags: []string{"u0", "u1", "u2"}}
				if got, want := x.True(&s, v), (g+i)%5 < 3; got != want {
					t.Errorf("%s: got %v", v.user, got)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzCompileNeverPanicsOrHangs(f *testing.F) {
	for _, seed := range []string{
		`value > 30 && item.price < 100`, `any(item.tags, # matches "a+")`, `((((`, `item?.a ?? 1`,
		`all(all(all(item.a, #), #), #)`, `item.a[-1] | len() == 1`, `not not not item.a`, `a ? b : c`, "\x00", `let a = 1; a`,
		`item.a in ["x", 1, true]`, `"\u0000" + 'x'`, `1e999 < 2`, `b"x" == 1`, `item["a"]["b"]`, `-(-(-1)) ** 2 ^ 3`, `::len(item.a) > 0`,
		`phrase(user, "a", 1)`, `clamp(value, 2, 1)`, `words()`, `user | words()`, `sigmoid(log(-value))`, `tags[0][1]`, `value.x[0].y`, `if(true, 1, 2)`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := Compile(text, visitNames, Options{Functions: extras})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 || e.Message == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		s := new(State)
		for _, v := range []*visit{shoe, {}} {
			first := x.Value(s, v)
			if first.Kind != event.Null && x.Kind() != event.Null && first.Kind != x.Kind() {
				t.Errorf("%q yields %+v, which is not of kind %v", text, first, x.Kind())
			}
			if second := x.Value(s, v); second.Kind != first.Kind || first.Kind != event.Null && !equal(first, second) {
				t.Errorf("%q is not a function of what it reads", text)
			}
			if !finite(first.Num) {
				t.Errorf("%q yields %v", text, first.Num)
			}
		}
	})
}
