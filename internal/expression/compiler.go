package expression

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"recsvc/internal/event"
)

// compiler turns a syntax tree into closures. It keeps the first error; what it returns after one is
// never run.
type compiler[E any] struct {
	names     Names[E]
	functions map[string]Function
	fields    map[string]operand[E] // that were resolved, by their name in Fields
	err       *file.Error
	inside    bool // a predicate, where # has a meaning
}

func (c *compiler[E]) fail(n ast.Node, format string, args ...any) {
	if c.err == nil {
		c.err = &file.Error{Location: n.Location(), Message: fmt.Sprintf(format, args...)}
	}
}

// condition is a compiled part that is true or false.
type condition[E any] func(*State, *E) bool

// operand is a compiled part that has a value; a Null value is missing.
type operand[E any] struct {
	eval func(*State, *E) event.Value
	kind event.ValueKind      // of every value that is not missing; Null: not known before it runs
	cond condition[E]         // the same as a condition, where it was one
	get  func(*E) event.Value // the same, where it is a field
	lit  *event.Value         // what was written out
}

// maybe reports whether the value may be of kind k.
func (o operand[E]) maybe(k event.ValueKind) bool { return o.kind == event.Null || o.kind == k }

func kindName(k event.ValueKind) string {
	return [...]string{"missing value", "number", "bool", "string", "list"}[k]
}

// kinds names the types of two operands, as far as they are known; at least one is.
func kinds[E any](l, r operand[E]) string {
	switch event.Null {
	case l.kind:
		return kindName(r.kind)
	case r.kind:
		return kindName(l.kind)
	}
	return kindName(l.kind) + " and a " + kindName(r.kind)
}

func number(x float64) event.Value {
	if !finite(x) {
		return event.Value{} // nothing that can be compared
	}
	return event.Value{Kind: event.Number, Num: x}
}

func text(s string) event.Value { return event.Value{Kind: event.String, Str: s} }

func truth(b bool) event.Value {
	v := event.Value{Kind: event.Bool}
	if b {
		v.Num = 1
	}
	return v
}

func constant[E any](v event.Value) operand[E] {
	return operand[E]{eval: func(*State, *E) event.Value { return v }, kind: v.Kind, lit: &v}
}

// missing is what the compiler returns after a mistake.
func missing[E any]() operand[E] {
	return operand[E]{eval: func(*State, *E) event.Value { return event.Value{} }}
}

func ofCondition[E any](cond condition[E]) operand[E] {
	return operand[E]{
		eval: func(s *State, e *E) event.Value { return truth(cond(s, e)) },
		kind: event.Bool,
		cond: cond,
	}
}

// field resolves a name that stands at n.
func (c *compiler[E]) field(n ast.Node, root, key string) operand[E] {
	name := key
	if root != "" {
		name = root + "." + key
	}
	if known, ok := c.fields[name]; ok {
		return known
	}
	f, err := c.names(root, key)
	if err != nil {
		c.fail(n, "%v", err)
		return missing[E]()
	}
	get := f.Get
	if c.fields == nil {
		c.fields = make(map[string]operand[E])
	}
	c.fields[name] = operand[E]{eval: func(_ *State, e *E) event.Value { return get(e) }, kind: f.Kind, get: get}
	return c.fields[name]
}
