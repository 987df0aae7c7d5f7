package event

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// nulls says what a null in a flat map means.
type nulls bool

const (
	nullIsAbsent  nulls = false // in events
	nullIsRemoval nulls = true  // in upserts
)

func finite(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }

// value reads a value of a flat map. Not ok: it has none of the types that a flat map may hold, and was
// passed over and counted.
func (d *Decoder) value() (v Value, ok bool) {
	switch c := d.scan.peek(); c {
	case '"':
		return Value{Kind: String, Str: d.scan.str()}, true
	case 't':
		return Value{Kind: Bool, Num: 1}, d.scan.word("true")
	case 'f':
		return Value{Kind: Bool}, d.scan.word("false")
	case 'n':
		return Value{Kind: Null}, d.scan.word("null")
	case '[':
		v, ok = d.wordList()
	case '{':
		d.scan.skip()
	default:
		v = Value{Kind: Number, Num: d.scan.number()}
		ok = finite(v.Num)
	}
	if !ok {
		d.Counts.DroppedValues++
	}
	return v, ok
}

// wordList reads an array of strings and numbers; a number stands as its shortest decimal text, so that [1] and ["1"]
// are one list. Not ok when the array holds anything else, or a number that float64 cannot hold.
func (d *Decoder) wordList() (Value, bool) {
	d.list = d.list[:0]
	pure := true
	for ok := d.scan.firstElement(); ok; ok = d.scan.nextElement() {
		switch c := d.scan.peek(); {
		case c == '"':
			d.list = append(d.list, d.scan.str())
		case c == '-' || c-'0' <= 9:
			text, finite := d.scan.numberText()
			d.list = append(d.list, text)
			pure = pure && finite
		default:
			pure = false
			d.scan.skip()
		}
	}
	if !pure {
		return Value{}, false
	}
	return Value{Kind: List, List: d.slabs.strings.clone(d.list)}, true
}

// attribute reads the value of one key of a flat map into the scratch.
func (d *Decoder) attribute(key string, null nulls) {
	v, ok := d.value()
	if !ok || (v.Kind == Null && null == nullIsAbsent) {
		return
	}
	if idFault(key) != "" {
		d.Counts.DroppedValues++
		return
	}
	d.attrs = append(d.attrs, Attribute{Key: key, Value: v})
}

// attributes returns the flat map that was gathered in the scratch, sorted, and empties the scratch.
func (d *Decoder) attributes() Attributes {
	list := d.attrs
	d.attrs = list[:0]
	if len(list) > MaxAttributes {
		d.refuse(ReasonTooLarge, "", "more than 1024 keys in one map")
		return nil
	}
	sortAttributes(list)
	for i := 1; i < len(list); i++ {
		if list[i].Key == list[i-1].Key {
			d.duplicate(list[i].Key)
			return nil
		}
	}
	return d.slabs.attrs.clone(list)
}

// sortAttributes sorts by key: by insertion while the map is small, as it nearly always is.
func sortAttributes(list []Attribute) {
	if len(list) > 24 {
		slices.SortFunc(list, func(a, b Attribute) int { return cmp.Compare(a.Key, b.Key) })
		return
	}
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].Key < list[j-1].Key; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

// flatMap reads an object as a flat map; null is the empty one.
func (d *Decoder) flatMap(field string, null nulls) Attributes {
	if d.null() {
		return nil
	}
	if d.scan.peek() != '{' {
		d.wrongType(field, "an object")
		return nil
	}
	outer := d.scope
	d.scope = field
	d.attrs = d.attrs[:0]
	for key, ok := d.scan.firstKey(); ok; key, ok = d.scan.nextKey() {
		d.attribute(key, null)
	}
	a := d.attributes()
	d.scope = outer
	return a
}

// DecodeAttributes reads one JSON object as a flat map in which null means absent, by the rules of an
// event's context.
func (d *Decoder) DecodeAttributes(raw []byte) (Attributes, error) {
	d.scan = scanner{buf: raw}
	d.refusal, d.scope = nil, ""
	a := d.flatMap("", nullIsAbsent)
	return a, d.end()
}

// UnmarshalJSON reads a flat map by the rules of an event's context. It copies b.
func (a *Attributes) UnmarshalJSON(b []byte) (err error) {
	var d Decoder
	*a, err = d.DecodeAttributes(slices.Clone(b))
	return err
}

// Clone returns a copy that shares nothing with a, nor with the buffer that a was decoded from.
func (a Attributes) Clone() Attributes {
	out := slices.Clone(a)
	for i := range out {
		out[i].Key = strings.Clone(out[i].Key)
		out[i].Value = out[i].Value.Clone()
	}
	return out
}

// Clone returns a copy that shares nothing with v.
func (v Value) Clone() Value {
	v.Str = strings.Clone(v.Str)
	v.List = slices.Clone(v.List)
	for i := range v.List {
		v.List[i] = strings.Clone(v.List[i])
	}
	return v
}

func escapePointer(field string) string {
	if !strings.ContainsAny(field, "~/") {
		return field
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(field)
}
