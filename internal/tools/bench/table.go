package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// goal is what a figure is held against.
type goal struct {
	value float64
	most  bool // the figure may be at most this; otherwise at least
}

func atLeast(v float64) goal { return goal{value: v} }
func atMost(v float64) goal  { return goal{value: v, most: true} }

// noGoal is that of a figure which is only shown.
var noGoal = goal{value: math.NaN()}

// ratio is 1 when v just reaches the goal and more when it is better.
func (g goal) ratio(v float64) float64 {
	if g.most {
		return g.value / v
	}
	return v / g.value
}

// figure is one row: what was measured in each repeat.
type figure struct {
	name    string
	unit    string
	goal    goal
	samples []float64
	cpu     []usage // while it was measured; only in a load's first row
}

// table holds the figures in the order in which they were first added.
type table struct{ figures []*figure }

// add adds one repeat's sample, and returns the figure.
func (t *table) add(name, unit string, g goal, sample float64) *figure {
	i := slices.IndexFunc(t.figures, func(f *figure) bool { return f.name == name })
	if i < 0 {
		i = len(t.figures)
		t.figures = append(t.figures, &figure{name: name, unit: unit, goal: g})
	}
	t.figures[i].samples = append(t.figures[i].samples, sample)
	return t.figures[i]
}

// noisy is how many cores others may use before figures are called noisy.
const noisy = 0.15

// noise is the greatest use of the machine by others in any load.
func (t *table) noise() (cores float64, during string) {
	for _, f := range t.figures {
		for _, u := range f.cpu {
			if u.others > cores {
				cores, during = u.others, f.name
			}
		}
	}
	return cores, during
}

// write prints the table in Markdown.
func (t *table) write(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| figure | goal | median | spread | ratio to goal | cores used: server + generator + others |\n")
	b.WriteString("|---|---|---|---|---|---|\n")
	for _, f := range t.figures {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", f.name, f.goalText(), with(median(f.samples), f.unit), f.spread(), f.ratioText(), f.cpuText())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *figure) goalText() string {
	if math.IsNaN(f.goal.value) {
		return "–"
	}
	if f.goal.most {
		return "≤ " + with(f.goal.value, f.unit)
	}
	return "≥ " + with(f.goal.value, f.unit)
}

func (f *figure) ratioText() string {
	r := f.goal.ratio(median(f.samples))
	if math.IsNaN(r) {
		return "–"
	}
	if r < 1 {
		return fmt.Sprintf("**%.2f**", r) // missed
	}
	return fmt.Sprintf("%.2f", r)
}

func (f *figure) spread() string {
	if len(f.samples) < 2 {
		return "–"
	}
	return plain(slices.Min(f.samples)) + " … " + plain(slices.Max(f.samples))
}

// cpuText shows the median of each share, as they are used together the order of the repeats does not matter.
func (f *figure) cpuText() string {
	if len(f.cpu) == 0 {
		return ""
	}
	part := func(of func(usage) float64) float64 {
		var v []float64
		for _, u := range f.cpu {
			v = append(v, of(u))
		}
		return median(v)
	}
	return fmt.Sprintf("%.2f + %.2f + %.2f", part(func(u usage) float64 { return u.server }),
		part(func(u usage) float64 { return u.generator }), part(func(u usage) float64 { return u.others }))
}

func with(v float64, unit string) string { return strings.TrimSpace(plain(v) + " " + unit) }

// plain writes a number with about four digits, thousands apart.
func plain(v float64) string {
	a := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return "–"
	case a >= 1000:
		return thousands(int64(math.Round(v)))
	case a >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.4f", v)
}

func thousands(n int64) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
