package rank

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"recsvc/internal/event"
)

// Limits on a filter.
const (
	MaxFilterBytes = 4096
	maxFilterNodes = 256
	maxFilterSteps = 10_000 // for one item; a step is an element of a list, or stepBytes of text
	stepBytes      = 16
)

// Filter is a compiled condition on items, in the syntax of expr-lang/expr: comparisons, in, contains,
// startsWith, endsWith, matches, and, or, not, ?:, ??, arithmetic, any, all, none, one and count over a list
// with # as its element, and abs, ceil, floor, round, min, max, len, lower, upper and trim.
//
// `item` is the flat record as it was posted: item.price, item["price"], item.tags[0]; item.item is the id.
// A missing field makes every comparison with it false, `!=` included, and so does a field of another type
// than it is compared with; `not` turns that round: `not (item.price < 5)` is true without a price. Whether a
// field is there is asked by `item.price != nil`. Arithmetic on what is missing is missing, a missing
// condition is false, a missing list is empty. `x in item.tags` and `item.tags contains x` ask for membership
// in a list; a field that holds a single value counts on the right of in as a list of one.
//
// The text is compiled to closures over the record instead of expr's byte code: that has no boxed values,
// so nothing is allocated per item, and neither ranges nor nested loops; an item on which it takes too many
// steps all the same does not pass. A Filter is immutable and safe for concurrent use; the nil Filter passes everything.
type Filter struct {
	text string
	pass func(*filterEnv) bool
}

// FilterError is a mistake in a filter's text.
type FilterError struct {
	Line, Column int // from 1, in characters
	Message      string
}

func (e *FilterError) Error() string {
	return fmt.Sprintf("filter %d:%d: %s", e.Line, e.Column, e.Message)
}

// filterEnv is what a filter runs over.
type filterEnv struct {
	item  *Item
	elem  event.Value // # within any, all, none, one and count
	steps int         // that are left; below 0: too many were taken
}

// spend takes n steps and reports whether they were left.
func (e *filterEnv) spend(n int) bool {
	e.steps -= n
	return e.steps >= 0
}

func (e *filterEnv) spendText(bytes int) bool { return e.spend(bytes / stepBytes) }

// CompileFilter compiles text. It fails with a *FilterError.
func CompileFilter(text string) (*Filter, error) {
	if len(text) > MaxFilterBytes {
		return nil, &FilterError{1, 1, fmt.Sprintf("is %d bytes long: at most %d are allowed", len(text), MaxFilterBytes)}
	}
	tree, err := parse(text)
	if err != nil {
		return nil, filterError(err)
	}
	c := compiler{}
	pass := c.condition(tree.Node)
	if c.err != nil {
		return nil, filterError(c.err.Bind(tree.Source))
	}
	return &Filter{text: text, pass: pass}, nil
}

// parse calls expr's parser, which must not bring the server down whatever the text.
func parse(text string) (tree *parser.Tree, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &file.Error{Line: 1, Message: fmt.Sprintf("cannot be parsed: %v", v)}
		}
	}()
	config := conf.CreateNew()
	config.MaxNodes = maxFilterNodes
	config.DisableIfOperator = true
	tree, err = parser.ParseWithConfig(text, config)
	if err == nil && tree.Node == nil {
		err = &file.Error{Line: 1, Message: "is empty"}
	}
	return tree, err
}

func filterError(err error) error {
	var e *file.Error
	if !errors.As(err, &e) {
		return &FilterError{1, 1, err.Error()}
	}
	return &FilterError{Line: max(1, e.Line), Column: e.Column + 1, Message: e.Message}
}

// Match reports whether item passes. An item of the store is to be read under its lock.
func (f *Filter) Match(item *Item) bool { return f.match(new(filterEnv), item) }

// match is Match with memory of the caller's.
func (f *Filter) match(env *filterEnv, item *Item) bool {
	if f == nil {
		return true
	}
	env.item, env.steps = item, maxFilterSteps
	return f.pass(env) && env.steps >= 0
}

// compiler turns a syntax tree into closures. It keeps the first error; what it returns after one is
// never run.
type compiler struct {
	err    *file.Error
	inside bool // a predicate, where # has a meaning
}

func (c *compiler) fail(n ast.Node, format string, args ...any) {
	if c.err == nil {
		c.err = &file.Error{Message: fmt.Sprintf(format, args...)}
		if n != nil {
			c.err.Location = n.Location()
		}
	}
}
