package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"recsvc/internal/event"
)

// The letters of the column of value types, one for each entry of the map beside it.
const (
	nullLetter   = '0' // in an upsert: the key is removed
	numberLetter = 'n' // the text is the shortest decimal that reads back as the number
	boolLetter   = 'b' // true or false
	stringLetter = 's' // the text itself
	listLetter   = 'l' // a JSON array of strings
)

// attributes is a flat map: a map of texts, which every engine reads, and beside it a column with a letter for the type of
// each entry. The empty map is null.
func attributes(name string, at func(*event.Record) *event.Attributes) field {
	types := name + "_types"
	texts := []parquet.Kind{parquet.ByteArray}
	return field{
		members: []member{
			{name, parquet.Optional(parquet.Map(dictText, parquet.Optional(dictText)))},
			{types, parquet.Optional(dictText)},
		},
		leaves: []leafSpec{
			{path: name + ".key_value.key", kinds: texts, repeated: true},
			{path: name + ".key_value.value", kinds: texts, repeated: true},
			{path: types, kinds: texts},
		},
		put: func(p *putter, r *event.Record, out []column) { p.attributes(*at(r), out) },
		take: func(t *taker, r *event.Record, in []*leaf) (err error) {
			*at(r), err = t.attributes(in)
			return err
		},
	}
}

// The definition levels of the columns of a map: null, empty, and so on.
const (
	mapKeyLevel   = 2
	mapValueLevel = 3
)

func (p *putter) attributes(a event.Attributes, out []column) {
	keys, values, types := &out[0], &out[1], &out[2]
	if len(a) == 0 {
		keys.add(parquet.Value{}, 0, 0)
		values.add(parquet.Value{}, 0, 0)
		types.optional(parquet.Value{}, false)
		return
	}
	var letters [32]byte
	list := letters[:0]
	for i := range a {
		repetition := b2i(i > 0)
		keys.add(p.string(a[i].Key), repetition, mapKeyLevel)
		v, letter := p.attribute(&a[i].Value)
		list = append(list, letter)
		if letter == nullLetter {
			values.add(parquet.Value{}, repetition, mapKeyLevel)
		} else {
			values.add(v, repetition, mapValueLevel)
		}
	}
	types.optional(parquet.ByteArrayValue(bytesOf(p.text.keep(list))), true)
}

// attribute returns a value's text and letter.
func (p *putter) attribute(v *event.Value) (parquet.Value, byte) {
	var short [32]byte
	switch v.Kind {
	case event.Number:
		text := strconv.AppendFloat(short[:0], p.double(v.Num).Double(), 'g', -1, 64)
		return parquet.ByteArrayValue(bytesOf(p.text.keep(text))), numberLetter
	case event.Bool:
		return parquet.ByteArrayValue(bytesOf(strconv.FormatBool(v.Num != 0))), boolLetter
	case event.String:
		return p.string(v.Str), stringLetter
	case event.List:
		for _, s := range v.List {
			p.string(s) // whether it is UTF-8
		}
		return parquet.ByteArrayValue(v.AppendJSON(nil)), listLetter
	}
	return parquet.Value{}, nullLetter
}

// attributes reads the map of one row.
func (t *taker) attributes(in []*leaf) (event.Attributes, error) {
	letters, err := in[2].next()
	if err != nil {
		return nil, err
	}
	types := letters.ByteArray()
	var a event.Attributes
	if len(types) > 0 {
		a = make(event.Attributes, 0, min(len(types), event.MaxAttributes))
	}
	for more := true; more; {
		key, err := in[0].next()
		if err != nil {
			return nil, err
		}
		text, err := in[1].next()
		if err != nil {
			return nil, err
		}
		if key.IsNull() {
			break // null, or empty
		}
		name := t.text.keep(key.ByteArray())
		if len(a) > 0 && a[len(a)-1].Key >= name {
			return nil, fmt.Errorf("the key %.40q is out of order", name)
		}
		if len(a) == len(types) {
			return nil, fmt.Errorf("no type for the key %.40q", name)
		}
		v, err := t.attribute(types[len(a)], text)
		if err != nil {
			return nil, fmt.Errorf("key %.40q: %w", name, err)
		}
		a = append(a, event.Attribute{Key: name, Value: v})
		if more, err = in[0].more(); err != nil {
			return nil, err
		}
	}
	if len(a) != len(types) {
		return nil, fmt.Errorf("%d types for %d keys", len(types), len(a))
	}
	return a, nil
}

// attribute reads a value of the type that the letter says.
func (t *taker) attribute(letter byte, text parquet.Value) (v event.Value, err error) {
	if text.IsNull() != (letter == nullLetter) {
		return v, errors.New("a null where its type says otherwise")
	}
	b := text.ByteArray()
	switch letter {
	case nullLetter:
	case numberLetter:
		v.Kind = event.Number
		if v.Num, err = strconv.ParseFloat(string(b), 64); err == nil {
			err = finite(v.Num)
		}
	case boolLetter:
		v.Kind = event.Bool
		var set bool
		set, err = strconv.ParseBool(string(b))
		v.Num = float64(b2i(set))
	case stringLetter:
		v.Kind, v.Str = event.String, t.text.keep(b)
	case listLetter:
		v.Kind = event.List
		if err = json.Unmarshal(b, &v.List); len(v.List) == 0 {
			v.List = nil
		}
	default:
		err = fmt.Errorf("unknown type %q", letter)
	}
	return v, err
}
