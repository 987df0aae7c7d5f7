package score

import (
	"errors"
	"math"
	"strings"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

var heads = []string{"click", "purchase", "long dwell"}

func price(x float64) event.Attributes {
	return event.Attributes{{Key: "price", Value: event.Value{Kind: event.Number, Num: x}}}
}

func TestAScoreIsWhatItsFormulaSays(t *testing.T) {
	p := []float32{0.1, 0.02, 0.5}
	for _, tc := range []struct {
		text string
		item event.Attributes
		want float32
		ok   bool
	}{
		{"click", nil, 0.1, true},
		{" long dwell ", nil, 0.5, true},
		{"p.click", nil, 0.1, true},
		{`p.click + p["long dwell"]`, nil, 0.6, true},
		{"p.click * (1 + 4 * p.purchase * item.price)", price(10), 0.18, true},
		{"p.click * (1 + 4 * p.purchase * item.price)", nil, 0, false},
		{"p.click * (1 + 4 * p.purchase * (item.price ?? 0))", nil, 0.1, true},
		{"p.click / (item.price - 10)", price(10), 0, false},
		{"p.click * item.price", price(math.MaxFloat64), 0, false},
		{"p.click * item.price", event.Attributes{{Key: "price", Value: event.Value{Kind: event.String, Str: "dear"}}}, 0, false},
	} {
		f, err := New(tc.text, heads)
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		got, ok := f.Of(p, tc.item)
		if ok != tc.ok || ok && math.Abs(float64(got-tc.want)) > 1e-7 {
			t.Errorf("%s of %v: %v, %v, want %v, %v", tc.text, tc.item, got, ok, tc.want, tc.ok)
		}
		if reads := strings.Contains(tc.text, "item."); f.ReadsItem() != reads {
			t.Errorf("%s reads the item: %v", tc.text, f.ReadsItem())
		}
	}
}

func TestAWrongFormulaIsNamedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"p.like":               `no head "like" here: there is p.click, p.purchase`,
		"click * 2":            `no "click" here: a score has p.HEAD`,
		"p.click * user.money": "a score has p.HEAD and item.FIELD",
		"p.click *":            "",
		`"dear"`:               "must be a number",
	} {
		_, err := New(text, heads)
		var e *expression.Error
		if !errors.As(err, &e) || e.Line != 1 || e.Column < 1 || !strings.Contains(e.Message, want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestAScoreAllocatesNothing(t *testing.T) {
	f, err := New("p.click * (1 + 4 * p.purchase * item.price)", heads)
	if err != nil {
		t.Fatal(err)
	}
	p, item := []float32{0.1, 0.02, 0.5}, price(10)
	if n := testing.AllocsPerRun(200, func() { f.Of(p, item) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
