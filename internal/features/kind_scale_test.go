package features

import (
	"math"
	"testing"

	"recsvc/internal/event"
)

func TestScaledNumbersHaveACommonSize(t *testing.T) {
	price := Definition{Name: "price", Kind: "number", Field: "item.price"}
	within := Definition{Kind: "scale", Inputs: []string{"price"}, Min: ptr(10), Max: ptr(30)}
	score := Definition{Kind: "scale", Inputs: []string{"price"}, Mean: ptr(80), Deviation: 40}
	for _, tc := range []struct {
		def   Definition
		price event.Value
		want  any
	}{
		{within, num(10), 0.0}, {within, num(15), 0.25}, {within, num(30), 1.0}, {within, num(-5), 0.0}, {within, num(1e300), 1.0}, {within, text("cheap"), nil},
		{score, num(80), 0.0}, {score, num(20), -1.5}, {score, num(200), 3.0}, {score, event.Value{}, nil},
	} {
		if got := saying(scenery{item: of("price", tc.price)}.read(t, price, tc.def)); !sameSaying(got, tc.want) {
			t.Errorf("%v of %v is %v, want %v", tc.def, tc.price, got, tc.want)
		}
	}
	scale := func(d Definition) Definition { d.Kind, d.Inputs = "scale", []string{"number"}; return d }
	checkMistakes(t, []mistaken{
		{scale(Definition{}), "kind", "scale needs min and max, or mean and deviation"},
		{scale(Definition{Min: ptr(1)}), "max", "is missing beside min"},
		{scale(Definition{Max: ptr(1)}), "min", "is missing beside max"},
		{scale(Definition{Min: ptr(1), Max: ptr(1)}), "max", "must be above min"},
		{scale(Definition{Min: ptr(-math.MaxFloat64), Max: ptr(math.MaxFloat64)}), "max", "must be above min"},
		{scale(Definition{Min: ptr(math.NaN()), Max: ptr(1)}), "min", "must be a finite number"},
		{scale(Definition{Min: ptr(0), Max: ptr(1), Mean: ptr(0)}), "mean", "min and max, or mean and deviation: not both"},
		{scale(Definition{Min: ptr(0), Max: ptr(1), Deviation: 1}), "deviation", "min and max, or mean and deviation: not both"},
		{scale(Definition{Deviation: 1}), "mean", "is missing beside deviation"},
		{scale(Definition{Mean: ptr(1)}), "deviation", "must be above 0"},
		{scale(Definition{Mean: ptr(1), Deviation: -2}), "deviation", "must be above 0"},
		{Definition{Kind: "scale", Inputs: []string{"text"}, Min: ptr(0), Max: ptr(1)}, "inputs", `"text" is not a number: name one that is, such as those of kind number`},
		{Definition{Kind: "scale", Inputs: []string{"number", "number"}, Min: ptr(0), Max: ptr(1)}, "inputs", "scale takes one feature, not 2"},
		{Definition{Kind: "scale", Inputs: []string{"y"}, Min: ptr(0), Max: ptr(1)}, "inputs", `"y" is not a feature declared above: inputs stand before what is made of them`},
	})
}
