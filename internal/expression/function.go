package expression

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// Function is a function beside those built in: of one value, and of further arguments that are written out
// in the text and looked at once, when it is compiled.
type Function struct {
	Usage  string          // how it is written, for messages: `keyword(text, "phrase", …)`
	Of     event.ValueKind // of the first argument; of one that is missing or of another kind the result is missing
	Result event.ValueKind // of every result that is not missing
	// Prepare returns the function for the further arguments, which may be numbers, bools, strings and lists.
	// What it returns must be pure, safe for concurrent use and about linear in its argument's length. An
	// error's text is shown at the call's place, with Usage.
	Prepare func(constants []event.Value) (func(event.Value) event.Value, error)
}

var errConstants = errors.New("takes one argument")

// OfNumber makes a Function of a number that yields a number; NaN and ±Inf are missing.
func OfNumber(usage string, f func(float64) float64) Function {
	return Function{Usage: usage, Of: event.Number, Result: event.Number, Prepare: func(constants []event.Value) (func(event.Value) event.Value, error) {
		if len(constants) > 0 {
			return nil, errConstants
		}
		return func(v event.Value) event.Value { return number(f(v.Num)) }, nil
	}}
}

// OfText makes a Function of a string that yields a number; NaN and ±Inf are missing.
func OfText(usage string, f func(string) float64) Function {
	return Function{Usage: usage, Of: event.String, Result: event.Number, Prepare: func(constants []event.Value) (func(event.Value) event.Value, error) {
		if len(constants) > 0 {
			return nil, errConstants
		}
		return func(v event.Value) event.Value { return number(f(v.Str)) }, nil
	}}
}

// OfPhrases makes a Function of a string and of one phrase or more that are written out, which prepare sees
// once. Its result is a Number, or a Bool that is true unless 0.
func OfPhrases(usage string, result event.ValueKind, prepare func(phrases []string) (func(text string) float64, error)) Function {
	return Function{Usage: usage, Of: event.String, Result: result, Prepare: func(constants []event.Value) (func(event.Value) event.Value, error) {
		phrases, err := phrasesOf(constants)
		if err != nil {
			return nil, err
		}
		f, err := prepare(phrases)
		if err != nil {
			return nil, err
		}
		if result == event.Bool {
			return func(v event.Value) event.Value { return truth(f(v.Str) != 0) }, nil
		}
		return func(v event.Value) event.Value { return number(f(v.Str)) }, nil
	}}
}

// phrasesOf returns constants, which must be one string or more.
func phrasesOf(constants []event.Value) ([]string, error) {
	if len(constants) == 0 {
		return nil, errors.New("needs a quoted string after the first argument")
	}
	out := make([]string, len(constants))
	for i, v := range constants {
		if v.Kind != event.String {
			return nil, fmt.Errorf("argument %d is a %s: a quoted string is needed", i+2, kindName(v.Kind))
		}
		out[i] = v.Str
	}
	return out, nil
}

// checkFunctions refuses functions that would be hidden by those built in.
func checkFunctions(functions map[string]Function) error {
	if len(functions) == 0 {
		return nil
	}
	for _, name := range builtin() {
		if _, ok := functions[name]; ok {
			return fmt.Errorf("expression: a function %s is built in", name)
		}
	}
	return nil
}

// extra compiles the call of a Function.
func (c *compiler[E]) extra(n ast.Node, name string, f Function, args []ast.Node) operand[E] {
	if len(args) == 0 {
		c.fail(n, "%s needs a %s: write %s", name, kindName(f.Of), f.Usage)
		return missing[E]()
	}
	x := c.operand(args[0])
	if !x.maybe(f.Of) {
		c.fail(args[0], "%s needs a %s, not a %s: write %s", name, kindName(f.Of), kindName(x.kind), f.Usage)
	}
	apply, err := f.Prepare(c.constants(name, f, args[1:]))
	if err != nil {
		c.fail(n, "%s: %v: write %s", name, err, f.Usage)
		return missing[E]()
	}
	return operand[E]{
		eval: func(s *State, e *E) event.Value {
			v := x.eval(s, e)
			if v.Kind != f.Of || !s.spendText(len(v.Str)) || !s.spend(len(v.List)) {
				return event.Value{}
			}
			if out := apply(v); out.Kind == f.Result && finite(out.Num) {
				return out
			}
			return event.Value{}
		},
		kind: f.Result,
	}
}

// constants compiles arguments that must be written out.
func (c *compiler[E]) constants(name string, f Function, args []ast.Node) []event.Value {
	var out []event.Value
	for _, arg := range args {
		x := c.operand(arg)
		if x.lit == nil {
			c.fail(arg, "what follows the first argument of %s must be written out: write %s", name, f.Usage)
			return out
		}
		out = append(out, *x.lit)
	}
	return out
}
