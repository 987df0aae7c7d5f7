package features

import (
	"math"
	"testing"

	"recsvc/internal/event"
)

func ptr(x float64) *float64 { return &x }

func TestNumberReadsWhatIsANumber(t *testing.T) {
	def := Definition{Kind: "number", Field: "item.price"}
	with := func(d Definition, change func(*Definition)) Definition { change(&d); return d }
	checkSaid(t, []said{
		{"a number", def, scenery{item: of("price", num(80))}, 80.0},
		{"a text with a number", def, scenery{item: of("price", text("1.5e2"))}, 150.0},
		{"true", def, scenery{item: of("price", event.Value{Kind: event.Bool, Num: 1})}, 1.0},
		{"a text", def, scenery{item: of("price", text("cheap"))}, nil},
		{"a text that is no finite number", def, scenery{item: of("price", text("1e999"))}, nil},
		{"a list", def, scenery{item: of("price", list("1", "2"))}, nil},
		{"an empty list", def, scenery{item: of("price", list())}, nil},
		{"invalid UTF-8", def, scenery{item: of("price", text("\xff"))}, nil},
		{"nothing", def, scenery{}, nil},
		{"an element", Definition{Kind: "number", Field: "item.price[1]"}, scenery{item: of("price", list("1", "2"))}, 2.0},
		{"of the user", Definition{Kind: "number", Field: "user.age"}, scenery{user: of("age", num(30))}, 30.0},
		{"of the context", Definition{Kind: "number", Field: "context.n"}, scenery{context: of("n", num(-4))}, -4.0},
		{"the logarithm", with(def, func(d *Definition) { d.As = "log" }), scenery{item: of("price", num(-3))}, -math.Log(4)},
		{"the root", with(def, func(d *Definition) { d.As = "sqrt" }), scenery{item: of("price", num(9))}, 3.0},
		{"the default", with(def, func(d *Definition) { d.Default = ptr(7) }), scenery{item: of("price", text("cheap"))}, 7.0},
		{"the default before the form", with(def, func(d *Definition) { d.Default, d.As = ptr(16), "sqrt" }), scenery{}, 4.0},
		{"0 and not the default", with(def, func(d *Definition) { d.Default = ptr(7) }), scenery{item: of("price", num(0))}, 0.0},
	})
	checkMistakes(t, []mistaken{
		{Definition{Kind: "number"}, "field", "is missing: a number needs it, `item.FIELD`, `item.FIELD[0]`, `user.FIELD`, `context.FIELD`, `time.hour`, `time.weekday`"},
		{Definition{Kind: "number", Field: "price"}, "field", `"price" is not item.FIELD, user.FIELD, context.FIELD, time.hour or time.weekday`},
		{Definition{Kind: "number", Field: "item.price", Default: ptr(math.Inf(1))}, "default", "must be a finite number"},
		{Definition{Kind: "number", Field: "item.price", As: "cube"}, "as", `"cube" is none of raw, log, sqrt`},
	})
}

func TestBoolTellsTrueFromFalse(t *testing.T) {
	def := Definition{Kind: "bool", Field: "item.sale"}
	either := Definition{Kind: "bool", Field: "item.sale", Default: ptr(0)}
	checkSaid(t, []said{
		{"true", def, scenery{item: of("sale", event.Value{Kind: event.Bool, Num: 1})}, 1.0},
		{"false", def, scenery{item: of("sale", event.Value{Kind: event.Bool})}, 0.0},
		{"0", def, scenery{item: of("sale", num(0))}, 0.0},
		{"another number", def, scenery{item: of("sale", num(-2))}, 1.0},
		{"yes", def, scenery{item: of("sale", text("Yes"))}, 1.0},
		{"the text true", def, scenery{item: of("sale", text("TRUE"))}, 1.0},
		{"the text 1", def, scenery{item: of("sale", text("1"))}, 1.0},
		{"no", def, scenery{item: of("sale", text("no"))}, 0.0},
		{"the text 0", def, scenery{item: of("sale", text("0"))}, 0.0},
		{"another text", def, scenery{item: of("sale", text("maybe"))}, nil},
		{"an element", Definition{Kind: "bool", Field: "item.sale[1]"}, scenery{item: of("sale", list("no", "yes"))}, 1.0},
		{"a list", def, scenery{item: of("sale", list("true"))}, nil},
		{"nothing", def, scenery{}, nil},
		{"the default", either, scenery{item: of("sale", text("maybe"))}, 0.0},
		{"true and not the default", either, scenery{item: of("sale", text("true"))}, 1.0},
	})
	checkMistakes(t, []mistaken{
		{Definition{Kind: "bool", Field: "item.sale", Default: ptr(2)}, "default", "must be 0 or 1"},
		{Definition{Kind: "bool", Field: "time.hour"}, "field", `"time.hour" is no field to read: write item.FIELD, user.FIELD or context.FIELD`},
		{Definition{Kind: "bool", Field: "item.id"}, "field", `"item.id" is no field to read: write item.FIELD, user.FIELD or context.FIELD`},
	})
}

func TestStringsBecomeFewCategories(t *testing.T) {
	some := []string{"ios", "android", "5"}
	hot := Definition{Kind: "string", Field: "context.device", Values: some}
	index := Definition{Kind: "string", Field: "context.device", Values: some, As: "index"}
	id := Definition{Kind: "string", Field: "context.device", As: "id"}
	checkSaid(t, []said{
		{"one of the values", hot, scenery{context: of("device", text("android"))}, "android"},
		{"another", hot, scenery{context: of("device", text("fridge"))}, "other"},
		{"a number is its text", hot, scenery{context: of("device", num(5))}, "5"},
		{"each element", hot, scenery{context: of("device", list("5", "fridge", "oven", "5", "ios"))}, "5 other ios"},
		{"invalid UTF-8", hot, scenery{context: of("device", text("\xff"))}, "other"},
		{"an empty list", hot, scenery{context: of("device", list())}, nil},
		{"nothing", hot, scenery{}, nil},
		{"the place", index, scenery{context: of("device", text("android"))}, 2.0},
		{"no place", index, scenery{context: of("device", text("fridge"))}, 0.0},
		{"the first element's place", index, scenery{context: of("device", list("5", "ios"))}, 3.0},
		{"nothing has no place", index, scenery{}, nil},
		{"the text itself", id, scenery{context: of("device", text("fridge"))}, "fridge"},
		{"the elements themselves", id, scenery{context: of("device", list("a", "b"))}, "a b"},
	})
	checkMistakes(t, []mistaken{
		{Definition{Kind: "string", Field: "item.x"}, "values", "is missing: as onehot needs the texts that are told apart; as hashed and as id need none"},
		{Definition{Kind: "string", Field: "item.x", As: "index"}, "values", "is missing: as index needs the texts that are told apart; as hashed and as id need none"},
		{Definition{Kind: "string", Field: "item.x", Values: []string{"a", "b", "a"}}, "values", `"a" stands there twice`},
		{Definition{Kind: "string", Field: "item.x", Values: make([]string, 5000)}, "values", "names 5000 texts: at most 4096; as: hashed takes any number"},
		{Definition{Kind: "string", Field: "item.x", As: "id", Values: []string{"a"}}, "values", "is not read as id: leave it out, or write as: onehot"},
		{Definition{Kind: "string", Field: "item.x", As: "id", Size: 3}, "size", "is not read as id: leave it out, or write as: hashed"},
		{Definition{Kind: "string", Field: "item.x", As: "hashed"}, "size", "must lie between 2 and 16777216 buckets"},
		{Definition{Kind: "string", Field: "item.x", As: "hashed", Size: 1 << 25}, "size", "must lie between 2 and 16777216 buckets"},
		{Definition{Kind: "string", Field: "brand", As: "id"}, "field", `"brand" is no field to read: write item.FIELD, user.FIELD or context.FIELD`},
	})
}

func TestHashedStringsFillTheirBuckets(t *testing.T) {
	def := Definition{Kind: "string", Field: "context.device", As: "hashed", Size: 8}
	met := map[any]bool{}
	for i := range 200 {
		v := num(float64(i))
		a, b := saying(scenery{context: of("device", v)}.read(t, def)), saying(scenery{context: of("device", text(string(v.AppendJSON(nil))))}.read(t, def))
		if a != b {
			t.Errorf("%d as a number is in bucket %v, as a text in %v", i, a, b)
		}
		met[a] = true
	}
	if len(met) != 8 || !met["0"] || !met["7"] {
		t.Errorf("buckets %v", met)
	}
}
