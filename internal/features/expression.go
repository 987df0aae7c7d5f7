package features

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

// eventExpr is a formula over an event, its context, and its item and user as they stand at that place in the log.
type eventExpr struct {
	x *expression.Expression[touch]
}

// eventNames are the bare names of an event's own fields.
var eventNames = map[string]expression.Field[touch]{
	"type":       {Kind: event.String, Get: func(t *touch) event.Value { return textValue(t.e.Type) }},
	"value":      {Kind: event.Number, Get: func(t *touch) event.Value { return presentNumber(t.e.Value, t.e.HasValue) }},
	"text":       {Kind: event.String, Get: func(t *touch) event.Value { return textValue(t.e.Text) }},
	"session":    {Kind: event.String, Get: func(t *touch) event.Value { return textValue(t.e.Session) }},
	"request":    {Kind: event.String, Get: func(t *touch) event.Value { return textValue(t.e.Request) }},
	"position":   {Kind: event.Number, Get: func(t *touch) event.Value { return presentNumber(float64(t.e.Position), t.e.Position > 0) }},
	"item":       {Kind: event.String, Get: itemID},
	"user":       {Kind: event.String, Get: func(t *touch) event.Value { return textValue(t.e.User) }},
	"propensity": {Kind: event.Number, Get: func(t *touch) event.Value { return presentNumber(t.e.Propensity, t.e.Propensity > 0) }},
	"hour":       {Kind: event.Number, Get: func(t *touch) event.Value { return presentNumber(hourOf(t.time), true) }},
	"weekday":    {Kind: event.Number, Get: func(t *touch) event.Value { return presentNumber(weekdayOf(t.time), true) }},
}

func textValue(s string) event.Value {
	if s == "" {
		return event.Value{}
	}
	return event.Value{Kind: event.String, Str: s}
}

func presentNumber(x float64, present bool) event.Value {
	if !present {
		return event.Value{}
	}
	return event.Value{Kind: event.Number, Num: x}
}

// resolve finds what a name in an expression over events stands for.
func (c *compiler) resolve(root, key string) (expression.Field[touch], error) {
	switch root {
	case "":
		if f, ok := eventNames[key]; ok {
			return f, nil
		}
		return expression.Field[touch]{}, fmt.Errorf("no %q here: an event has %s, and item.FIELD, user.FIELD and context.FIELD", key, eventNameList())
	case "item":
		if key == "id" || key == "item" {
			return expression.Field[touch]{Kind: event.String, Get: itemID}, nil
		}
		return expression.Field[touch]{Get: func(t *touch) event.Value { return itemValue(t, key) }}, nil
	case "context":
		return expression.Field[touch]{Get: func(t *touch) event.Value { v, _ := t.q.context.Get(key); return v }}, nil
	case "user":
		if key == "id" || key == "user" {
			return expression.Field[touch]{Kind: event.String, Get: func(t *touch) event.Value { return textValue(t.e.User) }}, nil
		}
		i := c.field(field{source: fromUser, key: key, index: -1, form: formRaw})
		return expression.Field[touch]{Get: func(t *touch) event.Value { return t.q.raw(i) }}, nil
	}
	return expression.Field[touch]{}, fmt.Errorf("no %q here: fields are written item.%s, user.%s or context.%s", root, key, key, key)
}

func eventNameList() string {
	var names []string
	for name := range eventNames {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func itemID(t *touch) event.Value { return textValue(t.e.Item) }

func itemValue(t *touch, key string) event.Value {
	if t.q.item == nil {
		return event.Value{}
	}
	v, _ := t.q.item.Attrs.Get(key)
	return v
}

// raw is a user's field as it stands in the record.
func (q *Query) raw(i int) event.Value {
	if v := q.field(i).raw; v != nil {
		return *v
	}
	return event.Value{}
}

func (c *compiler) options() expression.Options {
	return expression.Options{Functions: c.textFunctions()}
}

// condition compiles a formula over an event that is true or false.
func (c *compiler) condition(key, text string) (*eventExpr, error) {
	x, err := expression.CompileCondition(text, c.resolve, c.options())
	return c.compiled(key, x, err)
}

// formula compiles a formula over an event with any value, or (numeric) one that is a number.
func (c *compiler) formula(key, text string, numeric bool) (*eventExpr, error) {
	if numeric {
		x, err := expression.CompileNumber(text, c.resolve, c.options())
		return c.compiled(key, x, err)
	}
	x, err := expression.Compile(text, c.resolve, c.options())
	return c.compiled(key, x, err)
}

func (c *compiler) compiled(key string, x *expression.Expression[touch], err error) (*eventExpr, error) {
	if err != nil {
		return nil, c.textError(key, err)
	}
	return &eventExpr{x}, nil
}

// textError gives an error in an expression its place in the definition.
func (c *compiler) textError(key string, err error) error {
	var e *expression.Error
	if errors.As(err, &e) {
		return c.failAt(key, e.Line, e.Column, e.Message)
	}
	return c.fail(key, "%v", err)
}

// holds reports whether the event meets the condition.
func (x *eventExpr) holds(t *touch) bool { return x.x.True(&t.q.state, t) }

// number is the formula's value; ok is false when it has none.
func (x *eventExpr) number(t *touch) (float64, bool) { return x.x.Number(&t.q.state, t) }

// isNumber reports whether the formula has numbers for values, as far as that can be told when it is compiled.
func (x *eventExpr) isNumber() bool { return x.x.Kind() == event.Number }

// readsContext reports whether the formula, which may be nil, reads the context.
func (x *eventExpr) readsContext() bool {
	return x != nil && slices.ContainsFunc(x.x.Fields(), func(name string) bool { return strings.HasPrefix(name, "context.") })
}

// featureFormula compiles a number over the features declared above: their names, and nothing else.
func (c *compiler) featureFormula(key, text string) (x *expression.Expression[Query], inputs []int, err error) {
	names := func(root, name string) (expression.Field[Query], error) {
		if root != "" {
			return expression.Field[Query]{}, fmt.Errorf("%s.%s is a field: declare a feature for it above, and use its name", root, name)
		}
		i, ok := c.byName[name]
		if !ok {
			return expression.Field[Query]{}, errors.New(c.notAbove(name))
		}
		if !c.p.feats[i].numeric {
			return expression.Field[Query]{}, fmt.Errorf("feature %q is not a number", name)
		}
		inputs = append(inputs, i)
		return expression.Field[Query]{Kind: event.Number, Get: func(q *Query) event.Value {
			return presentNumber(q.nums[i], !math.IsNaN(q.nums[i]) && !math.IsInf(q.nums[i], 0))
		}}, nil
	}
	x, err = expression.CompileNumber(text, names, expression.Options{})
	if err != nil {
		return nil, nil, c.textError(key, err)
	}
	return x, inputs, nil
}
