package rank

import (
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// condition is a compiled part that is true or false.
type condition func(*filterEnv) bool

func never(*filterEnv) bool { return false }

// condition compiles n as something true or false. A value that is not a bool counts as false.
func (c *compiler) condition(n ast.Node) condition {
	switch n := n.(type) {
	case *ast.BoolNode:
		return func(*filterEnv) bool { return n.Value }
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			inner := c.condition(n.Node)
			return func(e *filterEnv) bool { return !inner(e) }
		}
	case *ast.BinaryNode:
		if cond := c.binaryCondition(n); cond != nil {
			return cond
		}
	case *ast.ConditionalNode:
		cond, yes, no := c.condition(n.Cond), c.condition(n.Exp1), c.condition(n.Exp2)
		return func(e *filterEnv) bool {
			if cond(e) {
				return yes(e)
			}
			return no(e)
		}
	case *ast.BuiltinNode:
		if cond := c.quantifier(n); cond != nil {
			return cond
		}
	}
	v := c.operand(n)
	if v.kind != event.Null && v.kind != event.Bool {
		c.fail(n, "must be true or false, not a %s", kindName(v.kind))
	}
	return func(e *filterEnv) bool {
		got := v.eval(e)
		return got.Kind == event.Bool && got.Num != 0
	}
}

// binaryCondition compiles operators that yield true or false; nil: n is not one.
func (c *compiler) binaryCondition(n *ast.BinaryNode) condition {
	switch n.Operator {
	case "and", "&&":
		l, r := c.condition(n.Left), c.condition(n.Right)
		return func(e *filterEnv) bool { return l(e) && r(e) }
	case "or", "||":
		l, r := c.condition(n.Left), c.condition(n.Right)
		return func(e *filterEnv) bool { return l(e) || r(e) }
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

func (c *compiler) equality(n *ast.BinaryNode) condition {
	want := n.Operator == "=="
	if other, ok := besidesNil(n); ok {
		v := c.operand(other)
		return func(e *filterEnv) bool { return (v.eval(e).Kind == event.Null) == want }
	}
	l, r := c.operand(n.Left), c.operand(n.Right)
	c.same(n, l, r)
	return func(e *filterEnv) bool {
		a, b := l.eval(e), r.eval(e)
		return a.Kind == b.Kind && a.Kind != event.Null && e.spend(len(a.List)) && equal(a, b) == want
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
func (c *compiler) same(n *ast.BinaryNode, l, r operand) {
	if l.kind != event.Null && r.kind != event.Null && l.kind != r.kind {
		c.fail(n, "%s compares a %s with a %s", n.Operator, kindName(l.kind), kindName(r.kind))
	}
}

// equal compares two values of one kind.
func equal(a, b event.Value) bool {
	switch a.Kind {
	case event.Number, event.Bool:
		return a.Num == b.Num
	case event.String:
		return a.Str == b.Str
	case event.List:
		if len(a.List) != len(b.List) {
			return false
		}
		for i := range a.List {
			if a.List[i] != b.List[i] {
				return false
			}
		}
		return true
	}
	return false
}

func (c *compiler) ordering(n *ast.BinaryNode) condition {
	l, r := c.operand(n.Left), c.operand(n.Right)
	c.same(n, l, r)
	for _, v := range []operand{l, r} {
		if v.kind == event.Bool || v.kind == event.List {
			c.fail(n, "%s cannot order a %s", n.Operator, kindName(v.kind))
		}
	}
	numbers, texts := orderings(n.Operator)
	return func(e *filterEnv) bool {
		a, b := l.eval(e), r.eval(e)
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

// membership compiles `x in list`: a list written out may hold anything, one of the item's holds strings.
func (c *compiler) membership(n *ast.BinaryNode) condition {
	x := c.operand(n.Left)
	if array, ok := n.Right.(*ast.ArrayNode); ok {
		return c.oneOf(x, array)
	}
	list := c.operand(n.Right)
	if list.kind == event.Number || list.kind == event.Bool {
		c.fail(n, "in needs a list on its right, not a %s", kindName(list.kind))
	}
	return func(e *filterEnv) bool { return holds(e, list.eval(e), x.eval(e)) }
}

func (c *compiler) oneOf(x operand, array *ast.ArrayNode) condition {
	elems := make([]operand, len(array.Nodes))
	for i, n := range array.Nodes {
		elems[i] = c.operand(n)
	}
	return func(e *filterEnv) bool {
		v := x.eval(e)
		if v.Kind == event.Null {
			return false
		}
		for _, elem := range elems {
			if w := elem.eval(e); w.Kind == v.Kind && equal(w, v) {
				return true
			}
		}
		return false
	}
}

// holds reports whether x is in list; a single value is a list of one.
func holds(e *filterEnv, list, x event.Value) bool {
	switch {
	case x.Kind == event.Null:
		return false
	case list.Kind == event.List:
		if x.Kind == event.String && e.spend(len(list.List)) {
			for _, s := range list.List {
				if s == x.Str {
					return true
				}
			}
		}
		return false
	}
	return list.Kind == x.Kind && equal(list, x)
}

// textual compiles operators on two strings, of which contains also takes a list on its left.
func (c *compiler) textual(n *ast.BinaryNode) condition {
	l, r := c.operand(n.Left), c.operand(n.Right)
	lists := n.Operator == "contains"
	if !l.maybe(event.String) && !(lists && l.maybe(event.List)) || !r.maybe(event.String) {
		c.fail(n, "%s needs strings", n.Operator)
	}
	test := map[string]func(s, part string) bool{
		"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
	}[n.Operator]
	return func(e *filterEnv) bool {
		a, b := l.eval(e), r.eval(e)
		if lists && a.Kind == event.List {
			return holds(e, a, b)
		}
		return a.Kind == event.String && b.Kind == event.String && e.spendText(len(a.Str)) && test(a.Str, b.Str)
	}
}

// pattern compiles `text matches "regexp"`. Go's regexps take linear time.
func (c *compiler) pattern(n *ast.BinaryNode) condition {
	text := c.operand(n.Left)
	pattern, ok := n.Right.(*ast.StringNode)
	if !ok || !text.maybe(event.String) {
		c.fail(n, "matches needs a string on its left and a quoted pattern on its right")
		return never
	}
	re, err := regexp.Compile(pattern.Value)
	if err != nil {
		c.fail(pattern, "%v", err)
		return never
	}
	cost := 1 + len(pattern.Value)/4 // per step of text: a regexp may follow as many paths as it has parts
	return func(e *filterEnv) bool {
		v := text.eval(e)
		return v.Kind == event.String && e.spendText(cost*len(v.Str)) && re.MatchString(v.Str)
	}
}
