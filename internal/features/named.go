package features

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
// categories as the texts that they are the hashes of, as far as these are known: see speller. It is used by one goroutine, which is the
// one that uses the query.
type Namer struct {
	columns []Column
	speller speller
}

// NewNamer returns a Namer for queries of the store.
func (s *Store) NewNamer() *Namer { return &Namer{columns: s.Columns()} }

// Named appends the values of all features to dst, in the order of [Store.Columns], for the item that q has evaluated last;
// they stay good until the next call with the same dst.
func (n *Namer) Named(q *Query, dst []NamedValue) []NamedValue {
	n.speller.begin(q)
	for i, c := range n.columns {
		v := NamedValue{Name: c.Name}
		n.speller.spell(i, c.Shape, &v)
		dst = append(dst, v)
	}
	return dst
}
