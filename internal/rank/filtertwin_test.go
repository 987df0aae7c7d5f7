package rank

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/expr-lang/expr"

	"recsvc/internal/event"
)

// writer writes random well-typed filters over the fields of shoe.
type writer struct{ *rand.Rand }

func (w writer) pick(options ...string) string { return options[w.IntN(len(options))] }

func (w writer) number(depth int) string {
	if depth == 0 || w.IntN(3) == 0 {
		return w.pick("item.price", "item.stock", "1", "80", "2.5", "len(item.brand)", "len(item.categories)")
	}
	switch w.IntN(4) {
	case 0:
		return fmt.Sprintf("%s(%s, %s)", w.pick("min", "max"), w.number(depth-1), w.number(depth-1))
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

// record is the item as expr's own machine wants it.
func record(item *Item) map[string]any {
	fields := map[string]any{"item": item.ID}
	for _, a := range item.Attrs {
		switch a.Value.Kind {
		case event.Number:
			fields[a.Key] = a.Value.Num
		case event.Bool:
			fields[a.Key] = a.Value.Num != 0
		case event.String:
			fields[a.Key] = a.Value.Str
		case event.List:
			fields[a.Key] = a.Value.List
		}
	}
	return fields
}

// Where nothing is missing and the types agree, a filter means what expr says.
func TestFilterAgreesWithExprOnCompleteItems(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(5, 5))}
	env := map[string]any{"item": record(shoe)}
	passed := 0
	for range 3000 {
		text := w.condition(1 + w.IntN(4))
		f, err := CompileFilter(text)
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
		got := f.Match(shoe)
		if got != want {
			t.Fatalf("%s: got %v, expr says %v", text, got, want)
		}
		if got {
			passed++
		}
	}
	if passed < 500 || passed > 2500 {
		t.Errorf("%d of 3000 passed: the filters say little", passed)
	}
}
