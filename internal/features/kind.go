package features

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Kind describes one kind of definition. The documentation, the schema of the configuration and the check of which keys a
// definition may have are all made from it.
type Kind struct {
	Name    string
	Group   string // heading that it stands under
	Doc     string // what the value is; Markdown
	Keys    []Key  // keys read beside name and kind
	As      []Form // values of "as", the default first; none: the key is not read
	Example string // one definition or more, as YAML that may stand under features:

	build func(*compiler, *Definition, *feature) error
}

// Features is the example as the list of features that a configuration has.
func (k *Kind) Features() string {
	var b strings.Builder
	b.WriteString("features:\n")
	for line := range strings.Lines(strings.Trim(k.Example, "\n") + "\n") {
		b.WriteString("  " + line)
	}
	return b.String()
}

// Key is one key that a kind reads.
type Key struct {
	Name     string
	Doc      string // what it means to this kind, with its default
	Required bool
}

// Form is one form that a value may be given.
type Form struct{ Name, Doc string }

// Kinds returns all kinds, by group and then in the order in which one learns of them.
func Kinds() []Kind { return slices.Clone(kindTable()) }

// kindTable is every kind. A new kind is a function that returns its entry, and a line here.
var kindTable = sync.OnceValue(func() []Kind {
	return slices.Concat(
		totalKinds(),
		decayKinds(),
		spreadKinds(),
		trendKinds(),
		distinctKinds(),
		tallyKinds(),
		sequenceKinds(),
		interestKinds(),
		sessionKinds(),
		presenceKinds(),
		timeKinds(),
		clockKinds(),
		fieldKinds(),
		scalarKinds(),
		vectorKinds(),
		headerKinds(),
		placeKinds(),
		textKinds(),
		keywordKinds(),
		sentimentKinds(),
		listKinds(),
		derivedKinds(),
		scaleKinds(),
	)
})

func kindNamed(name string) (*Kind, bool) {
	table := kindTable()
	i := slices.IndexFunc(table, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return nil, false
	}
	return &table[i], true
}

func kindNames() []string {
	var names []string
	for _, k := range kindTable() {
		names = append(names, k.Name)
	}
	return names
}

// Keys that several kinds share.
var (
	scopeKey = Key{Name: "scope", Doc: "the key that state is kept under; absent: one for all"}
	ttlKey   = Key{Name: "ttl", Doc: "what has not changed for so long, by event time, is forgotten; absent: it stays"}

	windowKeys = []Key{
		{Name: "window", Doc: "sliding window; absent, with no `half_life`: all time"},
		{Name: "windows", Doc: "several windows: one feature `NAME_WINDOW` for each"},
		{Name: "slide", Doc: "width of a tile; divides the window; absent: a twelfth of it"},
	}
	halfLifeKey = Key{Name: "half_life", Doc: "exponential decay, instead of a window"}
	numberKeys  = []Key{
		{Name: "scale", Doc: "the number is multiplied by it, after `shift` is subtracted; 1"},
		{Name: "shift", Doc: "see `scale`; 0"},
	}
	numberForms = []Form{{"raw", "as it is"}, {"log", "ln(1+|x|) with the sign of x"}, {"sqrt", "√|x| with the sign of x"}}
)

func keys(parts ...any) []Key {
	var out []Key
	for _, p := range parts {
		switch p := p.(type) {
		case Key:
			out = append(out, p)
		case []Key:
			out = append(out, p...)
		}
	}
	return out
}

func required(name, doc string) Key { return Key{Name: name, Doc: doc, Required: true} }

func optional(name, doc string) Key { return Key{Name: name, Doc: doc} }

// accept checks a definition against its kind's table: that it has what the kind needs, and nothing that it would not read.
func (k *Kind) accept(c *compiler, d *Definition) error {
	given := d.Given()
	for _, key := range k.Keys {
		if key.Required && !slices.Contains(given, key.Name) {
			return c.fail(key.Name, "is missing: a %s needs it, %s", k.Name, key.Doc)
		}
	}
	for _, name := range given {
		if name == "name" || name == "kind" || name == "as" && len(k.As) > 0 {
			continue
		}
		if !k.reads(name) {
			return c.fail(name, "is not read by %s, which reads %s", k.Name, k.keyNames())
		}
	}
	return k.acceptForm(c, d)
}

func (k *Kind) reads(name string) bool {
	return slices.ContainsFunc(k.Keys, func(key Key) bool { return key.Name == name })
}

// acceptForm checks "as" and gives it its default.
func (k *Kind) acceptForm(c *compiler, d *Definition) error {
	if len(k.As) == 0 {
		return nil
	}
	var names []string
	for _, f := range k.As {
		names = append(names, f.Name)
	}
	if d.As == "" {
		d.As = names[0]
	}
	if !slices.Contains(names, d.As) {
		return c.fail("as", "%q is none of %s", d.As, strings.Join(names, ", "))
	}
	return nil
}

func (k *Kind) keyNames() string {
	var names []string
	for _, key := range k.Keys {
		names = append(names, key.Name)
	}
	if len(k.As) > 0 {
		names = append(names, "as")
	}
	return strings.Join(names, ", ")
}

// Given are the keys that a definition has.
func (d *Definition) Given() []string {
	v := reflect.ValueOf(*d)
	var out []string
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() && !(f.Kind() == reflect.Slice && f.Len() == 0) {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			out = append(out, name)
		}
	}
	return out
}

// String is the definition as JSON.
func (d Definition) String() string {
	b, err := json.Marshal(d)
	if err != nil {
		return fmt.Sprintf("feature %q: %v", d.Name, err)
	}
	return string(b)
}
