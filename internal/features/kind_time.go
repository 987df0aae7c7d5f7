package features

import (
	"fmt"
	"math"
	"strings"
)

// timeKinds measure how long ago something was.
func timeKinds() []Kind {
	return []Kind{
		{
			Name: "time_since", Group: "Time",
			Doc:  "Seconds since the last event of `on`; missing when there was none.",
			Keys: keys(required("on", "events that are waited for"), scopeKey, ttlKey, numberKeys),
			As:   numberForms,
			Example: `
- {name: user_gap, kind: time_since, scope: user, on: exposure, as: log}`,
			build: compileTimeSince,
		},
		{
			Name: "age", Group: "Time",
			Doc:  "Seconds since the instant in `field`, RFC 3339 or Unix milliseconds; 0 when it lies ahead, missing when there is none.",
			Keys: keys(optional("field", "`item.FIELD`, `user.FIELD` or `context.FIELD`; `item.created`"), numberKeys),
			As:   numberForms,
			Example: `
- {name: account_age, kind: age, field: user.created, as: log}`,
			build: compileAge,
		},
		{
			Name: "item_age", Group: "Time",
			Doc:  "Seconds since the item came to be: `age` of `item.created`. 0 when that lies ahead, missing when the item does not say.",
			Keys: keys(optional("field", "`item.FIELD` with the instant, RFC 3339 or Unix milliseconds; `item.created`"), numberKeys),
			As:   numberForms,
			Example: `
- {name: item_age, kind: item_age, as: log}`,
			build: compileItemAge,
		},
	}
}

func compileTimeSince(c *compiler, d *Definition, f *feature) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	form := forms[d.As]
	f.numeric = true
	f.number = func(q *Query, f *feature) float64 {
		s := q.cell(f.at)
		if s.w == nil || s.w[0] == 0 {
			return math.NaN()
		}
		return form(max(0, float64(int64(q.now)-int64(s.w[0]))/1e9))
	}
	l := layout{words: 1}
	return c.aggregate(d, f, l, fmt.Sprint("time", on.name), func(at place) {
		c.on(on, at, l, one, func(s slot, t *touch) { s.w[0] = max(s.w[0], uint64(t.time)) })
	})
}

func compileItemAge(c *compiler, d *Definition, f *feature) error {
	if d.Field != "" && !strings.HasPrefix(d.Field, "item.") {
		return c.fail("field", "%q is no field of items: write item.FIELD, or kind: age", d.Field)
	}
	return compileAge(c, d, f)
}

func compileAge(c *compiler, d *Definition, f *feature) error {
	name := d.Field
	if name == "" {
		name = "item.created"
	}
	fl, err := parseField(name)
	if err != nil || fl.source == fromTime {
		return c.fail("field", "%q is not item.FIELD, user.FIELD or context.FIELD with an RFC 3339 time", name)
	}
	fl.form = formInstant
	form := forms[d.As]
	f.field, f.numeric, f.byItem = c.field(fl), true, fl.source == fromItem
	f.number = func(q *Query, f *feature) float64 {
		created := q.field(f.field).num
		return form(max(0, float64(q.now)/1e9-created))
	}
	return nil
}
