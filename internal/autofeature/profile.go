package autofeature

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recsvc/internal/event"
)

// values are those that the exposures have in a field.
type values struct {
	kinds   [5]int            // by event.ValueKind
	of      []event.Value     // of exposure i; Null: none
	samples []event.Value     // one for each different text, up to maxSamples, in order
	firsts  map[string]string // entity → text
}

const maxSamples = 1000

func (s *Sample) read(f *Field) *values {
	v := &values{of: make([]event.Value, len(s.shown)), firsts: make(map[string]string)}
	seen := make(map[string]bool)
	for i := range s.shown {
		x, ok := f.value(&s.shown[i])
		if !ok {
			continue
		}
		v.of[i] = x
		v.kinds[x.Kind]++
		word := text(x)
		if !seen[word] && len(v.samples) < maxSamples {
			seen[word] = true
			v.samples = append(v.samples, x)
		}
		owner := s.shown[i].e.Item
		if f.from == inUser {
			owner = s.shown[i].e.User
		}
		v.firsts[owner] = word
	}
	return v
}

// profile fills what there is to know of a field without looking at outcomes, and its role.
func (st *study) profile(f *Field) {
	v := st.s.read(f)
	for _, n := range v.kinds {
		f.Shown += n
	}
	f.Missing = 1 - float64(f.Shown)/float64(len(st.y))
	f.Types = v.types(f.Shown)
	f.column = build(len(st.y), func(i int) (string, bool) { return text(v.of[i]), v.of[i].Kind != event.Null })
	counts, n := f.column.counts()
	f.Values, f.Entropy = f.column.n, entropy(counts, n)
	f.owners(v)
	if f.Reason = st.unfit(f, v); f.Reason != "" {
		f.Role = LeftOut
		return
	}
	st.assign(f, v)
}

// types says which types of value there are.
func (v *values) types(n int) string {
	names := [...]string{event.Null: "", event.Number: "number", event.Bool: "bool", event.String: "string", event.List: "list"}
	var parts []string
	for kind, count := range v.kinds {
		switch {
		case count == n && n > 0:
			return names[kind]
		case count > 0:
			parts = append(parts, fmt.Sprintf("%s %.3g %%", names[kind], 100*float64(count)/float64(n)))
		}
	}
	return strings.Join(parts, ", ")
}

// owners counts how many different values the items, or users, have.
func (f *Field) owners(v *values) {
	if f.from != inItem && f.from != inUser {
		return
	}
	different := make(map[string]bool)
	for _, word := range v.firsts {
		different[word] = true
	}
	f.distinct, f.entities = len(different), len(v.firsts)
}

// placeNames are keys whose numbers say where in a list an item stood.
var placeNames = []string{"position", "pos", "rank", "slot"}

// unfit says why a field cannot be used, whatever it tells; "": it can.
func (st *study) unfit(f *Field, v *values) string {
	s := st.s
	switch {
	case strings.ContainsAny(f.key, "[]\"\\"):
		return "its name has a character that the configuration cannot name"
	case f.Shown == 0:
		return fmt.Sprintf("only %d events after the exposure have it: unknown when a list is scored", s.onOutcome[f.key])
	case f.Values == 1 && f.Missing < 0.01:
		return "constant"
	case f.Missing > 0.995:
		return "nearly always missing"
	case f.from == inContext && v.kinds[event.Number] == f.Shown && (slices.Contains(placeNames, strings.ToLower(f.key)) || s.isPosition(f, v)):
		return "the place in the list: what the list's order caused; see feedback.positions"
	}
	return st.leak(f)
}

// isPosition reports whether a field says the same as the event's own position.
func (s *Sample) isPosition(f *Field, v *values) bool {
	same := 0
	for i := range s.shown {
		x := v.of[i]
		if p := s.shown[i].e.Position; p > 0 && x.Kind == event.Number && (x.Num == float64(p) || x.Num == float64(p-1)) {
			same++
		}
	}
	return f.Values > 2 && same*100 >= f.Shown*95
}

// fewestLeaks is how many exposures it takes to call a field a leak.
const fewestLeaks = 20

// leak says by what a field gives the outcome away: by being there, or by its values.
func (st *study) leak(f *Field) string {
	var has, hasPos, pos float64
	for i, y := range st.y {
		here := len(f.column.of(i)) > 0
		if y {
			pos++
		}
		if here {
			has++
			if y {
				hasPos++
			}
		}
	}
	n := float64(len(st.y))
	rate := pos / n
	lacks := n - has
	switch {
	case rate == 0 || rate == 1:
		return ""
	case min(has, lacks) >= fewestLeaks && hasPos/has > 0.5+rate/2 && (pos-hasPos)/lacks < rate/10:
		return fmt.Sprintf("leak: on %.0f %% of exposures with a %s, on %.1f %% of those without; written after the fact",
			100*hasPos/pos, st.head.Type, 100*(has-hasPos)/(n-pos))
	case min(has, lacks) >= fewestLeaks && hasPos/has < rate/10 && (pos-hasPos)/lacks > 0.5+rate/2:
		return fmt.Sprintf("leak: missing from %.0f %% of exposures with a %s, from %.1f %% of those without; written after the fact",
			100*(pos-hasPos)/pos, st.head.Type, 100*(lacks-pos+hasPos)/(n-pos))
	}
	if f.Values < 1000 && pos >= fewestLeaks && n-pos >= fewestLeaks {
		if told := st.information(f.column).Bits / st.entropy; told > 0.6 {
			return fmt.Sprintf("leak: its values tell %.0f %% of the outcome, more than anything known beforehand could", 100*told)
		}
	}
	return ""
}

// assign finds what a field is, and makes its column.
func (st *study) assign(f *Field, v *values) {
	f.Role = Category
	switch reason := st.special(f, v); {
	case f.isInstant(v):
		f.Role = Instant
		st.numeric(f, v, func(x event.Value, i int) float64 {
			t, _ := instant(x)
			return max(0, st.s.shown[i].e.Time.Sub(t).Seconds())
		})
	case reason != "":
		f.Role, f.Reason, f.parts = LeftOut, reason, f.header(v)
	case v.kinds[event.List] > 0 && f.index < 0:
		f.Role = Tags
		st.spread(f, v)
	case v.kinds[event.Number] == f.Shown && !few(f, v):
		f.Role = Number
		st.numeric(f, v, func(x event.Value, _ int) float64 { return x.Num })
	default:
		if reason := st.identity(f); reason != "" {
			f.Role, f.Reason = LeftOut, reason
		}
	}
}

// few reports whether numbers are so few, and whole, that they are rather codes.
func few(f *Field, v *values) bool {
	for _, x := range v.samples {
		if x.Num != math.Trunc(x.Num) {
			return false
		}
	}
	return f.Values <= 32
}

// identity says of what a category is the identity; "": of nothing that is known.
func (st *study) identity(f *Field) string {
	lists := make(map[string]bool)
	for i := range st.s.shown {
		lists[st.s.shown[i].e.Request] = true
	}
	switch {
	case f.entities > 50 && f.distinct*100 >= f.entities*95:
		return fmt.Sprintf("an id: %d values for %d %ss, whose own ids say as much", f.distinct, f.entities, sourceNames[f.from])
	case f.from == inContext && f.Values > 50 && (f.Values*2 > f.Shown || len(lists) > 50 && f.Values*2 > len(lists)):
		return fmt.Sprintf("an id: %d values for %d exposures in %d lists; new ones tell nothing", f.Values, f.Shown, len(lists))
	}
	return ""
}

// spread makes a column of all elements of a list.
func (st *study) spread(f *Field, v *values) {
	var d dictionary[string]
	c := &column{start: make([]int32, 1, len(v.of)+1)}
	for _, x := range v.of {
		words := x.List
		if x.Kind != event.List && x.Kind != event.Null {
			words = []string{text(x)}
		}
		for _, w := range words {
			c.ids = append(c.ids, d.id(w))
		}
		c.start = append(c.start, int32(len(c.ids)))
	}
	c.n = len(d.known)
	f.column, f.Values = c, c.n
	counts, n := c.counts()
	f.Entropy = entropy(counts, n)
}

// numeric chooses the form and the buckets of a number, and makes a column of the buckets.
func (st *study) numeric(f *Field, v *values, number func(x event.Value, i int) float64) {
	at := make([]float64, len(v.of))
	for i, x := range v.of {
		if at[i] = math.NaN(); x.Kind != event.Null {
			at[i] = number(x, i)
			f.numbers = append(f.numbers, at[i])
		}
	}
	_, _, skew := moments(f.numbers)
	f.log = f.Role == Instant || math.Abs(skew) > 1
	if f.log {
		for i := range f.numbers {
			f.numbers[i] = signedLog(f.numbers[i])
		}
		for i := range at {
			at[i] = signedLog(at[i])
		}
	}
	mean, deviation, _ := moments(f.numbers)
	f.mean = nice(mean)
	if deviation > 0 {
		f.scale = nice(1 / deviation)
	}
	f.bounds = bounds(f.numbers, 14)
	f.column = build(len(at), func(i int) (int, bool) { return bucket(f.bounds, at[i]), !math.IsNaN(at[i]) })
}

// bounds cuts numbers into n buckets that hold about the same number of them.
func bounds(numbers []float64, n int) (out []float64) {
	sorted := slices.Sorted(slices.Values(numbers))
	for i := 1; i < n; i++ {
		if b := nice(quantile(sorted, float64(i)/float64(n))); (len(out) == 0 || b > out[len(out)-1]) && len(sorted) > 0 && b > sorted[0] {
			out = append(out, b)
		}
	}
	return out
}

// bucket is the number of bounds that x reaches.
func bucket(bounds []float64, x float64) int {
	i, found := slices.BinarySearch(bounds, x)
	if found {
		i++
	}
	return i
}
