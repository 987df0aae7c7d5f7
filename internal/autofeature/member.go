package autofeature

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// member is a category that rates are kept by and crosses are made of.
type member struct {
	field  string // of an attribute, and of a scope
	scope  string // "": it is no key that state could be kept under
	input  string // name of the feature that gives the category
	label  string // of names made with it
	from   source
	column *column
	gain   Gain
	told   Information
	odds   []float64 // what it predicts
}

// tells reports whether a member says anything of the outcome.
func (m *member) tells(entropy float64) bool { return m.gain.tells(entropy) || m.told.tells() }

// weigh measures a member.
func (st *study) weigh(m *member) {
	m.gain, m.told = st.gain(m.column), st.information(m.column)
	_, m.odds = st.measure(m.column, trial{strength: m.gain.Strength, keep: true})
}

// entities are the user and the item.
func (st *study) entities() (user, item *member) {
	n := len(st.y)
	user = &member{field: "user.id", scope: "user", input: "user", label: "user", from: inUser}
	user.column = build(n, func(i int) (string, bool) { return st.s.shown[i].e.User, st.s.shown[i].e.User != "" })
	item = &member{field: "item.id", scope: "item", input: "item", label: "item", from: inItem}
	item.column = build(n, func(i int) (string, bool) { return st.s.shown[i].e.Item, true })
	st.weigh(user)
	st.weigh(item)
	return user, item
}

// combination is a pair of members and what it tells beyond the two.
type combination struct {
	a, b   *member
	column *column
	gain   Gain
}

// combine measures a pair beyond what its members say side by side. A pair that is no finer than one of them gains nothing.
func (st *study) combine(a, b *member) combination {
	c := combination{a: a, b: b, column: join(len(st.y), a.column, b.column)}
	if c.column.n <= max(a.column.n, b.column.n) {
		return c
	}
	towards := st.beside(a, b)
	for i, strength := range strengths {
		g, _ := st.measure(c.column, trial{strength: strength, towards: towards})
		if i == 0 || g.Bits > c.gain.Bits {
			c.gain = g
		}
	}
	return c
}

// shares are the weights that the log-odds of two members are added with.
var shares = [][2]float64{{1, 1}, {1, 0}, {0, 1}, {0.5, 0.5}, {1, 0.5}, {0.5, 1}}

// beside is the best that two members predict without being combined: their log-odds, as differences from those of everything, added
// up with the weights that lose least. In full they would count twice what both say.
func (st *study) beside(a, b *member) (best []float64) {
	least, odds := math.Inf(1), make([]float64, len(st.y))
	for _, w := range shares {
		loss := 0.0
		for i, y := range st.y {
			odds[i] = st.odds[i] + float64(w[0]*(a.odds[i]-st.odds[i])) + float64(w[1]*(b.odds[i]-st.odds[i]))
			loss += lossOf(within(sigmoid(odds[i])), y)
		}
		if loss < least {
			least, best = loss, slices.Clone(odds)
		}
	}
	return best
}

// Bounds on what is tried and proposed.
const (
	mostMembers   = 8 // fields combined with each other, the user and the item
	mostPairRates = 10
	mostCrosses   = 8
)

// pairs measures the pairs of user, item and the fields that tell most, the best first.
func (st *study) pairs(user, item *member, fields []*member) (out []combination) {
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b *member) int { return cmp.Compare(b.gain.Bits, a.gain.Bits) })
	members := append([]*member{user, item}, fields[:min(len(fields), mostMembers)]...)
	for i, a := range members {
		for _, b := range members[i+1:] {
			if a.input != b.input && !nested(a, b) {
				if c := st.combine(a, b); c.gain.tells(st.entropy) {
					out = append(out, c)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b combination) int { return cmp.Compare(b.gain.Bits, a.gain.Bits) })
	return out
}

// nested reports whether both members are functions of the same user, or item: together they are one more id of it. Two places of
// one list are as bad.
func nested(a, b *member) bool {
	return a.from == b.from && (a.from == inUser || a.from == inItem) ||
		strings.SplitN(a.field, "[", 2)[0] == strings.SplitN(b.field, "[", 2)[0]
}
