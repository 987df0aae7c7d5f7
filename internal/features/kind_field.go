package features

// fieldKinds are what records say as they stand.
func fieldKinds() []Kind {
	return []Kind{
		{
			Name: "attribute", Group: "Fields",
			Doc: "A field as it stands, as categories or as a number. `user.id` and `item.id` are the ids, `time.hour` and `time.weekday` " +
				"(Sunday is 0) the event's, in UTC. A list gives all its elements.",
			Keys: keys(required("field", "`item.FIELD`, `item.FIELD[0]`, `user.FIELD`, `context.FIELD`, `time.hour`, `time.weekday`"), numberKeys),
			As: []Form{
				{"id", "as categories"}, {"number", "as a number; missing where it is none"}, {"log", "ln(1+|x|) with the sign of x"}, {"sqrt", "√|x| with the sign of x"},
			},
			Example: `
- {name: category, kind: attribute, field: "item.categories[0]"}
- {name: price, kind: attribute, field: item.price, as: log}`,
			build: compileAttribute,
		},
	}
}

func compileAttribute(c *compiler, d *Definition, f *feature) error {
	fl, err := parseField(d.Field)
	if err != nil {
		return c.fail("field", "%v", err)
	}
	f.field, f.byItem = c.field(fl), fl.source == fromItem
	if d.As == "id" {
		f.category = func(q *Query, f *feature) category { return q.field(f.field).category }
		return nil
	}
	form := forms[d.As]
	if d.As == "number" {
		form = forms["raw"]
	}
	f.numeric = true
	f.number = func(q *Query, f *feature) float64 { return form(q.field(f.field).num) }
	return nil
}
