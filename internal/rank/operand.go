package rank

import (
	"math"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// operand is a compiled part that has a value; a Null value is missing.
type operand struct {
	eval func(*filterEnv) event.Value
	kind event.ValueKind // of every value that is not missing; Null: not known before it runs
}

// maybe reports whether the value may be of kind k.
func (o operand) maybe(k event.ValueKind) bool { return o.kind == event.Null || o.kind == k }

// idField is the field of the flat record that holds the item's id.
const idField = "item"

func kindName(k event.ValueKind) string {
	return [...]string{"missing value", "number", "bool", "string", "list"}[k]
}

func number(x float64) event.Value {
	if math.IsNaN(x) || math.IsInf(x, 0) {
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

func constant(v event.Value) operand {
	return operand{func(*filterEnv) event.Value { return v }, v.Kind}
}

// operand compiles n as a value.
func (c *compiler) operand(n ast.Node) operand {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return constant(number(float64(n.Value)))
	case *ast.FloatNode:
		return constant(number(n.Value))
	case *ast.StringNode:
		return constant(text(n.Value))
	case *ast.ArrayNode:
		return c.list(n)
	case *ast.ChainNode: // item?.price: every access is optional here
		return c.operand(n.Node)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.PointerNode:
		return c.element(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.choice(n)
	case *ast.BuiltinNode:
		return c.call(n)
	case *ast.BoolNode:
		return c.asValue(n)
	case *ast.IdentifierNode:
		if n.Value == "item" {
			c.fail(n, "item is a record: name a field, such as item.price")
		} else {
			c.fail(n, "no %q here: fields are written item.%s", n.Value, n.Value)
		}
	case *ast.CallNode:
		c.fail(n, "no such function")
	case *ast.NilNode:
		c.fail(n, "nil can only be compared with == or !=")
	default:
		c.fail(n, "cannot be used in a filter")
	}
	return constant(event.Value{})
}

// asValue makes a bool value of a condition.
func (c *compiler) asValue(n ast.Node) operand {
	cond := c.condition(n)
	return operand{func(e *filterEnv) event.Value { return truth(cond(e)) }, event.Bool}
}

// list compiles a list of quoted strings.
func (c *compiler) list(n *ast.ArrayNode) operand {
	list := make([]string, len(n.Nodes))
	for i, elem := range n.Nodes {
		s, ok := elem.(*ast.StringNode)
		if !ok {
			c.fail(n, "a list that is not on the right of in must hold quoted strings")
			break
		}
		list[i] = s.Value
	}
	return constant(event.Value{Kind: event.List, List: list})
}

// member compiles item.field, item["field"] and list[i].
func (c *compiler) member(n *ast.MemberNode) operand {
	if root, ok := n.Node.(*ast.IdentifierNode); ok && root.Value == "item" {
		name, ok := n.Property.(*ast.StringNode)
		if !ok {
			c.fail(n, "a field's name must be written out")
			return constant(event.Value{})
		}
		return field(name.Value)
	}
	at, ok := literalIndex(n.Property)
	if !ok {
		c.fail(n, "fields have no fields of their own, only list[number]")
		return constant(event.Value{})
	}
	list := c.operand(n.Node)
	if !list.maybe(event.List) {
		c.fail(n, "a %s has no elements", kindName(list.kind))
	}
	return operand{func(e *filterEnv) event.Value { return elementOf(list.eval(e), at) }, event.String}
}

// literalIndex reads 3 or -3.
func literalIndex(n ast.Node) (int, bool) {
	sign := 1
	if u, ok := n.(*ast.UnaryNode); ok && u.Operator == "-" {
		sign, n = -1, u.Node
	}
	i, ok := n.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	return sign * i.Value, true
}

// elementOf returns list[at], counted from the end when negative, or a missing value.
func elementOf(list event.Value, at int) event.Value {
	if at < 0 {
		at += len(list.List)
	}
	if at < 0 || at >= len(list.List) {
		return event.Value{}
	}
	return text(list.List[at])
}

func field(name string) operand {
	if name == idField {
		return operand{func(e *filterEnv) event.Value { return text(e.item.ID) }, event.String}
	}
	return operand{func(e *filterEnv) event.Value {
		v, _ := e.item.Attrs.Get(name)
		return v
	}, event.Null}
}

// element compiles #.
func (c *compiler) element(n *ast.PointerNode) operand {
	if n.Name != "" || !c.inside {
		c.fail(n, "only # stands for an element")
	}
	return operand{func(e *filterEnv) event.Value { return e.elem }, event.String}
}

func (c *compiler) choice(n *ast.ConditionalNode) operand {
	cond, yes, no := c.condition(n.Cond), c.operand(n.Exp1), c.operand(n.Exp2)
	kind := yes.kind
	if no.kind != kind {
		kind = event.Null
	}
	return operand{func(e *filterEnv) event.Value {
		if cond(e) {
			return yes.eval(e)
		}
		return no.eval(e)
	}, kind}
}
