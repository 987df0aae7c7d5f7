package expression

import (
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

func (c *compiler[E]) equality(n *ast.BinaryNode) condition[E] {
	want := n.Operator == "=="
	if other, ok := besidesNil(n); ok {
		v := c.operand(other)
		return func(s *State, e *E) bool { return (v.eval(s, e).Kind == event.Null) == want }
	}
	l, r := c.operand(n.Left), c.operand(n.Right)
	c.same(n, l, r)
	return func(s *State, e *E) bool {
		a, b := l.eval(s, e), r.eval(s, e)
		return a.Kind == b.Kind && a.Kind != event.Null && s.spend(len(a.List)) && equal(a, b) == want
	}
}

// besidesNil returns the other side of a comparison with nil.
func besidesNil(n *ast.BinaryNode) (ast.Node, bool) {
	if _, ok := n.Right.(*ast.NilNode); ok {
		return n.Left, true
	}
	_, ok := n.Left.(*ast.NilNode)
	return n.Right, ok
}

// same refuses operands that can never be of one type.
func (c *compiler[E]) same(n *ast.BinaryNode, l, r operand[E]) {
	if l.kind != event.Null && r.kind != event.Null && l.kind != r.kind {
		c.fail(n, "%s compares a %s with a %s, which is never true%s",
			n.Operator, kindName(l.kind), kindName(r.kind), unquoted(l, r))
	}
}

// unquoted suggests to write a number without quotes where that is the mistake.
func unquoted[E any](l, r operand[E]) string {
	if l.kind == event.String {
		l, r = r, l
	}
	if l.kind != event.Number || r.lit == nil {
		return ""
	}
	if _, err := strconv.ParseFloat(r.lit.Str, 64); err != nil {
		return ""
	}
	return ": write " + r.lit.Str + " without quotes"
}

// equal compares two values of one kind.
func equal(a, b event.Value) bool {
	switch a.Kind {
	case event.Number, event.Bool:
		return a.Num == b.Num
	case event.String:
		return a.Str == b.Str
	case event.List:
		return slices.Equal(a.List, b.List)
	}
	return false
}

func (c *compiler[E]) ordering(n *ast.BinaryNode) condition[E] {
	l, r := c.operand(n.Left), c.operand(n.Right)
	c.same(n, l, r)
	for _, v := range []operand[E]{l, r} {
		switch v.kind {
		case event.Bool:
			c.fail(n, "%s cannot order a bool: compare it with == or !=", n.Operator)
		case event.List:
			c.fail(n, "%s cannot order a list: len(…) is its length", n.Operator)
		}
	}
	numbers, texts := orderings(n.Operator)
	if r.lit != nil && r.kind == event.Number {
		return bound(l, r.lit.Num, numbers)
	}
	return func(s *State, e *E) bool {
		a, b := l.eval(s, e), r.eval(s, e)
		switch {
		case a.Kind != b.Kind:
			return false
		case a.Kind == event.Number:
			return numbers(a.Num, b.Num)
		case a.Kind == event.String:
			return texts(a.Str, b.Str)
		}
		return false
	}
}

// bound compares with a number that is written out, by far the most frequent ordering.
func bound[E any](x operand[E], limit float64, numbers func(a, b float64) bool) condition[E] {
	if get := x.get; get != nil {
		return func(_ *State, e *E) bool {
			v := get(e)
			return v.Kind == event.Number && numbers(v.Num, limit)
		}
	}
	return func(s *State, e *E) bool {
		v := x.eval(s, e)
		return v.Kind == event.Number && numbers(v.Num, limit)
	}
}

func orderings(op string) (func(a, b float64) bool, func(a, b string) bool) {
	switch op {
	case "<":
		return func(a, b float64) bool { return a < b }, func(a, b string) bool { return a < b }
	case "<=":
		return func(a, b float64) bool { return a <= b }, func(a, b string) bool { return a <= b }
	case ">":
		return func(a, b float64) bool { return a > b }, func(a, b string) bool { return a > b }
	}
	return func(a, b float64) bool { return a >= b }, func(a, b string) bool { return a >= b }
}
