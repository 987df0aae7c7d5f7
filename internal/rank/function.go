package rank

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

func (c *compiler) unary(n *ast.UnaryNode) operand {
	if n.Operator == "!" || n.Operator == "not" {
		return c.asValue(n)
	}
	sign := 1.0
	if n.Operator == "-" {
		sign = -1
	}
	x := c.numeric(n.Node)
	return operand{func(e *filterEnv) event.Value {
		v := x.eval(e)
		if v.Kind != event.Number {
			return event.Value{}
		}
		return number(sign * v.Num)
	}, event.Number}
}

// numeric compiles n as a number.
func (c *compiler) numeric(n ast.Node) operand {
	x := c.operand(n)
	if !x.maybe(event.Number) {
		c.fail(n, "must be a number, not a %s", kindName(x.kind))
	}
	return x
}

// binary compiles arithmetic, the joining of strings, and ??.
func (c *compiler) binary(n *ast.BinaryNode) operand {
	switch n.Operator {
	case "??":
		return c.coalesce(n)
	case "+":
		return c.plus(n)
	}
	if op := arithmetic(n.Operator); op != nil {
		return numbers2(c.numeric(n.Left), c.numeric(n.Right), op)
	}
	if isCondition(n.Operator) {
		return c.asValue(n)
	}
	c.fail(n, "%s cannot be used in a filter", n.Operator)
	return constant(event.Value{})
}

// isCondition reports whether op yields true or false.
func isCondition(op string) bool {
	switch op {
	case "and", "&&", "or", "||", "==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches":
		return true
	}
	return false
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

// numbers2 applies op where both operands are numbers; else the result is missing.
func numbers2(l, r operand, op func(a, b float64) float64) operand {
	return operand{func(e *filterEnv) event.Value {
		a, b := l.eval(e), r.eval(e)
		if a.Kind != event.Number || b.Kind != event.Number {
			return event.Value{}
		}
		return number(op(a.Num, b.Num))
	}, event.Number}
}

func (c *compiler) coalesce(n *ast.BinaryNode) operand {
	l, r := c.operand(n.Left), c.operand(n.Right)
	kind := l.kind
	if r.kind != kind {
		kind = event.Null
	}
	return operand{func(e *filterEnv) event.Value {
		if v := l.eval(e); v.Kind != event.Null {
			return v
		}
		return r.eval(e)
	}, kind}
}

// plus adds numbers and joins strings.
func (c *compiler) plus(n *ast.BinaryNode) operand {
	l, r := c.operand(n.Left), c.operand(n.Right)
	kind := l.kind
	if kind == event.Null {
		kind = r.kind
	}
	if kind == event.Bool || kind == event.List || !l.maybe(kind) || !r.maybe(kind) && kind != event.Null {
		c.fail(n, "+ needs two numbers or two strings")
	}
	return operand{func(e *filterEnv) event.Value {
		a, b := l.eval(e), r.eval(e)
		switch {
		case a.Kind == event.Number && b.Kind == event.Number:
			return number(a.Num + b.Num)
		case a.Kind == event.String && b.Kind == event.String && e.spendText(len(a.Str)+len(b.Str)):
			return text(a.Str + b.Str)
		}
		return event.Value{}
	}, kind}
}

// call compiles a function that has a value.
func (c *compiler) call(n *ast.BuiltinNode) operand {
	switch n.Name {
	case "any", "all", "none", "one":
		return c.asValue(n)
	case "count":
		tally := c.tally(n)
		return operand{func(e *filterEnv) event.Value { yes, _ := tally(e); return number(float64(yes)) }, event.Number}
	case "min", "max":
		return c.extreme(n)
	}
	if len(n.Arguments) != 1 {
		c.fail(n, "%s(…) cannot be used in a filter with %d arguments", n.Name, len(n.Arguments))
		return constant(event.Value{})
	}
	switch n.Name {
	case "len":
		return c.length(n)
	case "lower":
		return c.onText(n, strings.ToLower)
	case "upper":
		return c.onText(n, strings.ToUpper)
	case "trim":
		return c.onText(n, strings.TrimSpace)
	case "abs":
		return c.onNumber(n, math.Abs)
	case "ceil":
		return c.onNumber(n, math.Ceil)
	case "floor":
		return c.onNumber(n, math.Floor)
	case "round":
		return c.onNumber(n, math.Round)
	}
	c.fail(n, "%s(…) cannot be used in a filter", n.Name)
	return constant(event.Value{})
}

func (c *compiler) length(n *ast.BuiltinNode) operand {
	x := c.operand(n.Arguments[0])
	if !x.maybe(event.String) && !x.maybe(event.List) {
		c.fail(n, "len needs a string or a list")
	}
	return operand{func(e *filterEnv) event.Value {
		switch v := x.eval(e); v.Kind {
		case event.String:
			e.spendText(len(v.Str))
			return number(float64(utf8.RuneCountInString(v.Str)))
		case event.List:
			return number(float64(len(v.List)))
		}
		return event.Value{}
	}, event.Number}
}

func (c *compiler) onText(n *ast.BuiltinNode, f func(string) string) operand {
	x := c.operand(n.Arguments[0])
	if !x.maybe(event.String) {
		c.fail(n, "%s needs a string", n.Name)
	}
	return operand{func(e *filterEnv) event.Value {
		v := x.eval(e)
		if v.Kind != event.String || !e.spendText(len(v.Str)) {
			return event.Value{}
		}
		return text(f(v.Str))
	}, event.String}
}

func (c *compiler) onNumber(n *ast.BuiltinNode, f func(float64) float64) operand {
	x := c.numeric(n.Arguments[0])
	return operand{func(e *filterEnv) event.Value {
		v := x.eval(e)
		if v.Kind != event.Number {
			return event.Value{}
		}
		return number(f(v.Num))
	}, event.Number}
}

// extreme compiles min and max of numbers; one that is missing makes the result missing.
func (c *compiler) extreme(n *ast.BuiltinNode) operand {
	pick := math.Max
	if n.Name == "min" {
		pick = math.Min
	}
	if len(n.Arguments) == 0 {
		c.fail(n, "%s needs numbers", n.Name)
		return constant(event.Value{})
	}
	out := c.numeric(n.Arguments[0])
	for _, arg := range n.Arguments[1:] {
		out = numbers2(out, c.numeric(arg), pick)
	}
	return out
}

// quantifier compiles any, all, none and one; nil: n is not one of them. A missing list is an empty one.
func (c *compiler) quantifier(n *ast.BuiltinNode) condition {
	switch n.Name {
	case "any":
		tally := c.tally(n)
		return func(e *filterEnv) bool { yes, _ := tally(e); return yes > 0 }
	case "none":
		tally := c.tally(n)
		return func(e *filterEnv) bool { yes, _ := tally(e); return yes == 0 }
	case "one":
		tally := c.tally(n)
		return func(e *filterEnv) bool { yes, _ := tally(e); return yes == 1 }
	case "all":
		tally := c.tally(n)
		return func(e *filterEnv) bool { yes, of := tally(e); return yes == of }
	}
	return nil
}

// tally compiles the number of elements for which the predicate holds, of how many. Predicates do not
// nest.
func (c *compiler) tally(n *ast.BuiltinNode) func(*filterEnv) (yes, of int) {
	if c.inside {
		c.fail(n, "%s cannot stand inside another predicate", n.Name)
	}
	if len(n.Arguments) != 2 || c.err != nil {
		c.fail(n, "%s needs a list and a condition on #", n.Name)
		return func(*filterEnv) (yes, of int) { return 0, 0 }
	}
	list := c.operand(n.Arguments[0])
	if !list.maybe(event.List) {
		c.fail(n, "%s needs a list, not a %s", n.Name, kindName(list.kind))
	}
	body := n.Arguments[1]
	if p, ok := body.(*ast.PredicateNode); ok {
		body = p.Node
	}
	c.inside = true
	holds := c.condition(body)
	c.inside = false
	return func(e *filterEnv) (yes, of int) {
		all := list.eval(e).List
		for _, s := range all {
			if !e.spend(1) {
				break
			}
			if e.elem = text(s); holds(e) {
				yes++
			}
		}
		return yes, len(all)
	}
}
