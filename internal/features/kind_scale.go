package features

import (
	"cmp"
	"math"
)

// scaleKinds bring numbers to a common size.
func scaleKinds() []Kind {
	return []Kind{{
		Name: "scale", Group: "Derived",
		Doc: "A number brought to a common size: with `min` and `max`, (x − min)/(max − min), held within 0 and 1; with `mean` and `deviation`, the standard score " +
			"(x − mean)/deviation. Missing where its input is. It reads its input after `as`, before `shift` and `scale`.",
		Keys: keys(required("inputs", "one feature (`input`) declared above"), optional("min", "becomes 0"), optional("max", "becomes 1; above `min`"),
			optional("mean", "becomes 0"), optional("deviation", "becomes 1; above 0")),
		Example: `
- {name: price, kind: number, field: item.price}
- {name: price_scaled, kind: scale, input: price, min: 0, max: 500}
- {name: price_score, kind: scale, input: price, mean: 80, deviation: 35}`,
		build: compileScale,
	}}
}

func compileScale(c *compiler, d *Definition, f *feature) error {
	if len(d.Inputs) != 1 {
		return c.fail("inputs", "scale takes one feature, not %d", len(d.Inputs))
	}
	in, err := c.numericInput("inputs", d.Inputs[0])
	if err != nil {
		return err
	}
	if err := cmp.Or(c.finite("min", d.Min), c.finite("max", d.Max), c.finite("mean", d.Mean)); err != nil {
		return err
	}
	f.inputs, f.numeric = []int{in}, true
	if d.Min != nil || d.Max != nil {
		return c.scaleWithin(d, f)
	}
	switch {
	case d.Mean == nil && d.Deviation == 0:
		return c.fail("kind", "scale needs min and max, or mean and deviation")
	case d.Mean == nil:
		return c.fail("mean", "is missing beside deviation")
	case !(d.Deviation > 0) || math.IsInf(d.Deviation, 0):
		return c.fail("deviation", "must be above 0")
	}
	mean, deviation := *d.Mean, d.Deviation
	f.number = func(q *Query, f *feature) float64 { return (q.nums[f.inputs[0]] - mean) / deviation }
	return nil
}

func (c *compiler) scaleWithin(d *Definition, f *feature) error {
	switch {
	case d.Mean != nil:
		return c.fail("mean", "min and max, or mean and deviation: not both")
	case d.Deviation != 0:
		return c.fail("deviation", "min and max, or mean and deviation: not both")
	case d.Min == nil:
		return c.fail("min", "is missing beside max")
	case d.Max == nil:
		return c.fail("max", "is missing beside min")
	case *d.Max <= *d.Min || math.IsInf(*d.Max-*d.Min, 0):
		return c.fail("max", "must be above min")
	}
	low, span := *d.Min, *d.Max-*d.Min
	f.number = func(q *Query, f *feature) float64 {
		x := (q.nums[f.inputs[0]] - low) / span
		if x != x {
			return x
		}
		return min(max(x, 0), 1)
	}
	return nil
}
