package features

import (
	"math"
	"strings"

	"recsvc/internal/event"
)

// operand is where an aggregate takes what it adds up or remembers from each event.
type operand struct {
	source  operandSource
	field   int        // fromField
	formula *eventExpr // fromFormula
	numeric bool       // the category is not asked for
	name    string     // canonical, for telling cells apart
}

type operandSource uint8

const (
	fromNothing operandSource = iota // 1
	fromValue                        // the event's value
	fromField                        // of the context, the item or the user
	fromTarget                       // the item itself
	fromPerson                       // the user itself
	fromFormula                      // computed
)

var (
	one    = operand{source: fromNothing, numeric: true, name: "1"} // of what only counts
	target = operand{source: fromTarget, name: "item"}              // of what remembers items
)

// touch is one event as the aggregates see it, with the operand of the one at hand.
type touch struct {
	q    *Query // stands at the event's user, item and context
	e    *event.Event
	time event.Time
	item ItemRef // NoItem: the event names none

	x        float64 // the operand as a number, finite; NaN: it is none
	category         // the operand as a category; of a list, each element
}

// take reads the operand for an event; ok is false where the event does not say.
func (o *operand) take(t *touch) (ok bool) {
	t.category = category{}
	switch o.source {
	case fromNothing:
		t.x = 1
		return true
	case fromValue:
		if t.x = t.e.Value; !t.e.HasValue || math.IsInf(t.x, 0) || t.x != t.x {
			return false
		}
		if !o.numeric {
			t.category.id = hashNumber(t.x)
		}
		return true
	case fromField:
		v := t.q.field(o.field)
		t.x, t.category = v.num, v.category
		return v.id != 0 && (!o.numeric || t.x == t.x)
	case fromTarget:
		t.x = math.NaN()
		if t.item != NoItem {
			t.category.id = t.q.item.hash
		}
		return t.item != NoItem
	case fromPerson:
		t.x, t.category.id = math.NaN(), t.q.hash
		return t.q.hash != 0
	}
	if o.numeric {
		t.x, ok = o.formula.number(t)
		return ok
	}
	v := scalar(o.formula.x.Value(&t.q.state, t))
	t.x, t.category = v.num, v.category
	return v.id != 0
}

// number compiles what must be a number: the event's value where nothing is said, a field, or a formula.
func (c *compiler) number(key, text string) (operand, error) {
	o, err := c.operand(key, text, true)
	if err == nil && (o.source == fromTarget || o.source == fromPerson) {
		err = c.fail(key, "%q is no number: name a field or an expression, such as item.price", text)
	}
	return o, err
}

// inFormulae are the characters that tell a formula, such as "item.price * value", from the name of a field.
const inFormulae = " \t\r\n+*/%^()<>=!&|?:,;\"'`"

// operand compiles what events are asked for; numeric when the category of it does not matter.
func (c *compiler) operand(key, text string, numeric bool) (operand, error) {
	switch text {
	case "", "value":
		return operand{source: fromValue, numeric: numeric, name: "value"}, nil
	case "item", "item.id":
		return target, nil
	case "user", "user.id":
		return operand{source: fromPerson, name: "user"}, nil
	}
	if f, err := parseField(text); err == nil && f.source != fromTime && !strings.ContainsAny(text, inFormulae) {
		i := c.field(f)
		return operand{source: fromField, field: i, numeric: numeric, name: c.fieldName(i)}, nil
	}
	x, err := c.formula(key, text, numeric)
	if err != nil {
		return operand{}, err
	}
	return operand{source: fromFormula, formula: x, numeric: numeric, name: "= " + text}, nil
}
