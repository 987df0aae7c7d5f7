package features

import (
	"fmt"
	"math"

	"recsvc/internal/event"
)

// Shape says what the values of a feature look like.
type Shape uint8

// The shapes of values.
const (
	ShapeNumber     Shape = iota // NamedValue.Number; NaN: missing
	ShapeCategory                // NamedValue.Text; empty: missing
	ShapeCategories              // NamedValue.List: any number of categories
	ShapeWeighted                // NamedValue.List and, beside it, Weights
	ShapeVector                  // NamedValue.Weights: dense, of one length
)

// Column is one declared feature as a column of a table. Its shape follows from the definition alone.
type Column struct {
	Name  string
	Shape Shape
}

// Columns are the declared features, in the order of their definitions.
func (s *Store) Columns() []Column {
	columns := make([]Column, len(s.program.feats))
	for i := range columns {
		columns[i] = Column{s.program.feats[i].name, s.program.shape(i)}
	}
	return columns
}

// shape says what a feature can come to: a category that is made of one that may be several may be several too.
func (p *program) shape(i int) Shape {
	f := &p.feats[i]
	switch {
	case f.numeric:
		return ShapeNumber
	case f.dense:
		return ShapeVector
	case f.weighted:
		return ShapeWeighted
	case f.single:
		return ShapeCategory
	case len(f.inputs) > 0:
		for _, in := range f.inputs {
			if p.shape(in) == ShapeCategories {
				return ShapeCategories
			}
		}
		return ShapeCategory
	case f.at.scope >= 0:
		return ShapeCategories
	}
	if fl := p.fields[f.field]; fl.key == "" || fl.index >= 0 || fl.source == fromTime {
		return ShapeCategory
	}
	return ShapeCategories // of an attribute that is a list
}

// Namer spells out what a [Query] has computed last: every feature by name, numbers as they are before shift and scale, and
// categories as the texts that they are the hashes of, as far as these stand in the user, the item, the context or, for
// items that were acted on, in the catalogue. It is used by one goroutine, which is the one that uses the query.
type Namer struct {
	store   *Store
	columns []Column
	items   map[uint64]string // ids of items by their hash, of those below known
	known   ItemRef
	texts   map[uint64]string // by hash: what is at hand
}

// NewNamer returns a Namer for queries of the store.
func (s *Store) NewNamer() *Namer {
	return &Namer{store: s, columns: s.Columns(), items: map[uint64]string{}, texts: map[uint64]string{}}
}

// Named appends the values of all features to dst, in the order of [Store.Columns], for the item that q has evaluated last;
// they stay good until the next call with the same dst.
func (n *Namer) Named(q *Query, dst []NamedValue) []NamedValue {
	n.gather(q)
	for i, c := range n.columns {
		v := NamedValue{Name: c.Name, Number: math.NaN()}
		switch {
		case c.Shape == ShapeNumber:
			v.Number = q.nums[i]
		case c.Shape == ShapeCategory:
			if id := q.cats[i].id; id != 0 {
				v.Text = n.text(id)
			}
		case len(q.cats[i].list) > 0:
			if c.Shape != ShapeVector {
				for _, id := range q.cats[i].list {
					v.List = append(v.List, n.text(id))
				}
			}
			for _, w := range q.cats[i].weights {
				v.Weights = append(v.Weights, float64(w))
			}
		case q.cats[i].id != 0:
			v.List = append(v.List, n.text(q.cats[i].id))
		}
		dst = append(dst, v)
	}
	return dst
}

// gather notes the texts that are at hand.
func (n *Namer) gather(q *Query) {
	clear(n.texts)
	n.add(q.userID)
	n.add(q.session)
	if q.user != nil {
		if attrs, err := event.DecodeAttributes(q.user.attrs); err == nil {
			n.attributes(attrs)
			n.spell(fromUser, attrs)
		}
	}
	n.attributes(q.context)
	n.spell(fromContext, q.context)
	for i := range n.store.program.fields {
		if n.store.program.fields[i].source == fromTime {
			n.number(q.field(i).num)
		}
	}
	if q.item != nil {
		n.add(q.item.ID)
		n.attributes(q.item.Attrs)
		n.spell(fromItem, q.item.Attrs)
	}
	for ; n.known < n.store.items.n; n.known++ {
		it := n.store.items.at(n.known)
		n.items[it.hash] = it.ID
	}
}

func (n *Namer) attributes(attrs event.Attributes) {
	for i := range attrs {
		switch v := &attrs[i].Value; v.Kind {
		case event.String:
			n.add(v.Str)
		case event.Number, event.Bool:
			n.number(v.Num)
		case event.List:
			for _, s := range v.List {
				n.add(s)
			}
		}
	}
}

// spell notes what is made of the fields of a source.
func (n *Namer) spell(from source, attrs event.Attributes) {
	p := n.store.program
	for i, text := range p.spelled {
		if f := &p.fields[i]; f.source == from {
			if v, ok := f.value(attrs); ok {
				n.add(text(v))
			}
		}
	}
}

func (n *Namer) add(s string) { n.texts[hashString(s)] = s }

func (n *Namer) number(x float64) { n.texts[hashNumber(x)] = string(appendNumber(nil, x)) }

// text is what a category is the hash of, or else the hash, in hexadecimal digits.
func (n *Namer) text(id uint64) string {
	if s, ok := n.texts[id]; ok {
		return s
	}
	if s, ok := n.items[id]; ok {
		return s
	}
	if s, ok := n.store.program.texts[id]; ok {
		return s
	}
	return fmt.Sprintf("#%016x", id)
}
