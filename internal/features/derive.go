package features

import (
	"math"

	"recsvc/internal/event"
)

// deriver makes something of a field's value, once where a record comes in or a list begins and never for each candidate: tokens, a
// vector, a place. What it returns keeps nothing of v; buf has memory that it may use, and leave there for the next time.
type deriver func(v event.Value, buf *fieldValue) fieldValue

// read takes what the i-th field asks for out of a flat map; buf is memory for it.
func (p *program) read(i int, attrs event.Attributes, buf *fieldValue) fieldValue {
	f := &p.fields[i]
	if f.form != formDerived {
		return f.read(attrs, buf.list)
	}
	if v, ok := f.value(attrs); ok {
		return p.derived[f.n](v, buf)
	}
	return missing
}

// keep is read for an entity, which keeps what it is given.
func (p *program) keep(i int, attrs event.Attributes) fieldValue {
	if p.fields[i].form != formDerived {
		return p.fields[i].read(attrs, nil)
	}
	return p.read(i, attrs, new(fieldValue))
}

// value is the field as it stands in a flat map, or the element that it names of a list.
func (f field) value(attrs event.Attributes) (event.Value, bool) {
	v, ok := attrs.Get(f.key)
	switch {
	case !ok || f.index < 0 || v.Kind != event.List:
		return v, ok && f.index <= 0
	case f.index >= len(v.List):
		return v, false
	}
	return event.Value{Kind: event.String, Str: v.List[f.index]}, true
}

// derived enters a field that read makes something of. what says what it makes, and of which parameters: equal ones are shared.
func (c *compiler) derived(f field, what string, read deriver) int {
	n, ok := c.derivers[what]
	if !ok {
		n = len(c.p.derived)
		c.derivers[what] = n
		c.p.derived = append(c.p.derived, read)
	}
	f.form, f.n = formDerived, n
	return c.field(f)
}

// attribute parses the name of a field of a record or of the context: something to derive from, and so no id.
func (c *compiler) attribute(key, name string) (field, error) {
	f, err := parseField(name)
	if err != nil || f.source > fromContext || f.source != fromContext && f.key == "id" {
		return f, c.fail(key, "%q is no field to read: write item.FIELD, user.FIELD or context.FIELD", name)
	}
	return f, nil
}

// whole is attribute for what may be a list, all of which is read.
func (c *compiler) whole(key, name string) (field, error) {
	f, err := c.attribute(key, name)
	if err == nil && f.index >= 0 {
		return f, c.fail(key, "%q is one element: name the whole list, without [%d]", name, f.index)
	}
	return f, err
}

// spell notes the text of a category that the definition makes.
func (c *compiler) spell(text string) (id uint64) {
	id = hashString(text)
	c.p.texts[id] = text
	return id
}

// derivedNumber is a number made of a field; NaN: missing.
func derivedNumber(x float64) fieldValue {
	if x != x || math.IsInf(x, 0) {
		return missing
	}
	return fieldValue{category: category{id: 1}, num: x}
}

// finite refuses a number of a definition that is none.
func (c *compiler) finite(key string, x *float64) error {
	if x != nil && (math.IsNaN(*x) || math.IsInf(*x, 0)) {
		return c.fail(key, "must be a finite number")
	}
	return nil
}
