package expression

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/expr-lang/expr"

	"recsvc/internal/event"
)

// writer writes random well-typed expressions over shoe, in which nothing is missing.
type writer struct{ *rand.Rand }

func (w writer) pick(options ...string) string { return options[w.IntN(len(options))] }

func (w writer) number(depth int) string {
	if depth == 0 || w.IntN(3) == 0 {
		return w.pick("value", "item.price", "item.stock", "1", "80", "2.5", "len(item.brand)", "len(item.categories)")
	}
	switch w.IntN(6) {
	case 0:
		return fmt.Sprintf("%s(%s, %s)", w.pick("min", "max"), w.number(depth-1), w.number(depth-1))
	case 3:
		return fmt.Sprintf("%s(abs(%s))", w.pick("log1p", "sqrt", "sigmoid", "floor", "ceil"), w.number(depth-1))
	case 4:
		return fmt.Sprintf("clamp(%s, %s, 100)", w.number(depth-1), w.pick("0", "-2.5", "7"))
	case 1:
		return fmt.Sprintf("(%s ? %s : %s)", w.condition(depth-1), w.number(depth-1), w.number(depth-1))
	case 2:
		return fmt.Sprintf("-(%s)", w.number(depth-1))
	}
	return fmt.Sprintf("(%s %s %s)", w.number(depth-1), w.pick("+", "-", "*"), w.number(depth-1))
}

func (w writer) text(depth int) string {
	if depth == 0 || w.IntN(2) == 0 {
		return w.pick("item.brand", "item.created", `"Acme"`, `"sport"`, `"s"`, "item.categories[0]", "item.categories[-1]")
	}
	return w.pick(fmt.Sprintf("upper(%s)", w.text(depth-1)), fmt.Sprintf("(%s + %s)", w.text(depth-1), w.text(depth-1)))
}

func (w writer) condition(depth int) string {
	if depth == 0 {
		return w.pick("item.sale", "true", "false", `"sport" in item.categories`, "item.price == 80")
	}
	switch w.IntN(8) {
	case 0:
		return fmt.Sprintf("(%s %s %s)", w.number(depth-1), w.pick("<", "<=", ">", ">=", "==", "!="), w.number(depth-1))
	case 1:
		return fmt.Sprintf("(%s %s %s)", w.text(depth-1), w.pick("<", ">", "==", "!=", "contains", "startsWith", "endsWith"), w.text(depth-1))
	case 2:
		return fmt.Sprintf("(%s %s item.categories)", w.text(depth-1), w.pick("in", "not in"))
	case 3:
		return fmt.Sprintf("(%s in [%s, %s])", w.text(depth-1), w.text(depth-1), w.text(depth-1))
	case 4:
		return fmt.Sprintf("%s(item.categories, # %s %s)", w.pick("any", "all", "none", "one"), w.pick("==", "!=", "contains", "<"), w.text(0))
	case 5:
		return fmt.Sprintf("not (%s)", w.condition(depth-1))
	}
	return fmt.Sprintf("(%s %s %s)", w.condition(depth-1), w.pick("and", "or", "&&", "||"), w.condition(depth-1))
}

// plain is an event as expr's own machine wants it.
func plain(v *visit) map[string]any {
	item := map[string]any{}
	for _, a := range v.item {
		switch a.Value.Kind {
		case event.Number:
			item[a.Key] = a.Value.Num
		case event.Bool:
			item[a.Key] = a.Value.Num != 0
		case event.String:
			item[a.Key] = a.Value.Str
		case event.List:
			item[a.Key] = a.Value.List
		}
	}
	return map[string]any{
		"item": item, "value": v.value.Num,
		"log1p":   func(x any) float64 { return math.Log1p(float(x)) },
		"sqrt":    func(x any) float64 { return math.Sqrt(float(x)) },
		"sigmoid": func(x any) float64 { return 1 / (1 + math.Exp(-float(x))) },
		"clamp":   func(x, lo, hi any) float64 { return math.Min(math.Max(float(x), float(lo)), float(hi)) },
	}
}

// float undoes expr's distinction of whole numbers.
func float(x any) float64 {
	if n, ok := x.(int); ok {
		return float64(n)
	}
	return x.(float64)
}

// Where nothing is missing and the types agree, an expression means what expr says.
func TestConditionsAgreeWithExprWhereNothingIsMissing(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(5, 5))}
	env, s := plain(shoe), new(State)
	passed := 0
	for range 3000 {
		text := w.condition(1 + w.IntN(4))
		x, err := CompileCondition(text, visitNames, Options{})
		if err != nil {
			if len(text) > 500 { // may have too many nodes
				continue
			}
			t.Fatalf("%s: %v", text, err)
		}
		want, err := expr.Eval(text, env)
		if err != nil {
			t.Fatalf("%s: expr: %v", text, err)
		}
		got := x.True(s, shoe)
		if got != want {
			t.Fatalf("%s: got %v, expr says %v", text, got, want)
		}
		if got {
			passed++
		}
	}
	if passed < 500 || passed > 2500 {
		t.Errorf("%d of 3000 were true: the conditions say little", passed)
	}
}

func TestNumbersAgreeWithExprWhereNothingIsMissing(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(6, 6))}
	env, s := plain(shoe), new(State)
	different := map[float64]bool{}
	for range 2000 {
		text := w.number(1 + w.IntN(4))
		x, err := CompileNumber(text, visitNames, Options{MaxNodes: 10_000, MaxBytes: 100_000})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		boxed, err := expr.Eval("float("+text+")", env)
		if err != nil {
			t.Fatalf("%s: expr: %v", text, err)
		}
		want := boxed.(float64)
		got, ok := x.Number(s, shoe)
		if !ok || math.Abs(got-want) > 1e-12*math.Abs(want) {
			t.Fatalf("%s: got %v %v, expr says %v", text, got, ok, want)
		}
		different[got] = true
	}
	if len(different) < 100 {
		t.Errorf("%d different values in 2000: the numbers say little", len(different))
	}
}
