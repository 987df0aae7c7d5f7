package features

import (
	"fmt"

	"recsvc/internal/event"
)

// Readout reads chosen features of one entity after another, for those who use the store as a store of features. Each read
// takes the store's read lock by itself, so that one entity's values are of one instant, and the writer waits for no more than one
// entity. All of a readout is read under the definitions that were in force when it was made: see [Store.Adopt].
//
// It is used by one goroutine. [Readout.Close] gives it back.
type Readout struct {
	store       *Store
	q           *Query
	speller     speller
	columns     []Column
	chosen      []int // features, one for each column
	needed      []bool
	shared, own []int // what is computed for them, inputs first
	values      []NamedValue
	stranger    Item // stands for an item that was never met
}

// NoFeatureError says which name is no feature's.
type NoFeatureError struct {
	Index int // in the names asked for
	Name  string
	Near  string // a name like it; empty: there is none
}

func (e *NoFeatureError) Error() string {
	if e.Near == "" {
		return fmt.Sprintf("%.64q is no feature", e.Name)
	}
	return fmt.Sprintf("%.64q is no feature; did you mean %q?", e.Name, e.Near)
}

// Readout chooses features by name, or (none) all of them. The name of a definition with several windows stands for all of its features. A name that is given
// twice counts once. An unknown one is a *NoFeatureError.
func (s *Store) Readout(names []string) (*Readout, error) {
	r, ok := s.readouts.Get().(*Readout)
	if !ok {
		r = &Readout{store: s, q: s.NewQuery()}
	}
	s.RLock()
	r.q.pin()
	s.RUnlock()
	if err := r.choose(names); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close gives the readout back. What it returned is no longer good.
func (r *Readout) Close() {
	r.q.context, r.q.session, r.q.item, r.q.user, r.speller.q = nil, "", nil, nil, nil
	r.q.name("")
	r.store.readouts.Put(r)
}

// Columns are the chosen features, in the order of the values.
func (r *Readout) Columns() []Column { return r.columns }

func (r *Readout) choose(names []string) error {
	p := r.q.store.program
	r.columns, r.chosen, r.shared, r.own = r.columns[:0], r.chosen[:0], r.shared[:0], r.own[:0]
	r.needed = append(r.needed[:0], make([]bool, len(p.feats))...)
	if len(names) == 0 {
		for i := range p.feats {
			r.take(p, i)
		}
	}
	for i, name := range names {
		if !r.takeNamed(p, name) {
			return &NoFeatureError{Index: i, Name: name, Near: nearest(name, p.names())}
		}
	}
	clear(r.needed)
	for _, i := range r.chosen {
		r.need(p, i)
	}
	r.shared, r.own = r.those(r.shared, p.shared), r.those(r.own, p.own)
	for len(r.values) < len(r.chosen) {
		r.values = append(r.values, NamedValue{})
	}
	for i := range r.columns {
		r.values[i].Name = r.columns[i].Name
	}
	return nil
}

// takeNamed adds the features that a name stands for, and says whether there are any.
func (r *Readout) takeNamed(p *program, name string) (found bool) {
	if i, ok := p.byName[name]; ok {
		r.take(p, i)
		return true
	}
	for i := range p.feats {
		if p.feats[i].family == name && name != "" {
			r.take(p, i)
			found = true
		}
	}
	return found
}

func (r *Readout) take(p *program, i int) {
	if !r.needed[i] {
		r.needed[i] = true
		r.chosen = append(r.chosen, i)
		r.columns = append(r.columns, Column{p.feats[i].name, p.shape(i)})
	}
}

// need marks a feature and what it is made of.
func (r *Readout) need(p *program, i int) {
	if !r.needed[i] {
		r.needed[i] = true
		for _, in := range p.feats[i].inputs {
			r.need(p, in)
		}
	}
}

// those appends the features that are needed, in the order in which they are computed.
func (r *Readout) those(dst, order []int) []int {
	for _, i := range order {
		if r.needed[i] {
			dst = append(dst, i)
		}
	}
	return dst
}

// Read returns the values of the chosen features as of now, for a user, an item and a context, each of which may be missing. They are what a list
// would be ranked by, before shift and scale: somebody never seen has the values of a newcomer. Without an item, what depends on
// it is missing. The values are good until the next call.
//
// The state is the present one: of an instant before it windows are exact down to 5 s before the newest event of their key.
func (r *Readout) Read(userID, itemID string, context event.Attributes, now event.Time) ([]NamedValue, error) {
	r.begin(userID)
	r.store.RLock()
	defer r.store.RUnlock()
	q := r.q
	q.begin(context, now)
	r.evaluate(r.shared)
	if itemID != "" && len(r.own) > 0 {
		q.turnTo(r.item(itemID))
		q.evaluate(r.own)
	}
	if err := q.Err(); err != nil {
		return nil, err
	}
	return r.spell(itemID != ""), nil
}

// begin names the user, and reads whoever is not in memory while it holds no lock.
func (r *Readout) begin(userID string) {
	q := r.q
	q.name(userID)
	if q.hash == 0 {
		return
	}
	r.store.RLock()
	hot := q.hot()
	r.store.RUnlock()
	if !hot {
		q.borrow()
	}
}

// evaluate computes what does not depend on the item.
func (r *Readout) evaluate(order []int) {
	r.q.ids, r.q.weights = r.q.ids[:0], r.q.weights[:0]
	r.q.locate()
	r.q.evaluate(order)
}

// item finds an item, or one like it that has just been met for the first time.
func (r *Readout) item(id string) *Item {
	t := &r.q.store.items
	if ref, ok := t.find(id); ok {
		return t.at(ref)
	}
	r.stranger = t.stranger(id)
	return &r.stranger
}

// spell fills the values in.
func (r *Readout) spell(withItem bool) []NamedValue {
	r.speller.begin(r.q)
	values := r.values[:len(r.chosen)]
	for j, i := range r.chosen {
		if f := &r.q.store.program.feats[i]; f.byItem && !withItem {
			values[j].clear()
		} else {
			r.speller.spell(i, r.columns[j].Shape, &values[j])
		}
	}
	return values
}

// names are those that features can be asked for by.
func (p *program) names() (names []string) {
	for i := range p.feats {
		names = append(names, p.feats[i].name)
		if family := p.feats[i].family; family != "" {
			names = append(names, family)
		}
	}
	return names
}
