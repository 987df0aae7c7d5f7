package autofeature

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"recsvc/internal/event"
)

// source is where a field stands.
type source uint8

const (
	inContext source = iota
	inItem
	inUser
	inTime
)

var sourceNames = [...]string{inContext: "context", inItem: "item", inUser: "user", inTime: "time"}

// Role is what a field is good for.
type Role string

// The roles of fields.
const (
	Category Role = "category" // told apart by value
	Tags     Role = "list"     // a list whose elements are told apart
	Number   Role = "number"
	Instant  Role = "time"
	LeftOut  Role = "-"
)

// Field is what is known of a field.
type Field struct {
	Name    string // item.tags[0], context.device …
	Types   string // of its values, such as "string 98 %, number 2 %"
	Shown   int    // exposures that have it
	Missing float64
	Values  int     // distinct
	Entropy float64 // of the values, in bits
	Role    Role
	Reason  string // why it was left out, or what is made of it

	Information Information
	Gain        Gain

	from     source
	key      string
	index    int // element of a list; -1: the whole of it
	log      bool
	bounds   []float64 // of buckets, after the form
	mean     float64   // after the form
	scale    float64
	column   *column
	parts    []part    // of a header
	numbers  []float64 // of exposures that have one, in their order
	distinct int       // different values among the entities that have one
	entities int       // items, or users, of the sample that have it
}

// value reads the field of an exposure.
func (f *Field) value(x *exposure) (event.Value, bool) {
	var attrs event.Attributes
	switch f.from {
	case inContext:
		attrs = x.e.Context
	case inItem:
		attrs = x.item
	case inUser:
		attrs = x.user
	case inTime:
		return clockValue(f.key, x.e.Time), true
	}
	v, ok := attrs.Get(f.key)
	if !ok || v.Kind == event.Null || v.Kind == event.List && len(v.List) == 0 {
		return event.Value{}, false
	}
	if f.index < 0 {
		return v, true
	}
	if v.Kind != event.List {
		return v, f.index == 0
	}
	if f.index >= len(v.List) {
		return event.Value{}, false
	}
	return event.Value{Kind: event.String, Str: v.List[f.index]}, true
}

func clockValue(key string, t event.Time) event.Value {
	if key == "weekday" {
		return event.Value{Kind: event.Number, Num: float64(t.Time().Weekday())}
	}
	return event.Value{Kind: event.Number, Num: float64(t.Time().Hour())}
}

// text is a value as a category.
func text(v event.Value) string {
	switch v.Kind {
	case event.Number:
		return strconv.FormatFloat(v.Num, 'g', -1, 64)
	case event.Bool:
		return strconv.FormatBool(v.Num != 0)
	case event.List:
		return strings.Join(v.List, "\x00")
	}
	return v.Str
}

// fields finds every field of the sample: context, item, user, then the clock's; by name within each.
func (s *Sample) fields() (out []*Field) {
	var keys [inTime]map[string]bool
	note := func(from source, attrs event.Attributes) {
		for i := range attrs {
			if keys[from] == nil {
				keys[from] = make(map[string]bool)
			}
			keys[from][attrs[i].Key] = true
		}
	}
	for i := range s.shown {
		x := &s.shown[i]
		note(inContext, x.e.Context)
		note(inItem, x.item)
		note(inUser, x.user)
	}
	for key := range s.onOutcome {
		note(inContext, event.Attributes{{Key: key}})
	}
	for from, known := range keys {
		for key := range known {
			out = append(out, &Field{Name: sourceNames[from] + "." + key, from: source(from), key: key, index: -1})
		}
	}
	slices.SortFunc(out, func(a, b *Field) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.key, b.key)) })
	for _, key := range [...]string{"hour", "weekday"} {
		out = append(out, &Field{Name: "time." + key, from: inTime, key: key, index: -1})
	}
	return slices.Concat(s.elements(out)...)
}

// elements takes apart the lists whose places mean something: where nearly every value stands in one place of its own, each place
// is a field.
func (s *Sample) elements(fields []*Field) (out [][]*Field) {
	for _, f := range fields {
		n := s.places(f)
		parts := []*Field{f}
		if n > 0 {
			parts = nil
		}
		for i := range n {
			parts = append(parts, &Field{Name: f.Name + "[" + strconv.Itoa(i) + "]", from: f.from, key: f.key, index: i})
		}
		out = append(out, parts)
	}
	return out
}

// mostPlaces bounds how long a list may be that is taken apart.
const mostPlaces = 8

// places returns how many places a list has that mean something; 0: none.
func (s *Sample) places(f *Field) int {
	var counts [mostPlaces + 1]int // lists that have so many elements, or more
	at := make(map[string]*[mostPlaces]int)
	for i := range s.shown {
		v, ok := f.value(&s.shown[i])
		if !ok || v.Kind != event.List {
			continue
		}
		if len(v.List) > mostPlaces {
			return 0
		}
		for place, element := range v.List {
			counts[place+1]++
			if at[element] == nil {
				at[element] = new([mostPlaces]int)
			}
			at[element][place]++
		}
	}
	all, home := 0, 0
	for _, places := range at { // sums of integers: the order is of no account
		home += slices.Max(places[:])
		for _, n := range places {
			all += n
		}
	}
	if home*100 < all*98 {
		return 0
	}
	n := 0
	for n < mostPlaces && counts[n+1] > 0 && counts[n+1]*2 > counts[1] {
		n++
	}
	return n
}
