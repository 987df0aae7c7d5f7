package sql

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"recsvc/internal/features"
)

// Compile compiles one SELECT to definitions: one for each aggregate in it, in their order. The only one is called name, several are called
// name_ALIAS. What is wrong is an *Error.
//
// The definitions hold what the statement says; what it cannot say (a form, a prior, a slide …) may be added to them.
func Compile(name, text string) (defs []features.Definition, err error) {
	stmt, err := parse(text)
	if err != nil {
		return nil, err
	}
	c := &compiler{text: text}
	defer func() {
		if v := recover(); v != nil {
			refused, ok := v.(*Error)
			if !ok {
				panic(v)
			}
			defs, err = nil, refused
		}
	}()
	c.statement(stmt)
	return c.named(name), nil
}

// compiler reads one statement. What cannot be compiled is thrown as an *Error and caught by Compile.
type compiler struct {
	text   string
	types  []string // event types of FROM and WHERE
	where  []string // conditions that all hold
	scope  []string // of GROUP BY
	window window
	out    []target
}

// target is a compiled aggregate with the name that it was given.
type target struct {
	alias string
	def   features.Definition
	node  node
}

func (c *compiler) refuse(n node, format string, args ...any) {
	panic(at(c.text, n.offset(), fmt.Sprintf(format, args...)))
}

// clauses that no feature can have, with what to do instead.
var clauses = []struct{ field, name, instead string }{
	{"havingClause", "HAVING", "filter the events with WHERE"},
	{"sortClause", "ORDER BY", "an aggregate has no order"},
	{"limitCount", "LIMIT", "a feature is one value for each key"},
	{"limitOffset", "OFFSET", "a feature is one value for each key"},
	{"distinctClause", "SELECT DISTINCT", "write COUNT(DISTINCT column)"},
	{"withClause", "WITH", "one feature is one SELECT"},
	{"valuesLists", "VALUES", "write SELECT … FROM events"},
	{"intoClause", "INTO", "the feature is named in the configuration"},
	{"windowClause", "WINDOW", "write the window behind OVER"},
	{"lockingClause", "FOR UPDATE", "leave it out"},
}

func (c *compiler) statement(s node) {
	if op := s.text("op"); op != "" && op != "SETOP_NONE" {
		panic(at(c.text, 0, "UNION, INTERSECT and EXCEPT cannot be compiled: name several event types with type IN ('a', 'b')"))
	}
	for _, clause := range clauses {
		if s.has(clause.field) {
			n := s.child(clause.field)
			if list := s.list(clause.field); len(list) > 0 {
				n = list[0]
			}
			c.refuse(n, "%s cannot be compiled: %s", clause.name, clause.instead)
		}
	}
	c.from(s)
	if w := s.child("whereClause"); !w.none() {
		c.selects(w)
	}
	for _, g := range s.list("groupClause") {
		c.group(g)
	}
	c.targets(s.list("targetList"))
}

// from reads the one stream of events.
func (c *compiler) from(s node) {
	tables := s.list("fromClause")
	if len(tables) != 1 {
		msg := "FROM is missing: name an event type, or events for all of them"
		if len(tables) > 1 {
			c.refuse(tables[1], "a second table: item.FIELD and user.FIELD are there without a join")
		}
		panic(at(c.text, len(c.text), msg))
	}
	t := tables[0]
	switch t.kind {
	case "RangeVar":
	case "JoinExpr":
		c.refuse(t.child("rarg"), "JOIN is not needed: item.FIELD and user.FIELD are there without it")
	case "RangeSubselect":
		panic(at(c.text, c.find("select", strings.Index(strings.ToLower(c.text), "from")), "a subquery cannot be compiled: name an event type, or events"))
	default:
		panic(at(c.text, 0, "FROM takes the name of an event type, or events"))
	}
	if t.has("alias") {
		c.refuse(t, "a table needs no alias: columns are named as they are")
	}
	if name := t.text("relname"); name == "events" {
		c.types = []string{features.AnyType}
	} else {
		c.types = []string{singular(name)}
	}
}

func (c *compiler) find(word string, from int) int {
	if i := strings.Index(strings.ToLower(c.text[max(0, from):]), word); i >= 0 {
		return max(0, from) + i
	}
	return 0
}

// singular is the event type that a table's name stands for: clicks, purchases, searches, replies.
func singular(table string) string {
	for _, end := range []struct{ many, one string }{
		{"ies", "y"}, {"sses", "ss"}, {"shes", "sh"}, {"ches", "ch"}, {"xes", "x"}, {"ss", "ss"}, {"s", ""},
	} {
		if stem, ok := strings.CutSuffix(table, end.many); ok && stem != "" {
			return stem + end.one
		}
	}
	return table
}

// selects splits a condition on the events into their types and the rest.
func (c *compiler) selects(n node) {
	types, where := c.selection(n)
	if types != nil {
		c.types = c.narrow(n, c.types, types)
	}
	c.where = append(c.where, where...)
}

// narrow are the types of both; an error where there are none.
func (c *compiler) narrow(n node, a, b []string) []string {
	if slices.Contains(a, features.AnyType) {
		return b
	}
	var both []string
	for _, t := range b {
		if slices.Contains(a, t) {
			both = append(both, t)
		}
	}
	if len(both) == 0 {
		c.refuse(n, "no event is %s and %s at once: read FROM events", strings.Join(a, " or "), strings.Join(b, " or "))
	}
	return both
}

// selection is what a condition says of the type (nil: nothing), and what else it says.
func (c *compiler) selection(n node) (types, where []string) {
	if n.kind == "BoolExpr" && n.text("boolop") == "AND_EXPR" {
		for _, arg := range n.list("args") {
			t, w := c.selection(arg)
			if t != nil && types != nil {
				t = c.narrow(arg, types, t)
			}
			if t != nil {
				types = t
			}
			where = append(where, w...)
		}
		return types, where
	}
	if t := c.typesOf(n); t != nil {
		return t, nil
	}
	return nil, []string{c.expression(n)}
}

// typesOf reads type = 'a' and type IN ('a', 'b'); nil for any other condition.
func (c *compiler) typesOf(n node) []string {
	if n.kind != "A_Expr" || n.child("lexpr").kind != "ColumnRef" || !slices.Equal(n.child("lexpr").names("fields"), []string{"type"}) || n.last("name") != "=" {
		return nil
	}
	var values []node
	switch n.text("kind") {
	case "AEXPR_OP":
		values = []node{n.child("rexpr")}
	case "AEXPR_IN":
		values = n.child("rexpr").list("items")
	default:
		return nil
	}
	var types []string
	for _, v := range values {
		s, ok := v.value().(string)
		if !ok {
			return nil
		}
		types = append(types, s)
	}
	return types
}

// group reads one element of GROUP BY: part of the key, or the window.
func (c *compiler) group(g node) {
	if g.kind == "FuncCall" && (g.last("funcname") == "hop" || g.last("funcname") == "tumble") {
		if c.window.form != allTime {
			c.refuse(g, "a second window")
		}
		c.window = c.groupWindow(g)
		return
	}
	c.scope = append(c.scope, c.part(g))
}

// part is an element of a scope.
func (c *compiler) part(n node) string {
	name, ok := c.column(n)
	if !ok {
		c.refuse(n, "a key is a column: user, item, session, item.FIELD, user.FIELD or context.FIELD")
	}
	switch {
	case name == "user" || name == "item" || name == "session" || strings.ContainsRune(name, '.'):
		return name
	}
	c.refuse(n, "%s is no key: user, item, session, item.FIELD, user.FIELD and context.FIELD are", name)
	return ""
}

// targets compiles the aggregates; columns among them must be part of the key.
func (c *compiler) targets(list []node) {
	for _, t := range list {
		v := t.child("val")
		if name, ok := c.column(v); ok {
			if len(c.scope) > 0 && !slices.Contains(c.scope, name) {
				c.refuse(v, "%s is not in GROUP BY", name)
			}
			continue
		}
		c.out = append(c.out, target{alias: t.text("name"), def: c.aggregate(v), node: v})
	}
	if len(c.out) == 0 {
		panic(at(c.text, 0, "no aggregate: COUNT(*), SUM(value), AVG(item.price) … is what becomes the feature"))
	}
}

// named gives the definitions their names.
func (c *compiler) named(name string) []features.Definition {
	var defs []features.Definition
	for i, t := range c.out {
		t.def.Name = name
		if len(c.out) > 1 {
			alias := t.alias
			if alias == "" {
				alias = fmt.Sprint(i + 1)
			}
			t.def.Name += "_" + alias
		}
		defs = append(defs, t.def)
	}
	return defs
}

// selectionOf is the events of the statement that a FILTER lets through.
func (c *compiler) selectionOf(filter node) features.Selection {
	types, where := c.types, slices.Clone(c.where)
	if !filter.none() {
		t, w := c.selection(filter)
		if t != nil {
			types = c.narrow(filter, types, t)
		}
		where = append(where, w...)
	}
	return features.Selection{Types: types, Where: conjunction(where)}
}

// conjunction joins conditions, each of which stands in parentheses of its own where it needs them.
func conjunction(conditions []string) string { return bare(strings.Join(conditions, " && ")) }

// bare takes off the parentheses around the whole of a formula.
func bare(formula string) string {
	if !strings.HasPrefix(formula, "(") {
		return formula
	}
	depth := 0
	var quoted, escaped bool
	for i, r := range formula {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = r == '\\', r != '"'
		case r == '"':
			quoted = true
		case r == '(':
			depth++
		case r == ')':
			if depth--; depth == 0 && i < len(formula)-1 {
				return formula
			}
		}
	}
	return formula[1 : len(formula)-1]
}

// window is how far back an aggregate reaches.
type window struct {
	form  windowForm
	size  time.Duration
	slide time.Duration // 0: the kind's own
	rows  int
}

type windowForm uint8

const (
	allTime    windowForm = iota
	timeWindow            // of size
	rowWindow             // of rows
)
