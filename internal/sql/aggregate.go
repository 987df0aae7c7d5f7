package sql

import (
	"slices"
	"strings"

	"recsvc/internal/features"
)

// aggregate compiles one aggregate, or a ratio of two counts.
func (c *compiler) aggregate(n node) features.Definition {
	if n.kind == "A_Expr" && n.last("name") == "/" {
		return c.ratio(n)
	}
	if n.kind != "FuncCall" {
		c.refuse(n, "is no aggregate: COUNT, SUM, AVG, MIN, MAX, VARIANCE, STDDEV, PERCENTILE_CONT, MODE, FIRST_VALUE, LAST_VALUE and ARRAY_AGG are, and one count divided by another")
	}
	d := features.Definition{On: c.selectionOf(n.child("agg_filter"))}
	w := c.place(n, &d)
	name := n.last("funcname")
	switch {
	case w.form == rowWindow:
		c.ofRows(n, name, w, &d)
		return d
	case name == "count" && n.flag("agg_distinct"):
		d.Kind, d.Value = "distinct", c.argument(n)
	case name == "count":
		d.Kind = "count"
		c.present(n, &d)
	case n.flag("agg_distinct"):
		c.refuse(n, "DISTINCT stands in COUNT alone: COUNT(DISTINCT item)")
	default:
		c.ofValues(n, name, &d)
	}
	slide(w, &d)
	return d
}

// place gives a definition its scope and window: those of GROUP BY, or of OVER.
func (c *compiler) place(f node, d *features.Definition) window {
	scope, w := c.scope, c.window
	if over, ok := f.fields["over"].(map[string]any); ok {
		if len(c.scope) > 0 || c.window.form != allTime {
			c.refuse(f, "GROUP BY and OVER exclude each other")
		}
		scope, w = c.over(f, node{"WindowDef", over})
	}
	d.Scope = slices.Clone(scope)
	if w.form == timeWindow {
		d.Window = w.size
	}
	return w
}

// exact are the kinds whose windows have no tiles.
var exact = []string{"last", "first_k"}

// slide gives a definition the slide of its window.
func slide(w window, d *features.Definition) {
	if w.form == timeWindow && !slices.Contains(exact, d.Kind) {
		d.Slide = w.slide
	}
}

// present lets COUNT(x) count the events that have an x.
func (c *compiler) present(f node, d *features.Definition) {
	if f.flag("agg_star") {
		return
	}
	d.On.Where = both(d.On.Where, "("+c.argument(f)+" != nil)")
}

// argument is the only argument of a function, as what is added up or remembered.
func (c *compiler) argument(f node) string {
	args := f.list("args")
	if len(args) != 1 {
		c.refuse(f, "%s takes one argument", strings.ToUpper(f.last("funcname")))
	}
	return bare(c.expression(args[0]))
}

// both joins a condition that may be empty with another one.
func both(condition, other string) string {
	if condition == "" {
		return bare(other)
	}
	return "(" + condition + ") && " + other
}

// ofValues compiles what is made of one value of each event.
func (c *compiler) ofValues(f node, name string, d *features.Definition) {
	switch name {
	case "sum", "min", "max":
		d.Kind, d.Value = name, c.argument(f)
	case "avg":
		d.Kind, d.Value = "mean", c.argument(f)
	case "variance", "var_samp", "var_pop", "stddev", "stddev_samp", "stddev_pop":
		d.Kind, d.Value = "variance", c.argument(f)
		d.As = map[string]string{
			"variance": "variance", "var_samp": "variance", "var_pop": "population",
			"stddev": "deviation", "stddev_samp": "deviation", "stddev_pop": "population_deviation",
		}[name]
	case "percentile_cont", "percentile_disc":
		d.Kind, d.Value, d.Quantile = "quantile", c.within(f), c.fraction(f)
	case "mode":
		d.Kind, d.Value, d.N = "top_k", c.within(f), 1
	case "last_value":
		d.Kind, d.Value = "last", c.argument(f)
	case "first_value":
		d.Kind, d.Value, d.N, d.As = "first_k", c.argument(f), 1, "sequence"
	default:
		c.refuse(f, "there is no %s: COUNT, SUM, AVG, MIN, MAX, VARIANCE, STDDEV, PERCENTILE_CONT, MODE, FIRST_VALUE, LAST_VALUE and, over rows, ARRAY_AGG are aggregates",
			strings.ToUpper(name))
	}
}

// within is what an ordered-set aggregate orders: WITHIN GROUP (ORDER BY x).
func (c *compiler) within(f node) string {
	order := f.list("agg_order")
	if !f.flag("agg_within_group") || len(order) != 1 || order[0].text("sortby_dir") == "SORTBY_DESC" {
		c.refuse(f, "write %s(…) WITHIN GROUP (ORDER BY value)", strings.ToUpper(f.last("funcname")))
	}
	return bare(c.expression(order[0].child("node")))
}

func (c *compiler) fraction(f node) float64 {
	args := f.list("args")
	if len(args) == 1 {
		if x, ok := args[0].value().(float64); ok && x > 0 && x < 1 {
			return x
		}
	}
	c.refuse(f, "takes a fraction above 0 and below 1, such as 0.9")
	return 0
}

// ofRows compiles aggregates over the last rows of a key.
func (c *compiler) ofRows(f node, name string, w window, d *features.Definition) {
	d.Kind, d.N = "last_k", w.rows
	switch {
	case name == "count" && f.flag("agg_star"):
		d.As, d.Value = "count", "type" // which every event has
	case name == "avg":
		d.As, d.Value = "mean", c.argument(f)
	case name == "array_agg":
		d.As, d.Value = "sequence", c.argument(f)
	case name == "last_value":
		d.Kind, d.N, d.Value = "last", 0, c.argument(f)
	default:
		c.refuse(f, "over ROWS there are COUNT(*), AVG, ARRAY_AGG and LAST_VALUE: for %s write RANGE BETWEEN INTERVAL … PRECEDING AND CURRENT ROW", strings.ToUpper(name))
	}
}

// ratio compiles one count divided by another: COUNT(*) FILTER (WHERE a) / COUNT(*) FILTER (WHERE b).
func (c *compiler) ratio(n node) features.Definition {
	of, over := c.counted(n.child("lexpr")), c.counted(n.child("rexpr"))
	d := features.Definition{Kind: "rate"}
	w := c.place(of, &d)
	if w.form == rowWindow {
		c.refuse(n, "a ratio over ROWS cannot be compiled: take a window in time")
	}
	d.Of, d.Over = c.eventsOf(of), c.eventsOf(over)
	other := features.Definition{}
	if c.place(over, &other) != w || !slices.Equal(other.Scope, d.Scope) {
		c.refuse(n, "both counts need the same key and window")
	}
	slide(w, &d)
	return d
}

// counted strips what SQL needs around a count so that a division is not one of whole numbers, or by zero.
func (c *compiler) counted(n node) node {
	switch {
	case n.kind == "TypeCast":
		return c.counted(n.child("arg"))
	case n.kind == "A_Expr" && n.last("name") == "*" && n.child("rexpr").value() == 1.0:
		return c.counted(n.child("lexpr"))
	case n.kind == "A_Expr" && n.text("kind") == "AEXPR_NULLIF" && (n.child("rexpr").value() == 0.0 || n.child("rexpr").kind == "A_Const" && n.child("rexpr").value() == nil):
		return c.counted(n.child("lexpr"))
	case n.kind == "FuncCall" && (n.last("funcname") == "count" || n.last("funcname") == "sum"):
		return n
	}
	c.refuse(n, "a ratio is one count divided by another: COUNT(*) FILTER (WHERE …), COUNT(x), or SUM(CASE WHEN … THEN 1 ELSE 0 END)")
	return node{}
}

// eventsOf are the events that a count counts.
func (c *compiler) eventsOf(f node) features.Selection {
	filter := f.child("agg_filter")
	if f.flag("agg_distinct") {
		c.refuse(f, "a ratio counts events: DISTINCT cannot stand in it")
	}
	if f.last("funcname") == "sum" {
		return c.caseOf(f, filter)
	}
	d := features.Definition{On: c.selectionOf(filter)}
	c.present(f, &d)
	return d.On
}

// caseOf reads SUM(CASE WHEN … THEN 1 ELSE 0 END) as a count.
func (c *compiler) caseOf(f, filter node) features.Selection {
	args := f.list("args")
	if len(args) != 1 || args[0].kind != "CaseExpr" {
		c.refuse(f, "in a ratio SUM takes CASE WHEN … THEN 1 ELSE 0 END")
	}
	whens, rest := args[0].list("args"), args[0].child("defresult")
	if len(whens) != 1 || whens[0].child("result").value() != 1.0 || !rest.none() && rest.value() != 0.0 {
		c.refuse(f, "in a ratio SUM takes CASE WHEN … THEN 1 ELSE 0 END")
	}
	s := c.selectionOf(filter)
	types, where := c.selection(whens[0].child("expr"))
	if types != nil {
		s.Types = c.narrow(f, s.Types, types)
	}
	for _, w := range where {
		s.Where = both(s.Where, w)
	}
	return s
}
