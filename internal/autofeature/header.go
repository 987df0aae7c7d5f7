package autofeature

import (
	"fmt"
	"strings"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

// part is a form of a kind that reads headers, and what it makes of one; "": missing.
type part struct {
	kind, as string
	of       func(header string) string
}

var agentParts = []part{
	{"user_agent", "device", func(h string) string { return lexical.UserAgent(h).Device }},
	{"user_agent", "browser", func(h string) string { return lexical.UserAgent(h).Browser }},
	{"user_agent", "os", func(h string) string { return lexical.UserAgent(h).OS }},
}

var refererParts = []part{
	{"referer", "medium", func(h string) string { return lexical.Referer(h).Medium }},
	{"referer", "source", func(h string) string { return lexical.Referer(h).Source }},
	{"referer", "domain", func(h string) string { return lexical.Referer(h).Domain }},
}

// header returns the parts of a field of the context that holds headers; nil: it holds none.
func (f *Field) header(v *values) []part {
	switch {
	case f.from != inContext:
	case v.share(isAgent) > 0.9:
		return agentParts
	case v.share(isURL) > 0.9:
		return refererParts
	}
	return nil
}

// headers proposes those parts of a header that tell something.
func (d *draft) headers(f *Field) {
	var used []string
	for _, p := range f.parts {
		column := build(len(d.st.y), func(i int) (string, bool) {
			v, ok := f.value(&d.st.s.shown[i])
			if !ok || v.Kind != event.String {
				return "", false
			}
			found := p.of(v.Str)
			return found, found != ""
		})
		m := &member{field: f.Name + "." + p.as, label: f.label() + "_" + p.as, from: f.from, column: column}
		if d.st.weigh(m); !m.tells(d.Entropy) {
			continue
		}
		m.input = d.add(groupFields, m.label, fmt.Sprintf("kind: %s, field: %s, as: %s", p.kind, scalar(f.Name), p.as), d.why(m))
		d.slots += column.n
		d.fields = append(d.fields, m)
		used = append(used, m.input)
	}
	if len(used) == 0 {
		f.Reason += ", which tells nothing beyond chance here"
		return
	}
	f.Role, f.Reason = Category, "feature "+strings.Join(used, ", ")
}
