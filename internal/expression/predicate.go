package expression

import (
	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// predicate compiles any, all, none, one and count of a list's elements. A missing list is an empty one.
func (c *compiler[E]) predicate(n ast.Node, name string, args []ast.Node) operand[E] {
	tally := c.tally(n, name, args)
	switch name {
	case "any":
		return ofCondition(func(s *State, e *E) bool { yes, _ := tally(s, e); return yes > 0 })
	case "none":
		return ofCondition(func(s *State, e *E) bool { yes, _ := tally(s, e); return yes == 0 })
	case "one":
		return ofCondition(func(s *State, e *E) bool { yes, _ := tally(s, e); return yes == 1 })
	case "all":
		return ofCondition(func(s *State, e *E) bool { yes, of := tally(s, e); return yes == of })
	}
	return operand[E]{
		eval: func(s *State, e *E) event.Value { yes, _ := tally(s, e); return number(float64(yes)) },
		kind: event.Number,
	}
}

// tally compiles the number of elements for which the predicate holds, of how many. Predicates do not
// nest.
func (c *compiler[E]) tally(n ast.Node, name string, args []ast.Node) func(*State, *E) (yes, of int) {
	if c.inside {
		c.fail(n, "%s cannot stand inside another predicate", name)
	}
	if len(args) != 2 || c.err != nil {
		c.fail(n, "%s needs a list and a condition on #, as in %s(item.tags, # == \"a\")", name, name)
		return func(*State, *E) (yes, of int) { return 0, 0 }
	}
	list := c.operand(args[0])
	if !list.maybe(event.List) {
		c.fail(n, "%s needs a list, not a %s", name, kindName(list.kind))
	}
	body := args[1]
	if p, ok := body.(*ast.PredicateNode); ok {
		body = p.Node
	}
	c.inside = true
	holds := c.condition(body)
	c.inside = false
	return func(s *State, e *E) (yes, of int) {
		all := list.eval(s, e).List
		for _, elem := range all {
			if !s.spend(1) {
				break
			}
			if s.elem = elem; holds(s, e) {
				yes++
			}
		}
		return yes, len(all)
	}
}
