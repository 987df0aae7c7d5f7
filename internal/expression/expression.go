package expression

import (
	"math"
	"slices"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// Field is where a name's value comes from, in an E, which is what an expression runs over.
type Field[E any] struct {
	Kind event.ValueKind      // of every value that is not missing; Null: known only as it runs
	Get  func(*E) event.Value // Null where the field is missing; it must not allocate on a hot path
}

// Names resolves a bare name (root is "") or root.key, which may be written root["key"]. It is asked once
// for each name while compiling. The text of its error is shown at the name's place, and should say which
// names there are.
type Names[E any] func(root, key string) (Field[E], error)

// Options bound an expression and add functions. A zero field takes the default named beside it.
type Options struct {
	MaxBytes  int                 // length of the text; 4096
	MaxNodes  int                 // parts: names, constants, operators; 256
	MaxSteps  int                 // of one evaluation: an element of a list, or 16 bytes of text; 10,000
	Functions map[string]Function // beside those built in
}

func (o Options) withDefaults() Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = 4096
	}
	if o.MaxNodes == 0 {
		o.MaxNodes = 256
	}
	if o.MaxSteps == 0 {
		o.MaxSteps = 10_000
	}
	return o
}

// State is the scratch of one goroutine, for any number of expressions one after another. The zero value is
// ready. A Field's Get must not evaluate another expression with the same State.
type State struct {
	elem  string // # within any, all, none, one and count
	steps int    // that are left; below 0: too many were taken
}

// stepBytes is how much text one step is worth.
const stepBytes = 16

// spend takes n steps and reports whether they were left.
func (s *State) spend(n int) bool {
	s.steps -= n
	return s.steps >= 0
}

func (s *State) spendText(bytes int) bool { return s.spend(bytes / stepBytes) }

// Expression is a compiled formula over an E. It is immutable and safe for concurrent use, each goroutine
// with a [State] of its own.
type Expression[E any] struct {
	root   operand[E]
	fields []string
	steps  int
}

// Compile compiles text. What is wrong with it is an [*Error].
func Compile[E any](text string, names Names[E], opts Options) (*Expression[E], error) {
	return compile(text, names, opts, (*compiler[E]).operand)
}

// CompileCondition is Compile where something true or false is needed: a value that is known to be of
// another type is a mistake.
func CompileCondition[E any](text string, names Names[E], opts Options) (*Expression[E], error) {
	return compile(text, names, opts, func(c *compiler[E], n ast.Node) operand[E] {
		return ofCondition(c.condition(n))
	})
}

// CompileNumber is Compile where a number is needed; true and false count as 1 and 0. A string or a list is a
// mistake.
func CompileNumber[E any](text string, names Names[E], opts Options) (*Expression[E], error) {
	return compile(text, names, opts, func(c *compiler[E], n ast.Node) operand[E] {
		x := c.operand(n)
		if !x.maybe(event.Number) && !x.maybe(event.Bool) {
			c.fail(n, "must be a number, not a %s%s", kindName(x.kind), insteadOfNumber(x.kind))
		}
		return x
	})
}

func compile[E any](
	text string, names Names[E], opts Options, root func(*compiler[E], ast.Node) operand[E],
) (*Expression[E], error) {
	opts = opts.withDefaults()
	if err := checkFunctions(opts.Functions); err != nil {
		return nil, err
	}
	tree, err := parse(text, opts)
	if err != nil {
		return nil, err
	}
	c := compiler[E]{names: names, functions: opts.Functions}
	x := &Expression[E]{root: root(&c, tree.Node), steps: opts.MaxSteps}
	if c.err != nil {
		return nil, asError(c.err.Bind(tree.Source))
	}
	for name := range c.fields {
		x.fields = append(x.fields, name)
	}
	slices.Sort(x.fields)
	return x, nil
}

// Kind returns the type of every result that is not missing; Null: known only as it runs.
func (x *Expression[E]) Kind() event.ValueKind { return x.root.kind }

// Fields returns the names that the expression reads, sorted: "value", "item.price"; item["main category"] is
// "item.main category". The caller must not change it.
func (x *Expression[E]) Fields() []string { return x.fields }

// True reports whether the expression is true of e. What is missing, not a bool, or takes too many steps is
// not.
func (x *Expression[E]) True(s *State, e *E) bool {
	s.steps = x.steps
	if x.root.cond != nil {
		return x.root.cond(s, e) && s.steps >= 0
	}
	v := x.root.eval(s, e)
	return v.Kind == event.Bool && v.Num != 0 && s.steps >= 0
}

// Number returns the expression's value for e, which is finite; true and false are 1 and 0. It reports false
// when the value is missing, is of another type, or takes too many steps.
func (x *Expression[E]) Number(s *State, e *E) (float64, bool) {
	s.steps = x.steps
	v := x.root.eval(s, e)
	if v.Kind != event.Number && v.Kind != event.Bool || s.steps < 0 || !finite(v.Num) {
		return 0, false
	}
	return v.Num, true
}

// Value returns the expression's value for e, Null when it is missing or takes too many steps. Its string or
// list may be that of a field or of the text: the caller must not change it.
func (x *Expression[E]) Value(s *State, e *E) event.Value {
	s.steps = x.steps
	v := x.root.eval(s, e)
	if s.steps < 0 || !finite(v.Num) {
		return event.Value{}
	}
	return v
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
