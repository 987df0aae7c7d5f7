package expression

import (
	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// operand compiles n as a value.
func (c *compiler[E]) operand(n ast.Node) operand[E] {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return constant[E](number(float64(n.Value)))
	case *ast.FloatNode:
		return constant[E](number(n.Value))
	case *ast.StringNode:
		return constant[E](text(n.Value))
	case *ast.BoolNode:
		x, v := c.asValue(n), truth(n.Value)
		x.lit = &v
		return x
	case *ast.ArrayNode:
		return c.list(n)
	case *ast.ChainNode: // item?.price: every access is optional here
		return c.operand(n.Node)
	case *ast.IdentifierNode:
		return c.field(n, "", n.Value)
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
		return c.builtin(n)
	case *ast.CallNode:
		return c.call(n)
	case *ast.NilNode:
		c.fail(n, "nil can only be compared with == or !=")
	default:
		c.fail(n, "cannot be used in an expression")
	}
	return missing[E]()
}

// asValue makes a bool value of a condition.
func (c *compiler[E]) asValue(n ast.Node) operand[E] { return ofCondition(c.condition(n)) }

// list compiles a list of quoted strings.
func (c *compiler[E]) list(n *ast.ArrayNode) operand[E] {
	list := make([]string, len(n.Nodes))
	for i, elem := range n.Nodes {
		s, ok := elem.(*ast.StringNode)
		if !ok {
			c.fail(n, "a list that is not on the right of in must hold quoted strings")
			break
		}
		list[i] = s.Value
	}
	return constant[E](event.Value{Kind: event.List, List: list})
}

// member compiles root.key, root["key"], root.a.b and list[i].
func (c *compiler[E]) member(n *ast.MemberNode) operand[E] {
	at, isIndex := literalIndex(n.Property)
	if root, key, ok := path(n); ok {
		return c.field(root, root.Value, key)
	}
	if !isIndex {
		if root, ok := n.Node.(*ast.IdentifierNode); ok {
			c.fail(n, `a field's name must be written out, as in %s["name"], an element's place as a number`, root.Value)
		} else {
			c.fail(n, "an element has no fields, and its place is written as a number: list[0]")
		}
		return missing[E]()
	}
	list := c.operand(n.Node)
	if !list.maybe(event.List) {
		c.fail(n, "a %s has no elements", kindName(list.kind))
	}
	return operand[E]{
		eval: func(s *State, e *E) event.Value { return elementOf(list.eval(s, e), at) },
		kind: event.String,
	}
}

// path reads root.key, root["key"] and root.a.b, which is the field of the flat record whose name is a.b.
func path(n *ast.MemberNode) (root *ast.IdentifierNode, key string, ok bool) {
	last, ok := n.Property.(*ast.StringNode)
	if !ok {
		return nil, "", false
	}
	switch inner := n.Node.(type) {
	case *ast.IdentifierNode:
		return inner, last.Value, true
	case *ast.MemberNode:
		if root, key, ok = path(inner); ok {
			return root, key + "." + last.Value, true
		}
	}
	return nil, "", false
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

// element compiles #.
func (c *compiler[E]) element(n *ast.PointerNode) operand[E] {
	if n.Name != "" || !c.inside {
		c.fail(n, "only # stands for an element")
	}
	return operand[E]{eval: func(s *State, _ *E) event.Value { return text(s.elem) }, kind: event.String}
}

func (c *compiler[E]) choice(n *ast.ConditionalNode) operand[E] {
	cond, yes, no := c.condition(n.Cond), c.operand(n.Exp1), c.operand(n.Exp2)
	return operand[E]{
		eval: func(s *State, e *E) event.Value {
			if cond(s, e) {
				return yes.eval(s, e)
			}
			return no.eval(s, e)
		},
		kind: common(yes, no),
	}
}

// common returns the type that two operands share, or Null.
func common[E any](a, b operand[E]) event.ValueKind {
	if a.kind != b.kind {
		return event.Null
	}
	return a.kind
}
