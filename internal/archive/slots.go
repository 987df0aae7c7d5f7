package archive

import (
	"errors"

	"github.com/parquet-go/parquet-go"

	"recsvc/internal/event"
)

// slots is the list of a served record: item, score and propensity by position.
func slots(name string) field {
	element := name + ".list.element."
	spec := func(member string, kind parquet.Kind) leafSpec {
		return leafSpec{path: element + member, kinds: []parquet.Kind{kind}, repeated: true}
	}
	return field{
		members: []member{{name, parquet.List(parquet.Group{"item": dictText, "score": double, "propensity": double})}},
		leaves:  []leafSpec{spec("item", parquet.ByteArray), spec("score", parquet.Double), spec("propensity", parquet.Double)},
		put: func(p *putter, r *event.Record, out []column) {
			p.inexact = p.inexact || r.Served.Swap != [2]int32{} // which is in no column
			p.slots(r.Served.Items, out)
		},
		take: func(t *taker, r *event.Record, in []*leaf) (err error) {
			r.Served.Items, err = t.slots(in)
			return err
		},
	}
}

func (p *putter) slots(items []event.ServedItem, out []column) {
	if len(items) == 0 {
		for i := range out {
			out[i].add(parquet.Value{}, 0, 0)
		}
		return
	}
	for i := range items {
		repetition := b2i(i > 0)
		out[0].add(p.string(items[i].Item), repetition, 1)
		out[1].add(p.double(items[i].Score), repetition, 1)
		out[2].add(p.double(items[i].Propensity), repetition, 1)
	}
}

// slots reads the list of one row.
func (t *taker) slots(in []*leaf) ([]event.ServedItem, error) {
	var items []event.ServedItem
	for more := true; more; {
		var v [3]parquet.Value
		for i := range v {
			var err error
			if v[i], err = in[i].next(); err != nil {
				return nil, err
			}
		}
		if v[0].IsNull() {
			break // an empty list
		}
		if v[1].IsNull() || v[2].IsNull() {
			return nil, errors.New("a score or a propensity is null")
		}
		items = append(items, event.ServedItem{Item: t.text.keep(v[0].ByteArray()), Score: v[1].Double(), Propensity: v[2].Double()})
		var err error
		if more, err = in[0].more(); err != nil {
			return nil, err
		}
	}
	return items, nil
}
