package autofeature

import (
	"fmt"
	"strconv"
	"strings"
)

// draft writes the features of a proposal.
type draft struct {
	*Proposal
	st    *study
	shown string // type of the event that shows an item
	taken map[string]bool
	slots int // of the weight table, about

	user, item *member
	fields     []*member // categories that tell something, the user and the item not among them
	numbers    []numberMember
	scopes     []scope
}

// numberMember is a number with buckets, whose field tells something.
type numberMember struct {
	f      *Field
	bucket *member
}

func newDraft(p *Proposal, st *study, shown string) *draft {
	d := &draft{Proposal: p, st: st, shown: shown, taken: make(map[string]bool), scopes: st.scopes()}
	d.user, d.item = st.entities()
	p.Users, p.Items = d.user.column.n, d.item.column.n
	return d
}

// The groups of features.
const (
	groupFields  = "who, what, where, when"
	groupRates   = "smoothed rates, as log-odds"
	groupHistory = "how much lately, and what happened last"
	groupCrosses = "combinations"
)

func (d *draft) write() {
	d.attributes()
	d.rates()
	d.pairs()
	d.histories()
	d.sequences()
	d.habits()
}

// name makes a name that no other feature has.
func (d *draft) name(wish string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z') {
			return r
		}
		return '_'
	}, wish)
	name := clean
	for i := 2; d.taken[name]; i++ {
		name = clean + "_" + strconv.Itoa(i)
	}
	d.taken[name] = true
	return name
}

func (d *draft) add(group, wish, body, why string) string {
	name := d.name(wish)
	d.Features = append(d.Features, Feature{group, name, body, why})
	return name
}

// millibits writes a gain.
func millibits(g Gain) string { return fmt.Sprintf("%.1f mbit", 1000*g.Bits) }

func (d *draft) why(m *member) string {
	why := fmt.Sprintf("gain %s, %d values", millibits(m.gain), m.column.n)
	if !m.gain.tells(d.Entropy) && m.told.tells() {
		why = fmt.Sprintf("information %.1f mbit, %d values", 1000*m.told.Bits, m.column.n)
	}
	return why
}

// attributes are the ids, and the fields that tell something.
func (d *draft) attributes() {
	for _, m := range []*member{d.user, d.item} {
		d.add(groupFields, m.input, "kind: attribute, field: "+m.field, d.why(m))
		d.slots += m.column.n
	}
	d.Fields = d.st.s.fields()
	for i, f := range d.Fields {
		d.st.profile(f)
		if twin := d.twin(f, d.Fields[:i]); f.Role != LeftOut && twin != nil {
			f.Role, f.Reason = LeftOut, "says the same as "+twin.Name
		}
		if f.parts != nil {
			d.headers(f)
		}
		if f.Role == LeftOut || f.parts != nil {
			continue
		}
		m := &member{field: f.Name, label: f.label(), from: f.from, column: f.column}
		d.st.weigh(m)
		f.Gain, f.Information = m.gain, m.told
		if !m.tells(d.Entropy) {
			f.Role = LeftOut
			f.Reason = fmt.Sprintf("tells nothing beyond chance: information %.2f mbit (chance reaches %.2f), gain %.1f standard errors (%d are wanted)",
				1000*m.told.Bits, 1000*m.told.Bound, m.gain.Z, significant)
			continue
		}
		d.attribute(f, m)
	}
}

// twin is a field that is used already and that nearly always has the same value.
func (d *draft) twin(f *Field, before []*Field) *Field {
	for _, other := range before {
		if other.Role != f.Role || other.Values*10 < f.Values*9 || f.Values*10 < other.Values*9 {
			continue
		}
		same := 0
		for i := range d.st.s.shown {
			a, has := f.value(&d.st.s.shown[i])
			b, also := other.value(&d.st.s.shown[i])
			if has && also && text(a) == text(b) {
				same++
			}
		}
		if same*100 >= f.Shown*98 {
			return other
		}
	}
	return nil
}

// label is what names that are made with the field begin with.
func (f *Field) label() string {
	label := f.key
	if f.index > 0 {
		label += "_" + strconv.Itoa(f.index)
	}
	return label
}

// attribute proposes a field as it is, numbers also in buckets.
func (d *draft) attribute(f *Field, m *member) {
	d.slots += f.column.n
	field := "field: " + scalar(f.Name)
	if f.Role == Category || f.Role == Tags {
		m.input = d.add(groupFields, m.label, "kind: attribute, "+field, d.why(m))
		f.Reason = "feature " + m.input
		d.fields = append(d.fields, d.key(f, m))
		return
	}
	body := "kind: attribute, " + field
	if f.Role == Instant {
		body, m.label = "kind: age, "+field, m.label+"_age"
	}
	form := "number"
	if f.Role == Instant {
		form = "raw"
	}
	if f.log {
		form = "log"
	}
	body += ", as: " + form
	if f.mean != 0 {
		body += ", shift: " + decimal(f.mean)
	}
	if f.scale != 0 {
		body += ", scale: " + decimal(f.scale)
	}
	name := d.add(groupFields, m.label, body, d.why(m))
	f.Reason = "feature " + name
	if len(f.bounds) == 0 {
		return
	}
	m.input = d.add(groupFields, m.label+"_bucket", fmt.Sprintf("kind: bucketize, input: %s, buckets: %s", name, floats(f.bounds)), "its quantiles")
	f.Reason += ", " + m.input
	d.fields = append(d.fields, m)
	d.numbers = append(d.numbers, numberMember{f, m})
}

// key makes a category a key that rates are kept by: of a list its first element.
func (d *draft) key(f *Field, m *member) *member {
	switch {
	case f.Role == Tags:
		first := *m
		first.scope = f.Name + "[0]"
		first.column = build(len(d.st.y), func(i int) (id int32, ok bool) {
			if ids := m.column.of(i); len(ids) > 0 {
				return ids[0], true
			}
			return 0, false
		})
		d.st.weigh(&first)
		return &first
	case f.from != inTime:
		m.scope = f.Name
	}
	return m
}

func floats(xs []float64) string {
	parts := make([]string, len(xs))
	for i, x := range xs {
		parts[i] = decimal(x)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// of is the selection of a head's outcome.
func (h *Head) of() string {
	if h.HasMin {
		return fmt.Sprintf(`{types: %s, where: "value >= %s"}`, scalar(h.Type), strconv.FormatFloat(h.Min, 'f', -1, 64))
	}
	return scalar(h.Type)
}

// scalar quotes a text where YAML wants it.
func scalar(text string) string {
	for i, r := range text {
		plain := r == '_' || r == '.' && i > 0 || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' && i > 0
		if !plain {
			return strconv.Quote(text)
		}
	}
	switch strings.ToLower(text) {
	case "", "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(text)
	}
	return text
}
