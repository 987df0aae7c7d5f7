package expression

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// membership compiles `x in list`: a list written out may hold anything, one in a field holds strings.
func (c *compiler[E]) membership(n *ast.BinaryNode) condition[E] {
	x := c.operand(n.Left)
	if array, ok := n.Right.(*ast.ArrayNode); ok {
		return c.oneOf(n, x, array)
	}
	list := c.operand(n.Right)
	if list.kind == event.Number || list.kind == event.Bool {
		c.fail(n, "in needs a list on its right, not a %s: write == to compare", kindName(list.kind))
	}
	if list.kind != event.Null && !x.maybe(event.String) {
		c.fail(n, "in looks for a %s among strings, which is never true", kindName(x.kind))
	}
	return func(s *State, e *E) bool { return holds(s, list.eval(s, e), x.eval(s, e)) }
}

func (c *compiler[E]) oneOf(n *ast.BinaryNode, x operand[E], array *ast.ArrayNode) condition[E] {
	elems := make([]operand[E], len(array.Nodes))
	possible := len(elems) == 0
	for i, n := range array.Nodes {
		elems[i] = c.operand(n)
		possible = possible || x.kind == event.Null || elems[i].maybe(x.kind)
	}
	if !possible {
		c.fail(n, "in looks for a %s in a list that holds none, which is never true%s",
			kindName(x.kind), unquoted(x, elems[0]))
	}
	return func(s *State, e *E) bool {
		v := x.eval(s, e)
		if v.Kind == event.Null {
			return false
		}
		for _, elem := range elems {
			if w := elem.eval(s, e); w.Kind == v.Kind && equal(w, v) {
				return true
			}
		}
		return false
	}
}

// holds reports whether x is in list; a single value is a list of one.
func holds(s *State, list, x event.Value) bool {
	switch {
	case x.Kind == event.Null:
		return false
	case list.Kind == event.List:
		return x.Kind == event.String && s.spend(len(list.List)) && slices.Contains(list.List, x.Str)
	}
	return list.Kind == x.Kind && equal(list, x)
}
