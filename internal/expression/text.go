package expression

import (
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"

	"recsvc/internal/event"
)

// textual compiles operators on two strings, of which contains also takes a list on its left, and then does what
// in does the other way round.
func (c *compiler[E]) textual(n *ast.BinaryNode) condition[E] {
	l, r := c.operand(n.Left), c.operand(n.Right)
	lists := n.Operator == "contains" && l.maybe(event.List)
	if !l.maybe(event.String) && !lists || !r.maybe(event.String) && !(lists && r.maybe(event.Number)) {
		c.fail(n, "%s needs strings, not a %s", n.Operator, kinds(l, r))
	}
	test := map[string]func(s, part string) bool{
		"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
	}[n.Operator]
	return func(s *State, e *E) bool {
		a, b := l.eval(s, e), r.eval(s, e)
		if lists && a.Kind == event.List {
			return holds(s, a, b)
		}
		return a.Kind == event.String && b.Kind == event.String && s.spendText(len(a.Str)) && test(a.Str, b.Str)
	}
}

// pattern compiles `text matches "regexp"`. Go's regexps take linear time.
func (c *compiler[E]) pattern(n *ast.BinaryNode) condition[E] {
	never := func(*State, *E) bool { return false }
	subject := c.operand(n.Left)
	pattern, ok := n.Right.(*ast.StringNode)
	if !ok || !subject.maybe(event.String) {
		c.fail(n, "matches needs a string on its left and a quoted pattern on its right")
		return never
	}
	re, err := regexp.Compile(pattern.Value)
	if err != nil {
		c.fail(pattern, "%v", err)
		return never
	}
	cost := 1 + len(pattern.Value)/4 // per step of text: a regexp may follow as many paths as it has parts
	return func(s *State, e *E) bool {
		v := subject.eval(s, e)
		return v.Kind == event.String && s.spendText(cost*len(v.Str)) && re.MatchString(v.Str)
	}
}
