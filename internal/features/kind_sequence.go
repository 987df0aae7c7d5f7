package features

import (
	"fmt"
	"math"
	"time"
)

// sequenceKinds remember what came last, or first.
func sequenceKinds() []Kind {
	entries := []Key{
		required("on", "events remembered"), required("n", "entries kept, 1–64: 24 bytes each"),
		optional("value", "what is remembered of each: `item` (the default; `value` for `values` and `mean`), `value`, a field, or an expression"),
		optional("outcomes", "event types remembered as an entry's outcome, at most 31"), scopeKey,
	}
	return []Kind{
		{
			Name: "last", Group: "Sequences",
			Doc: "The value of the newest event of `on` by event time (of equal times the one later in the log); missing where there was none. An " +
				"event that has no such value is passed over. Of a list it is the first element. With a `window` the event must be younger than that, exactly.",
			Keys: keys(required("on", "events remembered"), optional("value", "what is remembered: `value` (the default), `item`, a field, or an expression"),
				scopeKey, exactWindowKeys, ttlKey, numberKeys),
			As: []Form{
				{"auto", "a number where `value` is the event's own or an expression that is a number, else a category"},
				{"number", "as a number; an event whose value is none is passed over"},
				{"log", "ln(1+|x|) with the sign of x"}, {"sqrt", "√|x| with the sign of x"},
				{"id", "as a category"},
			},
			Example: `
- {name: room_now, kind: last, scope: user, on: enter, value: context.room}
- {name: stars, kind: last, scope: [user, "item.categories[0]"], on: rating, ttl: 30d}`,
			build: compileLast,
		},
		{
			Name: "last_k", Group: "Sequences",
			Doc: "The last `n` events of `on`, newest first by event time (of equal times the one later in the log first). With a `window`, those " +
				"of them that are younger, exactly: an entry counts while its instant lies after now − `window`. An event that has no such `value` is " +
				"passed over; of a list its first element is remembered. An event in `outcomes` marks the newest entry of its item, if that is still remembered. " +
				"Several windows share their memory.",
			Keys: keys(entries, exactWindowKeys, ttlKey, numberKeys),
			As:   sequenceForms,
			Example: `
- {name: user_last, kind: last_k, scope: user, on: exposure, outcomes: [click], n: 4, as: outcomes}
- {name: clicks_5m, kind: last_k, scope: user, on: click, n: 20, window: 5m, as: sequence}
- {name: prices, kind: last_k, scope: user, on: purchase, value: item.price, n: 8, as: values}`,
			build: func(c *compiler, d *Definition, f *feature) error { return compileSequence(c, d, f, false) },
		},
		{
			Name: "first_k", Group: "Sequences",
			Doc: "The first `n` events of `on`, oldest first by event time (of equal times the one earlier in the log first): how a user, or a session, began. " +
				"With a `window` each stays until it is as old as that, exactly, and only then makes room: an event that comes while `n` are remembered is not " +
				"remembered later, unless it is older than one of them, whose place it takes. `value`, `outcomes` and the forms are those of `last_k`.",
			Keys: keys(entries, exactWindowKeys, ttlKey, numberKeys),
			As:   sequenceForms,
			Example: `
- {name: first_clicks, kind: first_k, scope: user, on: click, n: 3, window: 1d, value: "item.categories[0]", as: sequence}`,
			build: func(c *compiler, d *Definition, f *feature) error { return compileSequence(c, d, f, true) },
		},
	}
}

var (
	// exactWindowKeys are those of kinds that keep instants, not tiles.
	exactWindowKeys = []Key{
		{Name: "window", Doc: "how old what counts may be, exactly; absent: any age"},
		{Name: "windows", Doc: "several windows: one feature `NAME_WINDOW` for each"},
	}
	sequenceForms = []Form{
		{"ids", "the set of the values"},
		{"sequence", "one category for each place: the value in the first, in the second, …"},
		{"outcomes", "one category for each place: what became of the first entry, of the second, …"},
		{"pattern", "one category for the whole sequence of outcomes"},
		{"values", "a vector of `n` numbers, one for each place; 0 where there are fewer, missing where there are none"},
		{"shares", "the distribution of the values: each of them with its share of the entries, in (0, 1]"},
		{"mean", "the mean of the values, as a number; missing where there are none"},
		{"count", "the number of entries, at most `n`"},
	}
)

// exactWindow checks the window of a kind that keeps instants.
func (c *compiler) exactWindow(d *Definition) error {
	if d.Window < 0 {
		return c.fail("window", "must be longer than 0")
	}
	return nil
}

func compileSequence(c *compiler, d *Definition, f *feature, first bool) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	if err := c.exactWindow(d); err != nil {
		return err
	}
	if d.N < 1 || d.N > 64 {
		return c.fail("n", "must be 1 to 64")
	}
	if len(d.Outcomes) > 31 {
		return c.fail("outcomes", "at most 31")
	}
	value, err := c.remembered(d)
	if err != nil {
		return err
	}
	seq := newSequence(d.N, d.Window, first)
	seq.forms(f, d)
	return c.sequence(d, f, seq, on, value)
}

// remembered compiles what a sequence keeps of each event.
func (c *compiler) remembered(d *Definition) (operand, error) {
	switch {
	case d.As == "values" || d.As == "mean":
		return c.number("value", d.Value)
	case d.Value == "":
		return target, nil
	}
	return c.operand("value", d.Value, false)
}

// sequence gives a feature the cell of its sequence.
func (c *compiler) sequence(d *Definition, f *feature, seq sequence, on selection, value operand) error {
	what := fmt.Sprint("last", on.name, d.N, d.Outcomes)
	if value.source != fromTarget {
		what += fmt.Sprint(value.name, value.numeric)
	}
	if seq.first {
		what = fmt.Sprint("first", d.Window, what)
	}
	l := seq.layout()
	return c.aggregate(d, f, l, what, func(at place) {
		c.on(on, at, l, value, func(s slot, t *touch) {
			e := entry{time: t.time, item: t.item}
			switch {
			case value.numeric:
				e.value = math.Float64bits(t.x)
			case value.source != fromTarget:
				e.value = t.category.id
			}
			seq.push(s, e)
		})
		for i, typ := range d.Outcomes {
			c.on(selection{types: []string{typ}}, at, l, target, func(s slot, t *touch) {
				seq.mark(s, t.item, uint(i))
			})
		}
	})
}

// last is the cell of the newest value: its instant | float64 bits, or the hash of a category. It is the same for all windows.
func compileLast(c *compiler, d *Definition, f *feature) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	if err := c.exactWindow(d); err != nil {
		return err
	}
	value, err := c.lastValue(d)
	if err != nil {
		return err
	}
	numeric, window := value.numeric, d.Window
	if f.numeric = numeric; numeric {
		form, ok := forms[d.As]
		if !ok {
			form = forms["raw"]
		}
		f.number = func(q *Query, f *feature) float64 {
			if s := q.cell(f.at); q.young(s, window) {
				return form(math.Float64frombits(s.w[1]))
			}
			return math.NaN()
		}
	} else {
		f.category = func(q *Query, f *feature) category {
			if s := q.cell(f.at); q.young(s, window) {
				return category{id: s.w[1]}
			}
			return category{}
		}
	}
	l := layout{words: 2}
	return c.aggregate(d, f, l, fmt.Sprint("newest", on.name, value.name, numeric), func(at place) {
		c.on(on, at, l, value, func(s slot, t *touch) {
			if uint64(t.time) < s.w[0] {
				return
			}
			if s.w[0], s.w[1] = uint64(t.time), t.category.id; numeric {
				s.w[1] = math.Float64bits(t.x)
			}
		})
	})
}

// lastValue compiles what is remembered, and decides whether it is a number.
func (c *compiler) lastValue(d *Definition) (operand, error) {
	if d.As != "auto" && d.As != "id" {
		return c.number("value", d.Value)
	}
	value, err := c.operand("value", d.Value, false)
	if err != nil || d.As == "id" {
		return value, err
	}
	if value.source == fromValue || value.source == fromFormula && value.formula.isNumber() {
		return c.number("value", d.Value)
	}
	return value, nil
}

// young reports whether a cell whose first word is an instant has one, within the window (0: any).
func (q *Query) young(s slot, window time.Duration) bool {
	return s.w != nil && s.w[0] != 0 && (window == 0 || int64(s.w[0]) > int64(q.now)-int64(window))
}
