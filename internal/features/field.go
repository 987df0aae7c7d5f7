package features

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

// source is where a field's value comes from.
type source uint8

const (
	fromUser source = iota
	fromItem
	fromContext
	fromTime
	fromSession // the event's session, or else context.session

	sources = iota
)

// field is one attribute that definitions read.
type field struct {
	source source
	key    string
	index  int // element of a list; -1: the field names the whole of it
	form   form
	n      int // parameter of the form
}

// form is what is made of a field's value when it is read.
type form uint8

const (
	formPlain   form = iota // the identity of the text, and its number
	formInstant             // an RFC 3339 time, or Unix milliseconds: its number is Unix seconds
	formRaw                 // the value itself, for expressions
	formVector              // n numbers, in a list or in one text: its weights
	formDerived             // what the program's n-th deriver makes of it
)

// parseField reads "item.tags[0]" and its like.
func parseField(s string) (field, error) {
	head, key, ok := strings.Cut(s, ".")
	f := field{key: key, index: -1}
	switch {
	case !ok || key == "":
		return f, fmt.Errorf("%q is not item.FIELD, user.FIELD, context.FIELD, time.hour or time.weekday", s)
	case head == "item":
		f.source = fromItem
	case head == "user":
		f.source = fromUser
	case head == "context":
		f.source = fromContext
	case s == "time.hour" || s == "time.weekday":
		f.source = fromTime
	default:
		return f, fmt.Errorf("%q starts with none of item, user, context and time", s)
	}
	if i := strings.IndexByte(key, '['); i >= 0 {
		n, err := strconv.Atoi(strings.TrimSuffix(key[i+1:], "]"))
		if err != nil || n < 0 || !strings.HasSuffix(key, "]") || i == 0 {
			return f, fmt.Errorf("%q: the index must look like [0]", s)
		}
		f.key, f.index = key[:i], n
	}
	return f, nil
}

// fieldValue is a field as read from one entity: the hash of its text, its number where it is one, and one hash per
// element where the whole of a list was asked for.
type fieldValue struct {
	category
	num float64      // NaN: not a number
	raw *event.Value // of formRaw; it may share the record's memory
}

// category is the identity of a value, and of each element where it is a list: id is then that of the first.
type category struct {
	id      uint64 // 0: missing
	list    []uint64
	weights []float32 // of the elements; nil: 1 each
}

var missing = fieldValue{num: math.NaN()}

// read takes the field's value out of a flat map; buf is memory for the elements of a list.
func (f field) read(attrs event.Attributes, buf []uint64) fieldValue {
	v, ok := attrs.Get(f.key)
	if !ok {
		return missing
	}
	if f.form == formRaw {
		raw := v // so that v itself stays on the stack
		return fieldValue{num: math.NaN(), raw: &raw}
	}
	if f.form == formVector {
		return f.vector(v)
	}
	if v.Kind == event.List {
		switch {
		case len(v.List) == 0 || f.index >= len(v.List):
			return missing
		case f.index >= 0:
			return scalar(event.Value{Kind: event.String, Str: v.List[f.index]})
		}
		list := slices.Grow(buf[:0], len(v.List))
		for _, s := range v.List {
			list = append(list, hashString(s))
		}
		return fieldValue{category: category{id: list[0], list: list}, num: math.NaN()}
	}
	if f.index > 0 {
		return missing
	}
	if f.form == formInstant {
		return instant(v)
	}
	return scalar(v)
}

// vector reads a vector of n finite numbers.
func (f field) vector(v event.Value) fieldValue {
	x, ok := make([]float32, 0, f.n), false
	switch v.Kind {
	case event.String:
		x, ok = lexical.ParseVector(x, v.Str)
	case event.List:
		x, ok = lexical.ParseVectorList(x, v.List)
	}
	if !ok || len(x) != f.n {
		return missing
	}
	return fieldValue{category: category{id: 1, weights: x}, num: math.NaN()}
}

// instant reads an RFC 3339 text, or Unix milliseconds, as Unix seconds.
func instant(v event.Value) fieldValue {
	switch v.Kind {
	case event.Number:
		return identified(hashNumber(v.Num), v.Num/1e3)
	case event.String:
		if s := v.Str; len(s) < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' {
			return missing // time.Parse would make an error first
		}
		if t, err := time.Parse(time.RFC3339Nano, v.Str); err == nil {
			return identified(hashString(v.Str), float64(t.UnixMilli())/1e3)
		}
	}
	return missing
}

func identified(id uint64, num float64) fieldValue {
	return fieldValue{category: category{id: id}, num: num}
}

// scalar is the identity of a value that is no list, and its number.
func scalar(v event.Value) fieldValue {
	switch v.Kind {
	case event.String:
		return identified(hashString(v.Str), parseNumber(v.Str))
	case event.Number, event.Bool:
		return identified(hashNumber(v.Num), v.Num)
	}
	return missing
}

// parseNumber reads decimal numbers that arrive as text; NaN for anything else.
func parseNumber(s string) float64 {
	if len(s) > 32 || !decimal(s) {
		return math.NaN()
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}

// decimal reports whether a text has the form of a decimal number, so that none is parsed, and no error made, of all the others.
func decimal(s string) bool {
	digits := func() (n int) {
		for n < len(s) && '0' <= s[n] && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n
	}
	s = strings.TrimPrefix(s, "-")
	n := digits()
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		n += digits()
	}
	if n == 0 || s == "" {
		return n > 0
	}
	if s[0]|0x20 != 'e' {
		return false
	}
	if s = s[1:]; s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	return digits() > 0 && s == ""
}

// calendar reads hour or weekday (UTC) of t.
func (f field) calendar(t event.Time) fieldValue {
	n := hourOf(t)
	if f.key == "weekday" {
		n = weekdayOf(t)
	}
	return identified(hashNumber(n), n)
}

// hourOf is the hour of the day in UTC, 0 to 23.
func hourOf(t event.Time) float64 { return float64(mod(tileOf(t, event.Time(time.Hour)), 24)) }

// weekdayOf is the day of the week in UTC; Sunday is 0.
func weekdayOf(t event.Time) float64 {
	return float64(mod(tileOf(t, event.Time(24*time.Hour))+4, 7)) // 1 January 1970 was a Thursday
}

// hashString is the identity of a text wherever it occurs: ids, attributes, context. Never 0.
func hashString(s string) uint64 { return max(xxh3.HashString(s), 1) }

// hashNumber equals hashString of the number's shortest decimal form, so that 1 and "1" are one value.
func hashNumber(x float64) uint64 {
	var buf [32]byte
	return max(xxh3.Hash(appendNumber(buf[:0], x)), 1)
}

// appendNumber writes the shortest decimal form, as records and lists in them write it: whole numbers below 2^53 in plain digits.
func appendNumber(dst []byte, x float64) []byte {
	if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
		return strconv.AppendInt(dst, int64(x), 10)
	}
	return strconv.AppendFloat(dst, x, 'g', -1, 64)
}

// mix scrambles a 64-bit word (splitmix64's finalizer).
func mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB
	return z ^ (z >> 31)
}

// join hashes a pair; the order matters.
func join(a, b uint64) uint64 { return mix(a*0x9E3779B97F4A7C15 + b) }
