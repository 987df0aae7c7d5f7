package archive

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"recsvc/internal/event"
)

const nanosPerMicro = 1000

// field is one part of a record as it stands in the file: the columns that it becomes, and the two directions. put adds one
// row's values to its columns, take reads them from its leaves.
type field struct {
	members []member
	leaves  []leafSpec
	put     func(p *putter, r *event.Record, out []column)
	take    func(t *taker, r *event.Record, in []*leaf) error
}

// member is a column of the file, as it is drawn in docs/archive.md.
type member struct {
	name string
	node parquet.Node
}

// putter is the scratch of writing.
type putter struct {
	inexact bool // the record at hand holds what its columns cannot say
	text    arena
}

// taker is the scratch of reading. Strings of the records that it makes lie in its arena.
type taker struct {
	text    arena
	types   map[string]string // behaviour types that came before
	decoder event.Decoder
}

// arena keeps many small strings in few blocks, which are never written to again.
type arena struct{ free []byte }

const arenaBytes = 64 << 10

// keep returns a copy of b as a string.
func (a *arena) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > arenaBytes/4 {
		return string(b)
	}
	if len(b) > cap(a.free)-len(a.free) {
		a.free = make([]byte, 0, arenaBytes)
	}
	start := len(a.free)
	a.free = append(a.free, b...)
	return unsafe.String(&a.free[start], len(b))
}

// bytesOf returns the bytes of s, which nobody may write to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// string returns a text's value. Engines expect UTF-8 of a text.
func (p *putter) string(s string) parquet.Value {
	if !utf8.ValidString(s) {
		p.inexact = true
		s = toValid(s)
	}
	return parquet.ByteArrayValue(bytesOf(s))
}

// double returns a number's value. What is none would end every sum over the column.
func (p *putter) double(f float64) parquet.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		p.inexact, f = true, 0
	}
	return parquet.DoubleValue(f)
}

func finite(f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("%v is no number", f)
	}
	return nil
}

// optional adds a value of a column that may be null.
func (c *column) optional(v parquet.Value, there bool) {
	if there {
		c.add(v, 0, 1)
	} else {
		c.add(parquet.Value{}, 0, 0)
	}
}

// flat makes a field of one nullable column.
func flat(name string, node parquet.Node, get func(p *putter, r *event.Record) (parquet.Value, bool),
	set func(t *taker, r *event.Record, v parquet.Value) error, kinds ...parquet.Kind,
) field {
	return field{
		members: []member{{name, parquet.Optional(node)}},
		leaves:  []leafSpec{{path: name, kinds: kinds}},
		put: func(p *putter, r *event.Record, out []column) {
			v, there := get(p, r)
			out[0].optional(v, there)
		},
		take: func(t *taker, r *event.Record, in []*leaf) error {
			v, err := in[0].next()
			if err != nil || v.IsNull() {
				return err
			}
			return set(t, r, v)
		},
	}
}

// text is a string; "" is null.
func text(name string, at func(*event.Record) *string) field { return textAs(name, plainText, at) }

// word is a text that comes again and again: it is kept in a dictionary.
func word(name string, at func(*event.Record) *string) field { return textAs(name, dictText, at) }

func textAs(name string, node parquet.Node, at func(*event.Record) *string) field {
	return flat(name, node,
		func(p *putter, r *event.Record) (parquet.Value, bool) { s := *at(r); return p.string(s), s != "" },
		func(t *taker, r *event.Record, v parquet.Value) error {
			*at(r) = t.text.keep(v.ByteArray())
			return nil
		},
		parquet.ByteArray)
}

// eventType is as word; the names that are known do not lie in the arena.
func eventType(name string, at func(*event.Record) *string) field {
	f := word(name, at)
	f.take = func(t *taker, r *event.Record, in []*leaf) error {
		v, err := in[0].next()
		if err != nil || v.IsNull() {
			return err
		}
		b := v.ByteArray()
		s, ok := t.types[string(b)]
		if !ok {
			s = string(b)
			if len(t.types) < maxTypes {
				t.types[s] = s
			}
		}
		*at(r) = s
		return nil
	}
	return f
}

const maxTypes = 1024

// octets are bytes of any kind; none is null.
func octets(name string, at func(*event.Record) *[]byte) field {
	return flat(name, plainBytes,
		func(_ *putter, r *event.Record) (parquet.Value, bool) {
			b := *at(r)
			return parquet.ByteArrayValue(b), len(b) > 0
		},
		func(_ *taker, r *event.Record, v parquet.Value) error {
			*at(r) = append([]byte(nil), v.ByteArray()...)
			return nil
		},
		parquet.ByteArray)
}

// number is a double; 0 is null.
func number(name string, at func(*event.Record) *float64) field {
	return flat(name, double,
		func(p *putter, r *event.Record) (parquet.Value, bool) { f := *at(r); return p.double(f), f != 0 },
		func(_ *taker, r *event.Record, v parquet.Value) error { *at(r) = v.Double(); return finite(v.Double()) },
		parquet.Double)
}

// value is an event's value, which may be 0.
func value(name string) field {
	return flat(name, double,
		func(p *putter, r *event.Record) (parquet.Value, bool) {
			return p.double(r.Event.Value), r.Event.HasValue
		},
		func(_ *taker, r *event.Record, v parquet.Value) error {
			r.Event.Value, r.Event.HasValue = v.Double(), true
			return finite(v.Double())
		}, parquet.Double)
}

// count32 is a whole number of 32 bits; 0 is null.
func count32(name string, at func(*event.Record) *int32) field {
	return flat(name, integer32,
		func(_ *putter, r *event.Record) (parquet.Value, bool) {
			n := *at(r)
			return parquet.Int32Value(n), n != 0
		},
		func(_ *taker, r *event.Record, v parquet.Value) (err error) { *at(r), err = int32Of(v); return err },
		parquet.Int32, parquet.Int64)
}

// count64 is a whole number of 64 bits; 0 is null.
func count64(name string, at func(*event.Record) *int64) field {
	return flat(name, integer64,
		func(_ *putter, r *event.Record) (parquet.Value, bool) {
			n := *at(r)
			return parquet.Int64Value(n), n != 0
		},
		func(_ *taker, r *event.Record, v parquet.Value) error { *at(r) = int64Of(v); return nil },
		parquet.Int64, parquet.Int32)
}

// flag is true or false; a null is false.
func flag(name string, at func(*event.Record) *bool) field {
	return flat(name, boolean,
		func(_ *putter, r *event.Record) (parquet.Value, bool) { return parquet.BooleanValue(*at(r)), true },
		func(_ *taker, r *event.Record, v parquet.Value) error { *at(r) = v.Boolean(); return nil },
		parquet.Boolean)
}

// required makes a flat field one that no file may lack, and no row.
func required(f field) field {
	spec, take := &f.leaves[0], f.take
	spec.required = true
	f.take = func(t *taker, r *event.Record, in []*leaf) error {
		if err := in[0].present(); err != nil {
			return err
		}
		return take(t, r, in)
	}
	return f
}

// present returns an error when the next value is null.
func (l *leaf) present() error {
	if err := l.fill(); err != nil {
		return err
	}
	if l.buf[l.at].IsNull() {
		return errNull
	}
	return nil
}

// place is the record's place in the log.
func place() []field {
	return []field{
		{
			members: []member{{"log_partition", integer32}},
			leaves:  []leafSpec{{path: "log_partition", kinds: []parquet.Kind{parquet.Int32, parquet.Int64}}},
			put:     func(_ *putter, r *event.Record, out []column) { out[0].add(parquet.Int32Value(r.Partition), 0, 0) },
			take: func(_ *taker, r *event.Record, in []*leaf) error {
				v, err := in[0].next()
				if err == nil && !v.IsNull() {
					r.Partition, err = int32Of(v)
				}
				return err
			},
		},
		{
			members: []member{{offsetColumn, rising}},
			leaves:  []leafSpec{offsetLeaf},
			put:     func(_ *putter, r *event.Record, out []column) { out[0].add(parquet.Int64Value(r.Offset), 0, 0) },
			take: func(_ *taker, r *event.Record, in []*leaf) (err error) {
				r.Offset, err = takeOffset(in[0])
				return err
			},
		},
	}
}

const offsetColumn = "log_offset"

var offsetLeaf = leafSpec{path: offsetColumn, kinds: []parquet.Kind{parquet.Int64}, required: true}

func takeOffset(l *leaf) (int64, error) {
	v, err := l.next()
	switch {
	case err != nil:
		return 0, err
	case v.IsNull():
		return 0, errNull
	case v.Int64() < 0:
		return 0, fmt.Errorf("%d is no place in a log", v.Int64())
	}
	return v.Int64(), nil
}

// instant is a time, as whole microseconds, which every engine reads, and the nanoseconds beyond them. An absent time is null.
func instant(name string, at func(*event.Record) *event.Time) field {
	return field{
		members: []member{{name, parquet.Optional(timestamp)}, {name + "_ns", parquet.Optional(integer32)}},
		leaves: []leafSpec{
			{path: name, kinds: []parquet.Kind{parquet.Int64}},
			{path: name + "_ns", kinds: []parquet.Kind{parquet.Int32, parquet.Int64}},
		},
		put: func(_ *putter, r *event.Record, out []column) {
			micros, nanos := splitTime(*at(r))
			out[0].optional(parquet.Int64Value(micros), *at(r) != 0)
			out[1].optional(parquet.Int32Value(nanos), nanos != 0)
		},
		take: func(_ *taker, r *event.Record, in []*leaf) error {
			whole, err := in[0].next()
			if err != nil {
				return err
			}
			beyond, err := in[1].next()
			if err != nil || whole.IsNull() {
				return err
			}
			*at(r), err = joinTime(whole.Int64(), in[0].unit, beyond)
			return err
		},
	}
}

// splitTime returns the microseconds at or before t, and the nanoseconds from there: 0 to 999.
func splitTime(t event.Time) (micros int64, nanos int32) {
	micros, nanos = int64(t)/nanosPerMicro, int32(int64(t)%nanosPerMicro)
	if nanos < 0 {
		micros, nanos = micros-1, nanos+nanosPerMicro
	}
	return micros, nanos
}

func joinTime(n, unit int64, beyond parquet.Value) (event.Time, error) {
	if unit > 1 && (n > math.MaxInt64/unit || n < math.MinInt64/unit-1) {
		return 0, fmt.Errorf("an instant of %d lies outside the years 1678 to 2261", n)
	}
	if unit < nanosPerMicro || beyond.IsNull() { // in nanoseconds, it has them already
		return event.Time(n * unit), nil
	}
	nanos := int64Of(beyond)
	if nanos < 0 || nanos >= nanosPerMicro {
		return 0, fmt.Errorf("%d nanoseconds beyond the microsecond", nanos)
	}
	return event.Time(n*unit + nanos), nil // the least Time wraps, and wraps back
}

func int64Of(v parquet.Value) int64 {
	if v.Kind() == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}

func int32Of(v parquet.Value) (int32, error) {
	n := int64Of(v)
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, fmt.Errorf("%d does not fit into 32 bits", n)
	}
	return int32(n), nil
}

// toValid replaces what is not UTF-8.
func toValid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
