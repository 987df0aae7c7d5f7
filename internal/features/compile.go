package features

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// compiler builds a program; the maps find what is shared.
type compiler struct {
	p       *program
	fields  map[field]int
	scopes  map[string]int
	cells   map[string]int // offset by scope and cell description
	byName  map[string]int
	updates map[string]map[int][]op // event type → scope → ops
	err     *DefinitionError
}

func compile(defs []Definition, emit []string) (*program, error) {
	c := &compiler{
		p: &program{}, fields: map[field]int{}, scopes: map[string]int{}, cells: map[string]int{},
		byName: map[string]int{}, updates: map[string]map[int][]op{},
	}
	for i, d := range defs {
		c.err = &DefinitionError{Index: i, Name: d.Name}
		if err := c.add(d); err != nil {
			return nil, err
		}
	}
	chosen := map[string]bool{}
	for _, name := range emit {
		if _, ok := c.byName[name]; !ok {
			return nil, fmt.Errorf("the model asks for feature %q, which is not defined", name)
		}
		chosen[name] = true
	}
	c.finish()
	c.p.place(chosen)
	return c.p, nil
}

// finish lays the updates out by event type, scopes in order of their index.
func (c *compiler) finish() {
	c.p.updates = make(map[string][]scopeUpdate, len(c.updates))
	c.p.contextual = make(map[string]bool)
	for typ, byScope := range c.updates {
		for s := range c.p.scopes {
			if ops := byScope[s]; len(ops) > 0 {
				c.p.updates[typ] = append(c.p.updates[typ], scopeUpdate{scope: s, ops: ops})
				c.p.contextual[typ] = c.p.contextual[typ] || c.readsContext(s, ops)
			}
		}
	}
}

// readsContext reports whether a key or a value of an update comes from the context.
func (c *compiler) readsContext(scope int, ops []op) bool {
	for _, part := range c.p.scopes[scope].parts {
		if c.p.fields[part].source == fromContext {
			return true
		}
	}
	return slices.ContainsFunc(ops, func(o op) bool { return o.value >= 0 && c.p.fields[o.value].source == fromContext })
}

func (c *compiler) fail(key, format string, args ...any) error {
	e := *c.err
	e.Key, e.Msg = key, fmt.Sprintf(format, args...)
	return &e
}

func (c *compiler) add(d Definition) error {
	if d.Name == "" {
		return c.fail("name", "a feature needs a name")
	}
	if _, dup := c.byName[d.Name]; dup {
		return c.fail("name", "is defined twice")
	}
	f := feature{name: d.Name, seed: seedOf(d.Name), scope: -1, scale: 1, shift: d.Shift}
	f.slot = slotFor(f.seed, 0)
	if d.Scale != 0 {
		f.scale = d.Scale
	}
	build, ok := kinds[d.Kind]
	if !ok {
		return c.fail("kind", "%q is none of %s", d.Kind, strings.Join(kindNames(), ", "))
	}
	if err := build(c, &d, &f); err != nil {
		return err
	}
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
	}
	return i
}

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
			names[j] = fmt.Sprintf("%v", c.p.fields[part])
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

// cell reserves words in a scope's row, or finds the same cell made for another feature; fresh says which.
func (c *compiler) cell(scope, words int, what string) (offset int, fresh bool) {
	key := fmt.Sprint(scope, what)
	if off, ok := c.cells[key]; ok {
		return off, false
	}
	off := c.p.scopes[scope].words
	c.p.scopes[scope].words += words
	c.cells[key] = off
	return off, true
}

func (c *compiler) on(types []string, scope int, o op) {
	for _, t := range types {
		if c.updates[t] == nil {
			c.updates[t] = map[int][]op{}
		}
		c.updates[t][scope] = append(c.updates[t][scope], o)
	}
}

// window checks the three ways to forget and returns the accumulator.
func (c *compiler) window(d *Definition, lanes int) (accumulator, error) {
	switch {
	case d.Window > 0 && d.HalfLife > 0:
		return accumulator{}, c.fail("half_life", "window and half_life exclude each other")
	case d.Window < 0 || d.HalfLife < 0 || d.Slide < 0:
		return accumulator{}, c.fail("window", "durations must not be negative")
	case d.Slide > 0 && d.Window == 0:
		return accumulator{}, c.fail("slide", "a slide needs a window")
	}
	slide := d.Slide
	if d.Window > 0 {
		if slide == 0 {
			slide = max(d.Window/12, time.Millisecond)
		}
		if d.Window%slide != 0 || d.Window/slide > 1024 {
			return accumulator{}, c.fail("window", "must be a multiple of slide (%v), at most 1024 times", slide)
		}
	}
	return newAccumulator(lanes, d.Window, slide, d.HalfLife), nil
}

// number finds the field that sum and mean add up.
func (c *compiler) number(d *Definition) (int, error) {
	if d.Value == "" || d.Value == "value" {
		return eventValue, nil
	}
	f, err := parseField(d.Value)
	if err != nil || f.source == fromTime {
		return 0, c.fail("value", "%q is not value, context.FIELD, item.FIELD or user.FIELD", d.Value)
	}
	return c.field(f), nil
}

// compilePrior makes the smoothing of a rate or mean; of and over enter the running global ratio.
func (c *compiler) compilePrior(d *Definition, acc accumulator, what string, enter func(scope, offset int)) (prior, error) {
	p := prior{strength: d.Prior.Strength, mean: 0.5, scope: -1, acc: acc}
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
	off, fresh := c.cell(global, acc.words(), what)
	if fresh {
		enter(global, off)
	}
	p.scope, p.offset = global, off
	return p, nil
}
