package features

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

// compiler builds a program; the maps find what is shared.
type compiler struct {
	p       *program
	fields  map[field]int
	scopes  map[string]int
	cells   map[string]place // by scope and cell description
	byName  map[string]int
	updates map[string]map[int][]op // event type → scope → ops
	opts    Options
	version string           // of the definition at hand
	owners  map[place]string // the first feature of each cell
	err     *DefinitionError

	declared   []string                      // names of all definitions
	derivers   map[string]int                // by what they make
	sentiments map[string]*lexical.Sentiment // by the text of their lexicon
}

func compile(defs []Definition, opts Options) (*program, error) {
	c := &compiler{
		p:      &program{spelled: map[int]func(event.Value) string{}, texts: map[uint64]string{}},
		fields: map[field]int{}, scopes: map[string]int{}, cells: map[string]place{},
		owners: map[place]string{}, byName: map[string]int{}, updates: map[string]map[int][]op{}, opts: opts,
		derivers: map[string]int{}, sentiments: map[string]*lexical.Sentiment{},
	}
	if err := c.patterns(opts.Patterns); err != nil {
		return nil, err
	}
	for _, d := range defs {
		c.declared = append(c.declared, d.Name)
	}
	for i, d := range defs {
		c.err, c.version = &DefinitionError{Index: i, Name: d.Name}, d.Version()
		if err := c.addWindows(d); err != nil {
			return nil, err
		}
	}
	chosen, err := c.chosen(opts.Emit)
	if err != nil {
		return nil, err
	}
	c.finish()
	c.p.byName = c.byName
	c.p.place(chosen)
	return c.p, nil
}

// chosen are the features that the model asks for. A definition with several windows is asked for by its own name as a whole.
func (c *compiler) chosen(emit []string) (map[string]bool, error) {
	chosen := map[string]bool{}
	for i, name := range emit {
		found := false
		for j := range c.p.feats {
			if f := &c.p.feats[j]; f.name == name || f.family == name {
				chosen[f.name], found = true, true
			}
		}
		if !found {
			return nil, &UnknownFeatureError{Index: i, Name: name}
		}
	}
	return chosen, nil
}

// finish lays the updates out by event type, scopes in order of their index. What stands for every type is part of each.
func (c *compiler) finish() {
	c.p.updates = make(map[string]*update, len(c.updates))
	c.p.contextual = make(map[string]bool)
	for typ, byScope := range c.updates {
		u := &update{}
		c.p.updates[typ] = u
		for s := range c.p.scopes {
			ops := byScope[s]
			if typ != AnyType {
				ops = append(slices.Clone(c.updates[AnyType][s]), ops...)
			}
			if len(ops) > 0 {
				u.add(&c.p.scopes[s], scopeUpdate{scope: s, ops: ops})
				c.p.contextual[typ] = c.p.contextual[typ] || c.readsContext(s, ops)
			}
		}
	}
	for typ, all := range c.p.deliveries {
		c.p.contextual[typ] = c.p.readsContext(typ) || slices.ContainsFunc(all, func(d delivery) bool { return d.pattern.context })
	}
}

// readsContext reports whether a key or a value of an update comes from the context.
func (c *compiler) readsContext(scope int, ops []op) bool {
	for _, part := range c.p.scopes[scope].parts {
		if s := c.p.fields[part].source; s == fromContext || s == fromSession {
			return true
		}
	}
	return slices.ContainsFunc(ops, func(o op) bool {
		return o.value.source == fromField && c.p.fields[o.value.field].source == fromContext ||
			o.value.formula.readsContext() || o.where.readsContext()
	})
}

func (c *compiler) fail(key, format string, args ...any) error {
	e := *c.err
	e.Key, e.Msg = key, fmt.Sprintf(format, args...)
	return &e
}

// failAt is fail for a place in the text of an expression.
func (c *compiler) failAt(key string, line, column int, message string) error {
	e := *c.err
	e.Key, e.Line, e.Column, e.Msg = key, line, column, message
	return &e
}

// addWindows adds a definition, or one for each of its windows.
func (c *compiler) addWindows(d Definition) error {
	if len(d.Windows) == 0 {
		return c.add(d, "")
	}
	if d.Window != 0 {
		return c.fail("windows", "give window or windows, not both")
	}
	windows := d.Windows
	d.Windows = nil
	for i, w := range windows {
		if w <= 0 {
			return c.fail("windows", "must be longer than 0")
		}
		if slices.Contains(windows[:i], w) {
			return c.fail("windows", "%s stands there twice", shortDuration(w))
		}
		one := d
		one.Window, one.Name = w, d.Name+"_"+shortDuration(w)
		if err := c.add(one, d.Name); err != nil {
			var e *DefinitionError
			if errors.As(err, &e) && e.Key == "window" {
				e.Key = "windows"
			}
			return err
		}
	}
	return nil
}

// shortDuration writes 90s, 5m, 1h, 30d.
func shortDuration(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if d >= u.unit && d%u.unit == 0 {
			return fmt.Sprint(int64(d/u.unit), u.name)
		}
	}
	return d.String()
}

func (c *compiler) add(d Definition, family string) error {
	if d.Name == "" {
		return c.fail("name", "a feature needs a name")
	}
	if _, dup := c.byName[d.Name]; dup {
		return c.fail("name", "%q is defined twice", d.Name)
	}
	f := feature{name: d.Name, family: family, seed: seedOf(d.Name), at: place{scope: -1}, scale: 1, shift: d.Shift}
	f.slot = slotFor(f.seed, 0)
	if d.Scale != 0 {
		f.scale = d.Scale
	}
	kind, ok := kindNamed(d.Kind)
	if !ok {
		return c.fail("kind", "no kind %q: %s", d.Kind, orKnown(d.Kind, kindNames()))
	}
	if err := kind.accept(c, &d); err != nil {
		return err
	}
	f.kind, f.state, f.compiled = kind.Name, kind.reads("scope"), &Compiled{Version: c.version, Scope: "none"}
	if err := kind.build(c, &d, &f); err != nil {
		return err
	}
	f.compiled.Definition = d
	for _, in := range f.inputs {
		f.byItem = f.byItem || c.p.feats[in].byItem
		f.listed = f.listed || c.p.feats[in].listed
	}
	c.p.listed = c.p.listed || f.listed
	c.byName[d.Name] = len(c.p.feats)
	c.p.feats = append(c.p.feats, f)
	return nil
}

// field returns the index of a field, entering it where it is new.
func (c *compiler) field(f field) int {
	if (f.source == fromUser || f.source == fromItem) && f.key == "id" {
		f.key = ""
	}
	i, ok := c.fields[f]
	if !ok {
		i = len(c.p.fields)
		c.fields[f] = i
		c.p.fields = append(c.p.fields, f)
		c.p.slotOf = append(c.p.slotOf, c.p.counts[f.source])
		c.p.counts[f.source]++
		c.p.raw = c.p.raw || f.source == fromUser && f.form == formRaw
	}
	return i
}

// fieldName identifies a field by its meaning, not by its place in the program.
func (c *compiler) fieldName(i int) string { return fmt.Sprintf("%v", c.p.fields[i]) }

// scope returns the index of a scope, entering it where it is new.
func (c *compiler) scope(parts []string) (int, error) {
	o, fields, byItem, err := parseScope(parts)
	if err != nil {
		return 0, c.fail("scope", "%v", err)
	}
	s := scope{name: scopeName(parts), owner: o, byItem: byItem, direct: o != ownGroup && len(fields) == 0}
	for _, f := range fields {
		s.parts = append(s.parts, c.field(f))
	}
	slices.Sort(s.parts)
	id := fmt.Sprint(o, s.parts)
	i, ok := c.scopes[id]
	if !ok {
		i = len(c.p.scopes)
		// The seed names the scope by its meaning, not by its place in the file.
		names := make([]string, len(s.parts))
		for j, part := range s.parts {
			names[j] = c.fieldName(part)
		}
		slices.Sort(names)
		s.seed = seedOf(fmt.Sprint(o, names))
		if !s.direct && o != ownGroup {
			s.sub = c.p.subs[o]
			c.p.subs[o]++
		}
		s.cache = -1
		if o == ownGroup && byItem && c.itemAlone(s.parts) {
			s.cache = c.p.caches
			c.p.caches++
		}
		c.scopes[id] = i
		c.p.scopes = append(c.p.scopes, s)
	}
	return i, nil
}

// itemAlone reports whether all parts of a key are fields of the item.
func (c *compiler) itemAlone(parts []int) bool {
	return !slices.ContainsFunc(parts, func(part int) bool { return c.p.fields[part].source != fromItem })
}

// layout is the size of a cell, and which of its words name variable parts.
type layout struct {
	words  int
	bagged []int
	most   int // words that all variable parts together may take

	// lasting says that what the cell holds counts for as long as it is not older than its time to live, whatever window the definition has.
	lasting bool
}

// oneBag is the layout of a cell that is one variable part of at most so many words.
func oneBag(most int) layout { return layout{words: 1, bagged: []int{0}, most: most} }

// reserve finds room for a cell in a scope's row, or the same cell made for another feature; fresh says which.
func (c *compiler) reserve(scope int, ttl time.Duration, l layout, what string) (at place, fresh bool) {
	key := fmt.Sprint(scope, ttl, what)
	if at, ok := c.cells[key]; ok {
		return at, false
	}
	s := &c.p.scopes[scope]
	at = place{scope, s.words, event.Time(ttl)}
	if ttl > 0 {
		s.words++
	}
	for _, i := range l.bagged {
		s.bagged = append(s.bagged, s.words+i)
	}
	s.words += l.words
	s.most += l.words + l.most
	c.cells[key] = at
	return at, true
}

// aggregate gives a feature its cell; enter, called where the cell is new, says which events change it.
func (c *compiler) aggregate(d *Definition, f *feature, l layout, what string, enter func(at place)) error {
	if d.TTL < 0 {
		return c.fail("ttl", "must not be negative")
	}
	s, err := c.scope(d.Scope)
	if err != nil {
		return err
	}
	ttl := c.p.scopes[s].live(d, l.lasting)
	at, fresh := c.reserve(s, ttl, l, what)
	if most := c.p.scopes[s].most; most > maxRowWords {
		return c.fail("scope", "the features of scope %s may take %d KiB for one key: at most %d KiB are allowed; "+
			"keep fewer entries or tiles, or coarser sketches", c.p.scopes[s].name, most>>7, maxRowWords>>7)
	}
	f.compiled.Scope, f.compiled.Words, f.compiled.MostWords = c.p.scopes[s].name, l.words, l.words+l.most
	f.compiled.Shares = c.owners[at]
	if fresh {
		c.owners[at] = f.name
		enter(at)
	}
	f.at, f.byItem = at, f.byItem || c.p.scopes[s].byItem
	return nil
}

// selection is a compiled Selection.
type selection struct {
	types []string
	where *eventExpr // nil: all of them
	name  string     // canonical, for telling cells apart
}

// selection compiles the events that a key selects.
func (c *compiler) selection(key string, s Selection) (selection, error) {
	out := selection{types: slices.Clone(s.Types)}
	slices.Sort(out.types)
	out.types = slices.Compact(out.types)
	switch {
	case len(s.Types) == 0:
		return out, c.fail(key, "name the event types, or %q for all", AnyType)
	case slices.Contains(s.Types, ""):
		return out, c.fail(key, "an event type must not be empty")
	case len(s.Types) > 1 && slices.Contains(s.Types, AnyType):
		return out, c.fail(key, "%q stands for all types: name no others beside it", AnyType)
	}
	out.name = fmt.Sprintf("%q", out.types)
	if s.Where == "" {
		return out, nil
	}
	x, err := c.condition(key+".where", s.Where)
	out.where = x
	out.name += " where " + s.Where
	return out, err
}

// on lets the events of a selection change a cell.
func (c *compiler) on(sel selection, at place, l layout, value operand, apply func(slot, *touch)) {
	for _, t := range sel.types {
		if c.updates[t] == nil {
			c.updates[t] = map[int][]op{}
		}
		c.updates[t][at.scope] = append(c.updates[t][at.scope], op{at: at, layout: l, where: sel.where, value: value, apply: apply})
	}
}

// tiles checks a window and its slide, and returns the slide; 0 without a window.
func (c *compiler) tiles(d *Definition) (slide time.Duration, err error) {
	switch {
	case d.Window < 0:
		return 0, c.fail("window", "must be longer than 0")
	case d.Slide < 0:
		return 0, c.fail("slide", "must be longer than 0")
	case d.Slide > 0 && d.Window == 0:
		return 0, c.fail("slide", "a slide needs a window")
	case d.Window == 0:
		return 0, nil
	case d.Slide == 0:
		slide = max(d.Window/12, time.Millisecond)
	default:
		slide = d.Slide
	}
	switch {
	case d.Window%slide != 0 && d.Slide == 0:
		return 0, c.fail("window", "%v is no multiple of a twelfth of itself in whole nanoseconds: give a slide that divides it", d.Window)
	case d.Window%slide != 0:
		return 0, c.fail("slide", "%v does not divide the window of %v: write one that does, such as %v", slide, d.Window, d.Window/12)
	case d.Window/slide > maxTiles:
		return 0, c.fail("slide", "%v makes %d tiles of the window of %v: at most %d are allowed, that is, a slide of %v or more",
			slide, d.Window/slide, d.Window, maxTiles, (d.Window+maxTiles-1)/maxTiles)
	}
	d.Slide = slide
	return slide, nil
}

// maxTiles bounds the memory and the reading of one window.
const maxTiles = 1024

// accumulator checks the three ways to forget and returns the accumulator.
func (c *compiler) accumulator(d *Definition, lanes int) (accumulator, error) {
	if d.Window > 0 && d.HalfLife > 0 {
		return accumulator{}, c.fail("half_life", "window and half_life exclude each other: leave one out")
	}
	if d.HalfLife < 0 {
		return accumulator{}, c.fail("half_life", "must be longer than 0")
	}
	slide, err := c.tiles(d)
	if err != nil {
		return accumulator{}, err
	}
	return newAccumulator(lanes, d.Window, slide, d.HalfLife), nil
}

// compilePrior makes the smoothing of a rate or mean; enter fills the cell of the running global ratio.
func (c *compiler) compilePrior(d *Definition, acc accumulator, what string, enter func(at place)) (prior, error) {
	p := prior{strength: d.Prior.Strength, mean: 0.5, at: place{scope: -1}, acc: acc}
	if p.strength < 0 {
		return p, c.fail("prior.strength", "must not be negative")
	}
	if d.Prior.Mean != nil {
		p.mean, p.fixed = *d.Prior.Mean, true
		return p, nil
	}
	if p.strength == 0 || len(d.Scope) == 0 {
		return p, nil
	}
	global, err := c.scope(nil)
	if err != nil {
		return p, err
	}
	at, fresh := c.reserve(global, 0, layout{words: acc.words()}, what)
	if fresh {
		enter(at)
	}
	p.at = at
	return p, nil
}

// input finds a feature that another one is made of; key is where its name stands.
func (c *compiler) input(key, name string) (int, error) {
	i, ok := c.byName[name]
	if !ok {
		return 0, c.fail(key, "%s", c.notAbove(name))
	}
	return i, nil
}

// notAbove says why a name stands for no feature that another one could be made of. Only those above it can be, so that none is made
// of itself.
func (c *compiler) notAbove(name string) string {
	if name == c.err.Name {
		return fmt.Sprintf("%q would be made of itself: name features declared above it", name)
	}
	if slices.Contains(c.declared, name) {
		return fmt.Sprintf("%q is declared below: move it above what is made of it", name)
	}
	return fmt.Sprintf("%q is not a feature declared above: inputs stand before what is made of them", name)
}

// numericInput finds a feature that is a number.
func (c *compiler) numericInput(key, name string) (int, error) {
	i, err := c.input(key, name)
	if err == nil && !c.p.feats[i].numeric {
		return 0, c.fail(key, "%q is not a number: name one that is, such as those of kind number", name)
	}
	return i, err
}
