package expression

import (
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// membership compiles `x in list`: a list written out may hold anything, one in a field holds strings, among
// which a number is looked for by its shortest decimal text, as package event writes it there.
func (c *compiler[E]) membership(n *ast.BinaryNode) condition[E] {
	x := c.operand(n.Left)
	if array, ok := n.Right.(*ast.ArrayNode); ok {
		return c.oneOf(n, x, array)
	}
	list := c.operand(n.Right)
	if list.kind == event.Number || list.kind == event.Bool {
		c.fail(n, "in needs a list on its right, not a %s: write == to compare", kindName(list.kind))
	}
	if neverIn(list.kind, x.kind) {
		c.fail(n, "in looks for a %s in a %s, which is never true", kindName(x.kind), kindName(list.kind))
	}
	return func(s *State, e *E) bool { return holds(s, list.eval(s, e), x.eval(s, e)) }
}

// neverIn reports whether no value of kind x can be in one of kind list; Null stands for any.
func neverIn(list, x event.ValueKind) bool {
	switch list {
	case event.List:
		return x == event.Bool || x == event.List
	case event.String:
		return x != event.Null && x != event.String
	}
	return false
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
	if list.Kind != event.List {
		return x.Kind != event.Null && list.Kind == x.Kind && equal(list, x)
	}
	switch x.Kind {
	case event.String:
		return s.spend(len(list.List)) && slices.Contains(list.List, x.Str)
	case event.Number:
		return s.spend(len(list.List)) && holdsNumber(list.List, x.Num)
	}
	return false
}

func holdsNumber(list []string, x float64) bool {
	var digits [32]byte
	decimal := strconv.AppendFloat(digits[:0], x, 'g', -1, 64)
	for _, s := range list {
		if s == string(decimal) {
			return true
		}
	}
	return false
}
