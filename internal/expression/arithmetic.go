package expression

import (
	"math"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

func (c *compiler[E]) unary(n *ast.UnaryNode) operand[E] {
	if isNot(n) {
		return c.asValue(n)
	}
	x := c.numeric(n.Node)
	if n.Operator != "-" {
		return mapNumber(x, func(v float64) float64 { return v })
	}
	if x.lit != nil {
		return constant[E](number(-x.lit.Num))
	}
	return mapNumber(x, func(v float64) float64 { return -v })
}

// numeric compiles n as a number.
func (c *compiler[E]) numeric(n ast.Node) operand[E] {
	x := c.operand(n)
	if !x.maybe(event.Number) {
		c.fail(n, "must be a number, not a %s%s", kindName(x.kind), insteadOfNumber(x.kind))
	}
	return x
}

// binary compiles arithmetic, the joining of strings, and ??.
func (c *compiler[E]) binary(n *ast.BinaryNode) operand[E] {
	switch n.Operator {
	case "??":
		return c.coalesce(n)
	case "+":
		return c.plus(n)
	}
	if op := arithmetic(n.Operator); op != nil {
		return mapNumbers(c.numeric(n.Left), c.numeric(n.Right), op)
	}
	if isCondition(n.Operator) {
		return c.asValue(n)
	}
	c.fail(n, "%s cannot be used in an expression", n.Operator)
	return missing[E]()
}

func arithmetic(op string) func(a, b float64) float64 {
	switch op {
	case "-":
		return func(a, b float64) float64 { return a - b }
	case "*":
		return func(a, b float64) float64 { return a * b }
	case "/":
		return func(a, b float64) float64 { return a / b }
	case "%":
		return math.Mod
	case "**", "^":
		return math.Pow
	}
	return nil
}

// mapNumber applies f where x is a number; else the result is missing.
func mapNumber[E any](x operand[E], f func(float64) float64) operand[E] {
	return operand[E]{
		eval: func(s *State, e *E) event.Value {
			v := x.eval(s, e)
			if v.Kind != event.Number {
				return event.Value{}
			}
			return number(f(v.Num))
		},
		kind: event.Number,
	}
}

// mapNumbers applies op where both operands are numbers; else the result is missing.
func mapNumbers[E any](l, r operand[E], op func(a, b float64) float64) operand[E] {
	return operand[E]{
		eval: func(s *State, e *E) event.Value {
			a, b := l.eval(s, e), r.eval(s, e)
			if a.Kind != event.Number || b.Kind != event.Number {
				return event.Value{}
			}
			return number(op(a.Num, b.Num))
		},
		kind: event.Number,
	}
}

func (c *compiler[E]) coalesce(n *ast.BinaryNode) operand[E] {
	l, r := c.operand(n.Left), c.operand(n.Right)
	return operand[E]{
		eval: func(s *State, e *E) event.Value {
			if v := l.eval(s, e); v.Kind != event.Null {
				return v
			}
			return r.eval(s, e)
		},
		kind: common(l, r),
	}
}

// plus adds numbers and joins strings.
func (c *compiler[E]) plus(n *ast.BinaryNode) operand[E] {
	l, r := c.operand(n.Left), c.operand(n.Right)
	kind := l.kind
	if kind == event.Null {
		kind = r.kind
	}
	if kind == event.Bool || kind == event.List || !l.maybe(kind) || !r.maybe(kind) {
		c.fail(n, "+ needs two numbers or two strings, not a %s", kinds(l, r))
	}
	return operand[E]{
		eval: func(s *State, e *E) event.Value {
			a, b := l.eval(s, e), r.eval(s, e)
			switch {
			case a.Kind == event.Number && b.Kind == event.Number:
				return number(a.Num + b.Num)
			case a.Kind == event.String && b.Kind == event.String && s.spendText(len(a.Str)+len(b.Str)):
				return text(a.Str + b.Str)
			}
			return event.Value{}
		},
		kind: kind,
	}
}
