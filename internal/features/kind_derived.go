package features

import (
	"math"
	"slices"
)

// derivedKinds are made of features declared above them.
func derivedKinds() []Kind {
	return []Kind{
		{
			Name: "bucketize", Group: "Derived",
			Doc: "The bucket that a number falls into, as a category. With bounds b₁ < b₂ < …, bucket i holds bᵢ ≤ x < bᵢ₊₁; without, there " +
				"is one bucket for each power of `base` that 1+|x| reaches.",
			Keys: keys(required("inputs", "one feature (`input`) declared above"), optional("buckets", "ascending bounds, or `log2`"),
				optional("base", "of buckets without bounds; 2")),
			Example: `
- {name: price, kind: attribute, field: item.price, as: number}
- {name: price_bucket, kind: bucketize, input: price, buckets: [5, 10, 20, 50, 100]}`,
			build: compileBucketize,
		},
		{
			Name: "cross", Group: "Derived",
			Doc: "The combination of two or more categories, as a category. Lists are combined element by element, up to 64 combinations; " +
				"one missing input makes it missing.",
			Keys: keys(required("inputs", "two or more features declared above, none of them a number")),
			Example: `
- {name: device, kind: attribute, field: context.device}
- {name: category, kind: attribute, field: "item.categories[0]"}
- {name: device_x_category, kind: cross, inputs: [device, category]}`,
			build: compileCross,
		},
		{
			Name: "expr", Group: "Derived",
			Doc: "A formula over numbers declared above, by their names; missing where one that it needs is missing. " +
				"See [expressions.md](expressions.md).",
			Keys: keys(required("expr", "the formula"), numberKeys),
			As:   numberForms,
			Example: `
- {name: price, kind: attribute, field: item.price, as: number}
- {name: user_price, kind: mean, scope: user, on: click, value: item.price, window: 1d, slide: 1h}
- {name: price_ratio, kind: expr, expr: "log(price / (user_price ?? price))"}`,
			build: compileExpr,
		},
	}
}

func compileExpr(c *compiler, d *Definition, f *feature) error {
	x, inputs, err := c.featureFormula("expr", d.Expr)
	if err != nil {
		return err
	}
	for _, in := range inputs {
		f.byItem = f.byItem || c.p.feats[in].byItem
	}
	form := forms[d.As]
	f.inputs, f.numeric = inputs, true
	f.number = func(q *Query, _ *feature) float64 {
		v, ok := x.Number(&q.state, q)
		if !ok {
			return math.NaN()
		}
		return form(v)
	}
	return nil
}

func compileBucketize(c *compiler, d *Definition, f *feature) error {
	if len(d.Inputs) != 1 {
		return c.fail("inputs", "bucketize takes one feature")
	}
	in, err := c.numericInput("inputs", d.Inputs[0])
	if err != nil {
		return err
	}
	for i, b := range d.Buckets {
		if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= d.Buckets[i-1] {
			return c.fail("buckets", "must be finite and ascend")
		}
	}
	base := d.Base
	if base == 0 {
		base = 2
	}
	if base <= 1 || math.IsInf(base, 0) {
		return c.fail("base", "must be greater than 1")
	}
	inverse, bounds := 1/math.Log(base), slices.Clone(d.Buckets)
	f.inputs, f.byItem = []int{in}, c.p.feats[in].byItem
	f.category = func(q *Query, f *feature) category {
		x := q.nums[f.inputs[0]]
		if math.IsNaN(x) {
			return category{}
		}
		var b int
		if len(bounds) > 0 {
			b, _ = slices.BinarySearch(bounds, math.Nextafter(x, math.Inf(1)))
		} else {
			b = int(math.Floor(signedLog(x) * inverse))
		}
		return category{id: mix(uint64(b) + 0x51)}
	}
	return nil
}

func compileCross(c *compiler, d *Definition, f *feature) error {
	if len(d.Inputs) < 2 {
		return c.fail("inputs", "a cross takes two or more features")
	}
	for _, name := range d.Inputs {
		in, err := c.input("inputs", name)
		if err != nil {
			return err
		}
		if c.p.feats[in].numeric {
			return c.fail("inputs", "%q is a number: bucketize it first", name)
		}
		f.inputs = append(f.inputs, in)
		f.byItem = f.byItem || c.p.feats[in].byItem
	}
	f.category = evalCross
	return nil
}

// evalCross combines every element of the first list with every one of the others; missing inputs make it missing.
func evalCross(q *Query, f *feature) category {
	id, lists := uint64(len(f.inputs)), false
	for _, in := range f.inputs {
		v := &q.cats[in]
		if v.id == 0 {
			return category{}
		}
		lists = lists || len(v.list) > 0
		id = join(id, v.id)
	}
	if !lists {
		return category{id: id}
	}
	start := len(q.ids)
	q.ids = append(q.ids, uint64(len(f.inputs)))
	for _, in := range f.inputs {
		from, n := start, len(q.ids)
		v := &q.cats[in]
		elems := v.list
		if len(elems) == 0 {
			elems = []uint64{v.id}
		}
		for _, e := range elems {
			for _, prefix := range q.ids[from:n] {
				if len(q.ids)-n < maxCross {
					q.ids = append(q.ids, join(prefix, e))
				}
			}
		}
		start = n
	}
	return q.listFrom(start)
}

// maxCross bounds how many categories one cross of lists makes.
const maxCross = 64
