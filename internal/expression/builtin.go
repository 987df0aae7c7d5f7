package expression

import (
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// onNumber holds the functions of one number. A result that is infinite or not a number is missing.
var onNumber = map[string]func(float64) float64{
	"abs": math.Abs, "ceil": math.Ceil, "floor": math.Floor, "round": math.Round,
	"log": math.Log, "log1p": math.Log1p, "exp": math.Exp, "sqrt": math.Sqrt, "sigmoid": sigmoid,
}

// onText holds the functions of one string that yield a string.
var onText = map[string]func(string) string{
	"lower": strings.ToLower, "upper": strings.ToUpper, "trim": strings.TrimSpace,
}

// special are the functions that have a case of their own in dispatch.
var special = []string{"len", "min", "max", "clamp", "any", "all", "none", "one", "count"}

// elsewhere says what functions that people bring from other languages are called here.
var elsewhere = map[string]string{
	"if": "condition ? a : b", "iff": "condition ? a : b", "pow": "x ** y", "power": "x ** y", "coalesce": "a ?? b",
	"ifnull": "a ?? b", "ln": "log(x)", "length": "len(x)", "least": "min(a, b)", "greatest": "max(a, b)",
	"isnull": "x == nil", "mod": "x % y", "concat": "a + b", "size": "len(x)",
}

// sigmoid is 1/(1+e^-x), without overflow at either end.
func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	z := math.Exp(x)
	return z / (1 + z)
}

// builtin returns the sorted names of all functions that are always there.
func builtin() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for _, names := range [][]string{special, slices.Collect(maps.Keys(onNumber)), slices.Collect(maps.Keys(onText))} {
			for _, name := range names {
				if !yield(name) {
					return
				}
			}
		}
	})
}

// call compiles a call of what expr's parser knows no function for.
func (c *compiler[E]) call(n *ast.CallNode) operand[E] {
	if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
		return c.dispatch(n, callee.Value, n.Arguments)
	}
	c.fail(n, "no such function: fields have none, write name(field)")
	return missing[E]()
}

// builtin compiles a call of what expr's parser knows a function for, which need not be one here.
func (c *compiler[E]) builtin(n *ast.BuiltinNode) operand[E] {
	return c.dispatch(n, n.Name, n.Arguments)
}

func (c *compiler[E]) dispatch(n ast.Node, name string, args []ast.Node) operand[E] {
	switch name {
	case "any", "all", "none", "one", "count":
		return c.predicate(n, name, args)
	case "min", "max":
		return c.extreme(n, name, args)
	case "clamp":
		return c.clamp(n, args)
	case "len":
		return c.length(n, args)
	}
	if f, ok := onNumber[name]; ok {
		x, ok := c.only(n, name, args, event.Number)
		if !ok {
			return missing[E]()
		}
		return mapNumber(x, f)
	}
	if f, ok := onText[name]; ok {
		return c.mapText(n, name, args, f)
	}
	if f, ok := c.functions[name]; ok {
		return c.extra(n, name, f, args)
	}
	c.unknown(n, name)
	return missing[E]()
}

// unknown refuses a function that is not there and says what is.
func (c *compiler[E]) unknown(n ast.Node, name string) {
	if instead, ok := elsewhere[strings.ToLower(name)]; ok {
		c.fail(n, "no such function %s: write %s", name, instead)
		return
	}
	all := append(builtin(), slices.Collect(maps.Keys(c.functions))...)
	slices.Sort(all)
	what := "no such function " + name
	if _, ok := n.(*ast.BuiltinNode); ok {
		what = name + "(…) cannot be used in an expression"
	}
	c.fail(n, "%s: there are %s", what, strings.Join(all, ", "))
}

// only compiles the one argument of a function that takes a value of kind k.
func (c *compiler[E]) only(n ast.Node, name string, args []ast.Node, k event.ValueKind) (operand[E], bool) {
	if len(args) != 1 {
		c.fail(n, "%s(…) takes one %s, not %d arguments", name, kindName(k), len(args))
		return missing[E](), false
	}
	if k == event.Number {
		return c.numeric(args[0]), true
	}
	x := c.operand(args[0])
	if !x.maybe(k) {
		c.fail(n, "%s needs a %s, not a %s", name, kindName(k), kindName(x.kind))
	}
	return x, true
}

func (c *compiler[E]) mapText(n ast.Node, name string, args []ast.Node, f func(string) string) operand[E] {
	x, ok := c.only(n, name, args, event.String)
	if !ok {
		return x
	}
	return operand[E]{
		eval: func(s *State, e *E) event.Value {
			v := x.eval(s, e)
			if v.Kind != event.String || !s.spendText(len(v.Str)) {
				return event.Value{}
			}
			return text(f(v.Str))
		},
		kind: event.String,
	}
}

// length compiles len of a string, in characters, or of a list.
func (c *compiler[E]) length(n ast.Node, args []ast.Node) operand[E] {
	if len(args) != 1 {
		c.fail(n, "len(…) takes one string or list, not %d arguments", len(args))
		return missing[E]()
	}
	x := c.operand(args[0])
	if !x.maybe(event.String) && !x.maybe(event.List) {
		c.fail(n, "len needs a string or a list, not a %s", kindName(x.kind))
	}
	return operand[E]{
		eval: func(s *State, e *E) event.Value {
			switch v := x.eval(s, e); v.Kind {
			case event.String:
				s.spendText(len(v.Str))
				return number(float64(utf8.RuneCountInString(v.Str)))
			case event.List:
				return number(float64(len(v.List)))
			}
			return event.Value{}
		},
		kind: event.Number,
	}
}

// extreme compiles min and max of numbers; one that is missing makes the result missing.
func (c *compiler[E]) extreme(n ast.Node, name string, args []ast.Node) operand[E] {
	pick := math.Max
	if name == "min" {
		pick = math.Min
	}
	if len(args) == 0 {
		c.fail(n, "%s needs numbers", name)
		return missing[E]()
	}
	out := c.numeric(args[0])
	for _, arg := range args[1:] {
		out = mapNumbers(out, c.numeric(arg), pick)
	}
	return out
}

// clamp compiles clamp(x, lo, hi); one that is missing, or lo above hi, makes the result missing.
func (c *compiler[E]) clamp(n ast.Node, args []ast.Node) operand[E] {
	if len(args) != 3 {
		c.fail(n, "clamp takes three numbers, not %d arguments: clamp(x, lowest, highest)", len(args))
		return missing[E]()
	}
	x, lo, hi := c.numeric(args[0]), c.numeric(args[1]), c.numeric(args[2])
	if lo.lit != nil && hi.lit != nil && lo.lit.Num > hi.lit.Num {
		c.fail(n, "clamp's lowest value is above its highest: write clamp(x, lowest, highest)")
	}
	return operand[E]{
		eval: func(s *State, e *E) event.Value {
			v, l, h := x.eval(s, e), lo.eval(s, e), hi.eval(s, e)
			if v.Kind != event.Number || l.Kind != event.Number || h.Kind != event.Number || l.Num > h.Num {
				return event.Value{}
			}
			return number(min(max(v.Num, l.Num), h.Num))
		},
		kind: event.Number,
	}
}
