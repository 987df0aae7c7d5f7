package features

import (
	"fmt"
	"math"
	"slices"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

// vectorKinds read a list of numbers.
func vectorKinds() []Kind {
	return []Kind{{
		Name: "vector", Group: "Fields",
		Doc: "A field with several numbers: a list of them, or a text such as `0.1, 0.2` with brackets or without. All of them, each with a weight of its own in " +
			"the model, or (`reduce`) one number made of them. A vector of another length than `size`, of more than 1,024 numbers, or with something else " +
			"among them is missing. It is parsed once for each record, to numbers of 32 bits.",
		Keys: keys(required("field", "`item.FIELD`, `user.FIELD` or `context.FIELD`"),
			optional("size", "how many numbers there are, at most 1,024; needed unless `reduce` is given, which then takes any length"),
			optional("reduce", "`none` (the default): all of them; `norm` (the square root of the sum of squares), `mean`, `sum`, `min`, `max`, `first`, `last`: one number"),
			numberKeys),
		As: numberForms,
		Example: `
- {name: embedding, kind: vector, field: item.embedding, size: 16}
- {name: embedding_norm, kind: vector, field: item.embedding, reduce: norm}`,
		build: compileVector,
	}}
}

// reducers make one number of those of a vector, which is not empty.
var reducers = map[string]func([]float32) float64{
	"norm": func(v []float32) float64 {
		squares := 0.0
		for _, x := range v {
			squares += float64(float64(x) * float64(x))
		}
		return math.Sqrt(squares)
	},
	"sum":   sumOf,
	"mean":  func(v []float32) float64 { return sumOf(v) / float64(len(v)) },
	"min":   func(v []float32) float64 { return float64(slices.Min(v)) },
	"max":   func(v []float32) float64 { return float64(slices.Max(v)) },
	"first": func(v []float32) float64 { return float64(v[0]) },
	"last":  func(v []float32) float64 { return float64(v[len(v)-1]) },
}

func sumOf(v []float32) (sum float64) {
	for _, x := range v {
		sum += float64(x)
	}
	return sum
}

func compileVector(c *compiler, d *Definition, f *feature) error {
	fl, err := c.whole("field", d.Field)
	if err != nil {
		return err
	}
	f.byItem = fl.source == fromItem
	reduce, one := reducers[d.Reduce]
	dense := d.Reduce == "" || d.Reduce == "none"
	switch {
	case !one && !dense:
		return c.fail("reduce", "%q is none of none, norm, mean, sum, min, max, first, last", d.Reduce)
	case dense && d.Size == 0:
		return c.fail("size", "is missing: say how many numbers the vector has, or make one of them with reduce")
	case d.Size < 0 || d.Size > lexical.MaxVector:
		return c.fail("size", "must lie between 1 and %d", lexical.MaxVector)
	case dense && d.As != "raw":
		return c.fail("as", "%s is for one number: leave it out, or make one with reduce", d.As)
	case one:
		f.field = c.derived(fl, fmt.Sprint("vector ", d.Size, d.Reduce), func(v event.Value, buf *fieldValue) fieldValue {
			vector, ok := parseVector(v, d.Size, buf.weights)
			if !ok {
				return missing
			}
			buf.weights = vector
			return derivedNumber(reduce(vector))
		})
		return c.numberOf(d, f)
	}
	size, ids := d.Size, make([]uint64, d.Size)
	for i := range ids {
		ids[i] = placeID(i)
	}
	f.weighted, f.dense = true, true
	f.field = c.derived(fl, fmt.Sprint("vector ", size), func(v event.Value, buf *fieldValue) fieldValue {
		vector, ok := parseVector(v, size, buf.weights)
		if !ok {
			return missing
		}
		return fieldValue{category: category{id: ids[0], weights: vector}, num: math.NaN()}
	})
	f.category = func(q *Query, f *feature) category {
		v := q.field(f.field)
		if v.id == 0 {
			return category{}
		}
		return category{id: v.id, list: ids, weights: v.weights}
	}
	return nil
}

// parseVector reads the numbers of a value, which must be so many; size 0: any number.
func parseVector(v event.Value, size int, buf []float32) (vector []float32, ok bool) {
	switch v.Kind {
	case event.String:
		vector, ok = lexical.ParseVector(buf[:0], v.Str)
	case event.List:
		vector, ok = lexical.ParseVectorList(buf[:0], v.List)
	case event.Number:
		x := float32(v.Num)
		vector, ok = append(buf[:0], x), !math.IsInf(float64(x), 0)
	}
	return vector, ok && (size == 0 || len(vector) == size)
}
