package features

import "math"

// listKinds look at the list that an item stands in.
func listKinds() []Kind {
	const captured = "Such a value is another one when a list is made, of all its candidates, than when what was served is captured, of the list itself: " +
		"the scores of both are not compared."
	return []Kind{
		{
			Name: "position", Group: "List",
			Doc: "The position, from 1, at which the item was shown: what a click owes to the place and not to the item. It is known when what was served or shown is " +
				"captured (missing of an exposure without one); when a list is made, all candidates have the constant `serve` instead. " + captured,
			Keys: keys(optional("serve", "the position that all candidates have when a list is made; 1"), numberKeys),
			As:   numberForms,
			Example: `
- {name: position, kind: position, as: log}`,
			build: compilePosition,
		},
		{
			Name: "random", Group: "List",
			Doc: "A number in [0, 1), uniform, that user, item and instant decide: the same in a replay, and of no use to a model but as the yardstick that a useful " +
				"feature must beat.",
			Keys: keys(numberKeys),
			Example: `
- {name: noise, kind: random}`,
			build: compileRandom,
		},
		{
			Name: "list_size", Group: "List",
			Doc:  "How many items the list has: candidates when it is made, those served when it is captured. Missing where an exposure belongs to no list. " + captured,
			Keys: keys(numberKeys),
			As:   numberForms,
			Example: `
- {name: list_size, kind: list_size, as: log}`,
			build: compileListSize,
		},
		{
			Name: "diversity", Group: "List",
			Doc:  "How far the item differs from the rest of the list in a field. Missing where the item lacks it, stands in no list or alone in one. " + captured,
			Keys: keys(required("field", "`item.FIELD` or `item.FIELD[0]`"), numberKeys),
			As: []Form{
				{"share", "of the others, the share that has none of the item's categories, in [0, 1]"},
				{"difference", "the item's number minus the mean of the others that have one"},
			},
			Example: `
- {name: new_in_list, kind: diversity, field: item.categories}
- {name: dearer_than_list, kind: diversity, field: item.price, as: difference}`,
			build: compileDiversity,
		},
	}
}

func compilePosition(c *compiler, d *Definition, f *feature) error {
	serve := d.Serve
	if serve == 0 {
		serve = 1
	}
	if !(serve > 0) || math.IsInf(serve, 0) {
		return c.fail("serve", "must be a position, 1 or more")
	}
	form := forms[d.As]
	f.numeric, f.byItem, f.listed = true, true, true
	f.number = func(q *Query, _ *feature) float64 {
		switch q.place {
		case serving:
			return form(serve)
		case 0:
			return math.NaN()
		}
		return form(float64(q.place))
	}
	return nil
}

func compileRandom(_ *compiler, _ *Definition, f *feature) error {
	f.numeric, f.byItem = true, true
	f.number = func(q *Query, f *feature) float64 {
		h := join(join(join(f.seed, q.hash), q.item.hash), uint64(q.now))
		return float64(h>>11) / (1 << 53)
	}
	return nil
}

func compileListSize(_ *compiler, d *Definition, f *feature) error {
	form := forms[d.As]
	f.numeric, f.listed = true, true
	f.number = func(q *Query, _ *feature) float64 {
		if len(q.refs) == 0 {
			return math.NaN()
		}
		return form(float64(len(q.refs)))
	}
	return nil
}

func compileDiversity(c *compiler, d *Definition, f *feature) error {
	fl, err := c.attribute("field", d.Field)
	if err != nil || fl.source != fromItem {
		return c.fail("field", "%q is no field of items, which alone differ within a list: write item.FIELD", d.Field)
	}
	table := c.p.tables
	c.p.tables++
	f.field, f.byItem, f.listed, f.numeric = c.field(fl), true, true, true
	differ := map[string]func(*listTable, *fieldValue, int, int) float64{"share": (*listTable).share, "difference": (*listTable).difference}[d.As]
	f.number = func(q *Query, f *feature) float64 {
		own := q.field(f.field)
		if own.id == 0 || len(q.refs) == 0 {
			return math.NaN()
		}
		at, others := q.standing(), len(q.refs)
		if at >= 0 {
			others--
		}
		if others == 0 {
			return math.NaN()
		}
		return differ(q.table(table, f.field), own, at, others)
	}
	return nil
}

// share is how many of the others, of whom there are some, have none of the item's categories.
func (t *listTable) share(own *fieldValue, at, others int) float64 {
	return float64(others-t.sharing(own.category, at)) / float64(others)
}

// difference is the item's number minus the mean of the others that have one.
func (t *listTable) difference(own *fieldValue, at, _ int) float64 {
	sum, n := t.sum, t.n
	if at >= 0 && t.numbers[at] == t.numbers[at] {
		sum, n = sum-t.numbers[at], n-1
	}
	if n == 0 {
		return math.NaN()
	}
	if d := own.num - sum/float64(n); !math.IsInf(d, 0) {
		return d
	}
	return math.NaN()
}
