package expression

import (
	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// condition compiles n as something true or false. A value that is not a bool counts as false.
func (c *compiler[E]) condition(n ast.Node) condition[E] {
	switch n := n.(type) {
	case *ast.BoolNode:
		return func(*State, *E) bool { return n.Value }
	case *ast.UnaryNode:
		if isNot(n) {
			inner := c.condition(n.Node)
			return func(s *State, e *E) bool { return !inner(s, e) }
		}
	case *ast.BinaryNode:
		if cond := c.binaryCondition(n); cond != nil {
			return cond
		}
	case *ast.ConditionalNode:
		cond, yes, no := c.condition(n.Cond), c.condition(n.Exp1), c.condition(n.Exp2)
		return func(s *State, e *E) bool {
			if cond(s, e) {
				return yes(s, e)
			}
			return no(s, e)
		}
	}
	v := c.operand(n)
	if v.cond != nil {
		return v.cond
	}
	if !v.maybe(event.Bool) {
		c.fail(n, "must be true or false, not a %s%s", kindName(v.kind), insteadOfBool(v.kind))
	}
	return func(s *State, e *E) bool {
		got := v.eval(s, e)
		return got.Kind == event.Bool && got.Num != 0
	}
}

func isNot(n *ast.UnaryNode) bool { return n.Operator == "!" || n.Operator == "not" }

// insteadOfBool says how a value of another kind is made a condition.
func insteadOfBool(k event.ValueKind) string {
	switch k {
	case event.Number:
		return `: compare it, as in … > 0`
	case event.String:
		return `: compare it, as in … == "a"`
	case event.List:
		return `: ask what is in it, as in "a" in …`
	}
	return ""
}

// insteadOfNumber says how a value of another kind is made a number.
func insteadOfNumber(k event.ValueKind) string {
	switch k {
	case event.Bool:
		return `: write (… ? 1 : 0)`
	case event.String, event.List:
		return `: len(…) is its length`
	}
	return ""
}

// binaryCondition compiles operators that yield true or false; nil: n is not one.
func (c *compiler[E]) binaryCondition(n *ast.BinaryNode) condition[E] {
	switch n.Operator {
	case "and", "&&":
		l, r := c.condition(n.Left), c.condition(n.Right)
		return func(s *State, e *E) bool { return l(s, e) && r(s, e) }
	case "or", "||":
		l, r := c.condition(n.Left), c.condition(n.Right)
		return func(s *State, e *E) bool { return l(s, e) || r(s, e) }
	case "==", "!=":
		return c.equality(n)
	case "<", "<=", ">", ">=":
		return c.ordering(n)
	case "in":
		return c.membership(n)
	case "contains", "startsWith", "endsWith":
		return c.textual(n)
	case "matches":
		return c.pattern(n)
	}
	return nil
}

// isCondition reports whether op yields true or false.
func isCondition(op string) bool {
	switch op {
	case "and", "&&", "or", "||", "==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches":
		return true
	}
	return false
}
