package export

import (
	"math"

	"recsvc/internal/features"
)

// Schema says what the columns of an export are. It follows from the configuration alone.
type Schema struct {
	Heads    []string
	Features []features.Column
}

// kind is the type of a column.
type kind uint8

const (
	text    kind = iota // empty: null
	integer             // 0: null
	instant             // 0: null
	boolean             // see cells.label for null
	single              // float32
	number              // float64; what is not finite is null
	texts
	numbers
)

type column struct {
	name string
	kind kind
}

// columns are all columns, in the order of cells.
func (s Schema) columns() []column {
	columns := []column{
		{"request", text}, {"user", text}, {"item", text}, {"position", integer}, {"exposed_at", instant}, {"captured_at", instant},
		{"captured_by", text}, {"captured_late", boolean}, {"implied", boolean}, {"scene", text}, {"variant", text},
		{"propensity", number}, {"weight", single}, {"theta", single},
	}
	for _, h := range s.Heads {
		columns = append(columns, column{"label_" + h, boolean}, column{"time_" + h, instant}, column{"value_" + h, number}, column{"p_" + h, single})
	}
	for _, f := range s.Features {
		name := "feature_" + f.Name
		switch f.Shape {
		case features.ShapeNumber:
			columns = append(columns, column{name, number})
		case features.ShapeCategory:
			columns = append(columns, column{name, text})
		case features.ShapeCategories:
			columns = append(columns, column{name, texts})
		case features.ShapeWeighted:
			columns = append(columns, column{name, texts}, column{"weights_" + f.Name, numbers})
		case features.ShapeVector:
			columns = append(columns, column{name, numbers})
		}
	}
	return columns
}

// cells takes the values of one row after the other, in the order of the columns.
type cells interface {
	text(s string)
	integer(n int32)
	instant(ns int64)
	label(l Label) // Unknown: null
	single(x float32)
	number(x float64)
	texts(list []string)
	numbers(list []float64)
}

// put hands the values of a row to c.
func (s Schema) put(r *Row, c cells) {
	c.text(r.Request)
	c.text(r.User)
	c.text(r.Item)
	c.integer(r.Position)
	c.instant(int64(r.Exposed))
	c.instant(int64(r.Captured))
	c.text(r.CapturedBy)
	c.label(truth(r.CapturedLate))
	c.label(truth(r.Implied))
	c.text(r.Scene)
	c.text(r.Variant)
	c.number(orNaN(r.Propensity))
	c.single(r.Weight)
	c.single(r.Theta)
	for i := range r.Heads {
		o := &r.Heads[i]
		c.label(o.Label)
		c.instant(int64(o.Time))
		c.number(o.Value)
		c.single(o.P)
	}
	for i, f := range s.Features {
		v := &r.Features[i]
		switch f.Shape {
		case features.ShapeNumber:
			c.number(v.Number)
		case features.ShapeCategory:
			c.text(v.Text)
		case features.ShapeCategories:
			c.texts(v.List)
		case features.ShapeWeighted:
			c.texts(v.List)
			c.numbers(v.Weights)
		case features.ShapeVector:
			c.numbers(v.Weights)
		}
	}
}

func truth(b bool) Label {
	if b {
		return Positive
	}
	return Negative
}

// orNaN makes of 0, which no propensity is, what is written as null.
func orNaN(x float64) float64 {
	if x == 0 {
		return math.NaN()
	}
	return x
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
