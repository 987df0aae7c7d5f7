package features

import (
	"math"
	"slices"

	"recsvc/internal/event"
)

// NamedValue is the present value of one feature: a number, or (Number is NaN) what its [Shape] says; categories as texts, see speller.
type NamedValue struct {
	Name    string
	Number  float64
	Text    string
	List    []string  // of ShapeCategories and ShapeWeighted
	Weights []float64 // of ShapeWeighted, one for each of List; of ShapeVector its elements
}

// clear makes the value missing; its lists can be used again.
func (n *NamedValue) clear() {
	n.Number, n.Text, n.List, n.Weights = math.NaN(), "", n.List[:0], n.Weights[:0]
}

// WeightedValue is one of the categories of a feature that has a weight for each.
type WeightedValue struct {
	Value  string  `json:"value"`
	Weight float64 `json:"weight"`
}

// Missing reports whether there is no value.
func (n *NamedValue) Missing() bool {
	return n.Number-n.Number != 0 && n.Text == "" && len(n.List) == 0 && len(n.Weights) == 0
}

// Any returns the value as the type that JSON shows: float64, string, []string, []WeightedValue, []float64, or nil when missing.
func (n *NamedValue) Any() any {
	switch {
	case n.Number-n.Number == 0: // neither missing nor beyond what JSON has a number for
		return n.Number
	case n.Text != "":
		return n.Text
	case len(n.List) > 0 && len(n.Weights) > 0:
		out := make([]WeightedValue, len(n.List))
		for i, text := range n.List {
			out[i] = WeightedValue{text, n.Weights[i]}
		}
		return out
	case len(n.List) > 0:
		return slices.Clone(n.List)
	case len(n.Weights) > 0:
		return slices.Clone(n.Weights)
	}
	return nil
}

// describe names the values computed last.
func (q *Query) describe(order []int) []NamedValue {
	out := make([]NamedValue, len(order))
	var texts speller
	texts.begin(q)
	for j, i := range order {
		out[j].Name = q.store.program.feats[i].name
		texts.spell(i, q.store.program.shape(i), &out[j])
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
