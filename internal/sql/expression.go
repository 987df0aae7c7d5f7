package sql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// columns that an event has by itself.
var columns = []string{"user", "item", "session", "type", "value", "text", "position", "propensity", "request", "ts"}

// column reads a column: one of the event's own, item.FIELD, user.FIELD or context.FIELD, each as expressions and scopes write it.
func (c *compiler) column(n node) (name string, ok bool) {
	switch n.kind {
	case "SQLValueFunction": // user without quotes is a word of SQL's
		return "user", strings.HasSuffix(n.text("op"), "USER")
	case "A_Indirection":
		list, ok := c.column(n.child("arg"))
		indices := n.list("indirection")
		if !ok || len(indices) != 1 || indices[0].kind != "A_Indices" || indices[0].flag("is_slice") {
			return "", false
		}
		i, isNumber := indices[0].child("uidx").value().(float64)
		if !isNumber || i < 1 || i != float64(int(i)) {
			c.refuse(n, "the elements of a list are numbered from 1")
		}
		return fmt.Sprintf("%s[%d]", list, int(i)-1), true
	case "ColumnRef":
	default:
		return "", false
	}
	parts := n.names("fields")
	root := parts[0]
	switch {
	case slices.Contains(parts, "*"):
		c.refuse(n, "* stands in COUNT(*) alone")
	case len(parts) == 1 && slices.Contains(columns, root):
		return root, true
	case len(parts) == 1:
		c.refuse(n, "no column %s: an event has %s, and item.FIELD, user.FIELD and context.FIELD", root, strings.Join(columns, ", "))
	case root == "item" || root == "user" || root == "context":
		return strings.Join(parts, "."), true
	}
	c.refuse(n, "no %s here: fields are written item.FIELD, user.FIELD and context.FIELD", root)
	return "", false
}

// operators that a formula of ours has too.
var operators = map[string]string{
	"=": "==", "<>": "!=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "+": "+", "-": "-", "*": "*", "/": "/", "%": "%", "^": "**",
}

// functions that a formula of ours has too, by how many arguments they take.
var functions = map[string]struct {
	ours string
	args int
}{
	"abs": {"abs", 1}, "ceil": {"ceil", 1}, "ceiling": {"ceil", 1}, "floor": {"floor", 1}, "round": {"round", 1}, "sqrt": {"sqrt", 1},
	"ln": {"log", 1}, "exp": {"exp", 1}, "lower": {"lower", 1}, "upper": {"upper", 1}, "length": {"len", 1}, "btrim": {"trim", 1},
	"cardinality": {"len", 1},
}

// expression compiles a value or a condition to a formula as docs/expressions.md has them.
func (c *compiler) expression(n node) string {
	switch n.kind {
	case "A_Const":
		return c.constant(n)
	case "ColumnRef", "SQLValueFunction", "A_Indirection":
		return c.field(n)
	case "BoolExpr":
		return c.logical(n)
	case "NullTest":
		op := map[string]string{"IS_NULL": "==", "IS_NOT_NULL": "!="}[n.text("nulltesttype")]
		return "(" + c.expression(n.child("arg")) + " " + op + " nil)"
	case "CoalesceExpr":
		return "(" + strings.Join(c.expressions(n.list("args")), " ?? ") + ")"
	case "MinMaxExpr":
		name := map[string]string{"IS_GREATEST": "max", "IS_LEAST": "min"}[n.text("op")]
		return name + "(" + strings.Join(c.expressions(n.list("args")), ", ") + ")"
	case "CaseExpr":
		return c.choice(n)
	case "FuncCall":
		return c.call(n)
	case "A_Expr":
		return c.operation(n)
	case "SubLink":
		panic(at(c.text, c.find("select", 1), "a subquery cannot be compiled"))
	case "TypeCast":
		c.refuse(n, "a cast cannot be compiled: fields have the type that they were sent with")
	}
	c.refuse(n, "cannot be compiled")
	return ""
}

func (c *compiler) expressions(list []node) []string {
	var out []string
	for _, n := range list {
		out = append(out, c.expression(n))
	}
	return out
}

func (c *compiler) constant(n node) string {
	switch v := n.value().(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case string:
		return strconv.Quote(v)
	}
	c.refuse(n, "NULL can only be asked for: x IS NULL, x IS NOT NULL")
	return ""
}

// field is a column in a formula.
func (c *compiler) field(n node) string {
	name, ok := c.column(n)
	if !ok {
		c.refuse(n, "cannot be compiled")
	}
	switch name {
	case "user":
		return "user.id"
	case "item":
		return "item.id"
	case "ts":
		c.refuse(n, "ts cannot be computed with: use EXTRACT(HOUR FROM ts), or a window")
	}
	return name
}

func (c *compiler) logical(n node) string {
	args := c.expressions(n.list("args"))
	switch n.text("boolop") {
	case "NOT_EXPR":
		return "(not " + args[0] + ")"
	case "OR_EXPR":
		return "(" + strings.Join(args, " || ") + ")"
	}
	return "(" + strings.Join(args, " && ") + ")"
}

func (c *compiler) choice(n node) string {
	if n.has("arg") {
		c.refuse(n, "write CASE WHEN x = 1 THEN … instead of CASE x WHEN 1 THEN …")
	}
	var b strings.Builder
	whens := n.list("args")
	for _, w := range whens {
		fmt.Fprintf(&b, "(%s ? %s : ", c.expression(w.child("expr")), c.expression(w.child("result")))
	}
	rest := n.child("defresult")
	if rest.none() {
		c.refuse(n, "CASE needs an ELSE")
	}
	b.WriteString(c.expression(rest))
	b.WriteString(strings.Repeat(")", len(whens)))
	return b.String()
}

func (c *compiler) call(n node) string {
	name, args := n.last("funcname"), n.list("args")
	if name == "extract" && len(args) == 2 {
		c.isTime(args[1])
		switch part, _ := args[0].value().(string); part {
		case "hour":
			return "hour"
		case "dow":
			return "weekday"
		}
		c.refuse(n, "EXTRACT gives the HOUR and, with Sunday as 0, the DOW of ts, in UTC")
	}
	f, ok := functions[name]
	if !ok {
		c.refuse(n, "there is no function %s in a formula", strings.ToUpper(name))
	}
	if len(args) != f.args || n.has("over") || n.has("agg_filter") {
		c.refuse(n, "%s takes one argument", strings.ToUpper(name))
	}
	return f.ours + "(" + c.expression(args[0]) + ")"
}

func (c *compiler) operation(n node) string {
	op := n.last("name")
	left, right := n.child("lexpr"), n.child("rexpr")
	switch n.text("kind") {
	case "AEXPR_OP":
		ours, ok := operators[op]
		if !ok {
			c.refuse(n, "there is no operator %s", op)
		}
		if left.none() {
			return "(" + ours + c.expression(right) + ")"
		}
		return "(" + c.expression(left) + " " + ours + " " + c.expression(right) + ")"
	case "AEXPR_IN":
		in := "(" + c.expression(left) + " in [" + strings.Join(c.expressions(right.list("items")), ", ") + "])"
		if op == "<>" {
			return "(not " + in + ")"
		}
		return in
	case "AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN":
		bounds, x := right.list("items"), c.expression(left)
		between := fmt.Sprintf("(%s >= %s && %s <= %s)", x, c.expression(bounds[0]), x, c.expression(bounds[1]))
		if n.text("kind") == "AEXPR_NOT_BETWEEN" {
			return "(not " + between + ")"
		}
		return between
	case "AEXPR_LIKE":
		return c.like(n, op, left, right)
	case "AEXPR_OP_ANY":
		if op == "=" { // 'x' = ANY(item.tags)
			return "(" + c.expression(left) + " in " + c.expression(right) + ")"
		}
	case "AEXPR_NULLIF":
		c.refuse(n, "NULLIF stands around the divisor of a ratio alone")
	}
	c.refuse(n, "%s cannot be compiled", op)
	return ""
}

// like compiles the patterns that begin, end or contain: 'a%', '%a' and '%a%'.
func (c *compiler) like(n node, op string, left, right node) string {
	pattern, ok := right.value().(string)
	begins, ends := strings.HasSuffix(pattern, "%"), strings.HasPrefix(pattern, "%")
	inner := strings.Trim(pattern, "%")
	if !ok || strings.ContainsAny(inner, `%_\`) {
		c.refuse(n, "LIKE takes 'a%%', '%%a', '%%a%%' or a plain text")
	}
	ours := "=="
	switch {
	case begins && ends:
		ours = "contains"
	case begins:
		ours = "startsWith"
	case ends:
		ours = "endsWith"
	}
	like := "(" + c.expression(left) + " " + ours + " " + strconv.Quote(inner) + ")"
	if op == "!~~" {
		return "(not " + like + ")"
	}
	return like
}
