package features

import (
	"fmt"
	"math"

	"recsvc/internal/event"
)

// NamedValue is the present value of one feature: a number, or (Number is NaN) a category as text where the attribute
// behind it is at hand, else as a hash. Several categories, with or without weights, and vectors are given by [Namer] alone.
type NamedValue struct {
	Name    string
	Number  float64
	Text    string
	List    []string  // of ShapeCategories and ShapeWeighted
	Weights []float64 // of ShapeWeighted, one for each of List; of ShapeVector its elements
}

// Any returns the value as the type that JSON shows: float64, string, or nil when missing.
func (n NamedValue) Any() any {
	switch {
	case !math.IsNaN(n.Number):
		return n.Number
	case n.Text != "":
		return n.Text
	}
	return nil
}

// describe names the values computed last.
func (q *Query) describe(order []int) []NamedValue {
	out := make([]NamedValue, 0, len(order))
	for _, i := range order {
		f := &q.store.program.feats[i]
		n := NamedValue{Name: f.name, Number: math.NaN()}
		if f.numeric {
			n.Number = q.nums[i]
		} else if id := q.cats[i].id; id != 0 {
			n.Text = fmt.Sprintf("#%016x", id)
		}
		out = append(out, n)
	}
	return out
}

// Trace switches on the recording of which feature made each slot, for [Query.NameShared] and [Query.NameItem].
func (q *Query) Trace(on bool) { q.traced = on }

// SlotNames returns, after Begin or Item with tracing on, the name of the feature behind each slot of the vector that
// was made last.
func (q *Query) SlotNames() []string {
	names := make([]string, len(q.trace))
	for i, t := range q.trace {
		if t == biasFeature {
			names[i] = "bias"
		} else {
			names[i] = q.store.program.feats[t].name
		}
	}
	return names
}

// Values returns every feature of one user in one context, for an item when ref is not NoItem. The caller holds the
// read lock.
func (s *Store) Values(userID string, context event.Attributes, ref ItemRef, now event.Time) []NamedValue {
	q := s.NewQuery()
	q.Begin(userID, context, now)
	q.prepare()
	out := q.describe(s.program.shared)
	if ref != NoItem {
		var v Vector
		q.Item(&v, ref)
		out = append(out, q.describe(s.program.own)...)
	}
	return out
}
