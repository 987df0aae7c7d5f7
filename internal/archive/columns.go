package archive

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/parquet-go/parquet-go"

	"recsvc/internal/event"
)

// The nodes that columns are made of.
var (
	dictText   = parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	plainText  = parquet.String()
	plainBytes = parquet.Leaf(parquet.ByteArrayType)
	integer32  = parquet.Encoded(parquet.Leaf(parquet.Int32Type), &parquet.RLEDictionary)
	integer64  = parquet.Leaf(parquet.Int64Type)
	rising     = parquet.Encoded(parquet.Leaf(parquet.Int64Type), &parquet.DeltaBinaryPacked)
	timestamp  = parquet.Encoded(parquet.Timestamp(parquet.Microsecond), &parquet.DeltaBinaryPacked)
	double     = parquet.Leaf(parquet.DoubleType)
	boolean    = parquet.Leaf(parquet.BooleanType)
)

var errNull = errors.New("it is null and must not be")

// layout is how the records of one kind lie in a file.
type layout struct {
	kind   event.Kind
	fields []field
	schema *parquet.Schema
	places [][]int // by field: the indexes of its leaves in the schema
}

// layoutOf returns the layout of a kind's files; nil: there is no such kind.
func layoutOf(k event.Kind) *layout {
	layouts := layouts()
	if int(k) >= len(layouts) {
		return nil
	}
	return layouts[k]
}

var layouts = sync.OnceValue(func() []*layout {
	var all []*layout
	for kind, fields := range kindFields() {
		for len(all) <= int(kind) {
			all = append(all, nil)
		}
		all[kind] = newLayout(kind, fields)
	}
	return all
})

func received(r *event.Record) *event.Time { return &r.Received }

// kindFields is the one description of all columns, in their order.
func kindFields() map[event.Kind][]field {
	return map[event.Kind][]field{
		event.KindEvent: {
			instant("ts", func(r *event.Record) *event.Time { return &r.Event.Time }),
			required(eventType("type", func(r *event.Record) *string { return &r.Event.Type })),
			required(word("user", func(r *event.Record) *string { return &r.Event.User })),
			word("item", func(r *event.Record) *string { return &r.Event.Item }),
			value("value"),
			text("request", func(r *event.Record) *string { return &r.Event.Request }),
			count32("position", func(r *event.Record) *int32 { return &r.Event.Position }),
			number("propensity", func(r *event.Record) *float64 { return &r.Event.Propensity }),
			word("session", func(r *event.Record) *string { return &r.Event.Session }),
			text("text", func(r *event.Record) *string { return &r.Event.Text }),
			attributes("context", func(r *event.Record) *event.Attributes { return &r.Event.Context }),
			text("id", func(r *event.Record) *string { return &r.Event.ID }),
		},
		event.KindItem: {
			required(text("item", func(r *event.Record) *string { return &r.Item.ID })),
			flag("deleted", func(r *event.Record) *bool { return &r.Item.Deleted }),
			attributes("attributes", func(r *event.Record) *event.Attributes { return &r.Item.Attrs }),
		},
		event.KindUser: {
			required(text("user", func(r *event.Record) *string { return &r.User.ID })),
			attributes("attributes", func(r *event.Record) *event.Attributes { return &r.User.Attrs }),
		},
		event.KindServed: {
			instant("ts", func(r *event.Record) *event.Time { return &r.Served.Time }),
			text("request", func(r *event.Record) *string { return &r.Served.Request }),
			word("user", func(r *event.Record) *string { return &r.Served.User }),
			word("scene", func(r *event.Record) *string { return &r.Served.Scene }),
			word("model", func(r *event.Record) *string { return &r.Served.Model }),
			word("variant", func(r *event.Record) *string { return &r.Served.Variant }),
			attributes("context", func(r *event.Record) *event.Attributes { return &r.Served.Context }),
			slots("items"),
		},
		event.KindControl: {
			required(word("type", func(r *event.Record) *string { return &r.Control.Type })),
			attributes("attributes", func(r *event.Record) *event.Attributes { return &r.Control.Attrs }),
		},
		event.KindTick: {
			instant("ts", func(r *event.Record) *event.Time { return &r.Tick.Time }),
		},
		event.KindDeadLetter: {
			word("source", func(r *event.Record) *string { return &r.DeadLetter.Source }),
			word("reason", func(r *event.Record) *string { return &r.DeadLetter.Reason }),
			text("detail", func(r *event.Record) *string { return &r.DeadLetter.Detail }),
			text("place", func(r *event.Record) *string { return &r.DeadLetter.Place }),
			octets("bytes", func(r *event.Record) *[]byte { return &r.DeadLetter.Bytes }),
			count64("size", func(r *event.Record) *int64 { return &r.DeadLetter.Size }),
		},
	}
}

// blank makes the record that a kind's fields fill.
func blank(kind event.Kind) event.Record {
	r := event.Record{Kind: kind}
	switch kind {
	case event.KindEvent:
		r.Event = new(event.Event)
	case event.KindItem:
		r.Item = new(event.Item)
	case event.KindUser:
		r.User = new(event.User)
	case event.KindServed:
		r.Served = new(event.Served)
	case event.KindControl:
		r.Control = new(event.Control)
	case event.KindTick:
		r.Tick = new(event.Tick)
	case event.KindDeadLetter:
		r.DeadLetter = new(event.DeadLetter)
	}
	return r
}

func newLayout(kind event.Kind, own []field) *layout {
	l := &layout{kind: kind, fields: slices.Concat(place(), []field{instant("received", received)}, own, []field{raw()})}
	root := ordered{Group: parquet.Group{}}
	for _, f := range l.fields {
		for _, m := range f.members {
			root.Group[m.name] = m.node
			root.names = append(root.names, m.name)
		}
	}
	l.schema = parquet.NewSchema(kind.String(), root)
	index := map[string]int{}
	for i, path := range l.schema.Columns() {
		index[strings.Join(path, ".")] = i
	}
	for _, f := range l.fields {
		var at []int
		for _, spec := range f.leaves {
			i, ok := index[spec.path]
			if !ok {
				panic(fmt.Sprintf("archive: no column %s in %v", spec.path, kind))
			}
			at = append(at, i)
		}
		l.places = append(l.places, at)
	}
	return l
}

// ordered is a group whose fields keep the order of names.
type ordered struct {
	parquet.Group
	names []string
}

func (g ordered) Fields() []parquet.Field {
	fields := g.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int {
		return slices.Index(g.names, a.Name()) - slices.Index(g.names, b.Name())
	})
	return fields
}

// raw is the whole record in its binary form, where the other columns cannot hold all of it exactly: text that is not UTF-8, or
// a number that is none. It is the last field, and is nearly always null.
func raw() field {
	return flat("raw", plainBytes,
		func(p *putter, r *event.Record) (parquet.Value, bool) {
			if !p.inexact {
				return parquet.Value{}, false
			}
			return parquet.ByteArrayValue(event.AppendRecord(nil, r)), true
		},
		func(t *taker, r *event.Record, v parquet.Value) error {
			kind := r.Kind
			if err := t.decoder.DecodeBinary(append([]byte(nil), v.ByteArray()...), r); err != nil {
				return err
			}
			if r.Kind != kind {
				return fmt.Errorf("it holds a record of the kind %v", r.Kind)
			}
			return nil
		}, parquet.ByteArray)
}
