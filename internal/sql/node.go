package sql

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/wasilibs/go-pgquery/parser"
)

// node is a piece of PostgreSQL's parse tree: its type, such as FuncCall, and its fields.
type node struct {
	kind   string
	fields map[string]any
}

// nodeOf reads {"FuncCall": {…}}; the zero node where there is none.
func nodeOf(v any) node {
	m, _ := v.(map[string]any)
	for kind, fields := range m {
		f, _ := fields.(map[string]any)
		return node{kind, f}
	}
	return node{}
}

func (n node) none() bool { return n.kind == "" }

// child is the node in a field.
func (n node) child(field string) node { return nodeOf(n.fields[field]) }

// list is the nodes in a field.
func (n node) list(field string) []node {
	items, _ := n.fields[field].([]any)
	out := make([]node, len(items))
	for i := range items {
		out[i] = nodeOf(items[i])
	}
	return out
}

func (n node) has(field string) bool { return n.fields[field] != nil }

func (n node) text(field string) string {
	s, _ := n.fields[field].(string)
	return s
}

func (n node) flag(field string) bool {
	b, _ := n.fields[field].(bool)
	return b
}

func (n node) number(field string) int {
	x, _ := n.fields[field].(float64)
	return int(x)
}

// offset is where the node stands in the text, in bytes; −1 where the parser does not say. An operator stands where its left operand begins.
func (n node) offset() int {
	best := -1
	if x, ok := n.fields["location"].(float64); ok && x >= 0 {
		best = int(x)
	} else if n.kind == "ColumnRef" || n.kind == "FuncCall" || n.kind == "A_Const" || n.kind == "RangeVar" || n.kind == "SQLValueFunction" {
		best = 0 // a location of 0 is left out
	}
	for _, field := range []string{"arg", "lexpr", "val"} {
		if c := n.child(field); !c.none() {
			if x := c.offset(); x >= 0 && (best < 0 || x < best) {
				best = x
			}
		}
	}
	if args := n.list("args"); n.kind == "BoolExpr" && len(args) > 0 {
		if x := args[0].offset(); x >= 0 && (best < 0 || x < best) {
			best = x
		}
	}
	return best
}

// names are the strings of a list of String nodes: a qualified name, an operator, a type.
func (n node) names(field string) []string {
	var out []string
	for _, s := range n.list(field) {
		if s.kind == "A_Star" {
			out = append(out, "*")
		} else {
			out = append(out, s.text("sval"))
		}
	}
	return out
}

// last is the unqualified end of a name.
func (n node) last(field string) string {
	if names := n.names(field); len(names) > 0 {
		return names[len(names)-1]
	}
	return ""
}

// value is what an A_Const holds: a string, a float64, a bool, or nil.
func (n node) value() any {
	wrapped := func(key, inner string) (any, bool) {
		m, ok := n.fields[key].(map[string]any)
		return m[inner], ok
	}
	if v, ok := wrapped("ival", "ival"); ok {
		if v == nil {
			return 0.0 // a zero is left out
		}
		return v
	}
	if v, ok := wrapped("fval", "fval"); ok {
		s, _ := v.(string)
		if x, err := strconv.ParseFloat(s, 64); err == nil {
			return x
		}
		return s
	}
	if v, ok := wrapped("sval", "sval"); ok {
		s, _ := v.(string)
		return s
	}
	if v, ok := wrapped("boolval", "boolval"); ok {
		b, _ := v.(bool)
		return b
	}
	return nil
}

// parse returns the one SELECT that the text consists of.
func parse(text string) (stmt node, err error) {
	defer func() {
		if v := recover(); v != nil { // the sandbox has failed: an error of this statement, not of the process
			err = at(text, 0, fmt.Sprintf("cannot be parsed: %v", v))
		}
	}()
	tree, err := parser.ParseToJSON(text)
	if err != nil {
		var e *parser.Error
		if errors.As(err, &e) {
			return node{}, at(text, max(0, e.Cursorpos-1), e.Message)
		}
		return node{}, at(text, 0, err.Error())
	}
	var parsed struct {
		Stmts []struct {
			Stmt     map[string]any `json:"stmt"`
			Location int            `json:"stmt_location"`
		} `json:"stmts"`
	}
	if err := json.Unmarshal([]byte(tree), &parsed); err != nil {
		return node{}, at(text, 0, err.Error())
	}
	switch {
	case len(parsed.Stmts) == 0:
		return node{}, at(text, 0, "is empty: write SELECT … FROM …")
	case len(parsed.Stmts) > 1:
		return node{}, at(text, parsed.Stmts[1].Location, "a second statement: one feature is one SELECT")
	}
	stmt = nodeOf(map[string]any(parsed.Stmts[0].Stmt))
	if stmt.kind != "SelectStmt" {
		return node{}, at(text, 0, "is no SELECT: features are declared by SELECT aggregate FROM events")
	}
	return stmt, nil
}
