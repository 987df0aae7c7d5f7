package features

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

// link is what a condition that speaks of steps is about: an event, and the run that it may carry on.
type link struct {
	p   *pattern
	run *run // nil: the event begins one
	now *sight
}

// namesOf lists what expressions of the pattern may say before a dot.
func (pc *patternCompiler) namesOf() string {
	var names []string
	for name := range pc.roots {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// stepField splits enter.context.room, of which the expression sees the root enter.context and the key room.
func (pc *patternCompiler) stepField(root, key string) (slot int, innerRoot, innerKey string, ok bool) {
	step, inner, deep := strings.Cut(root, ".")
	if slot, ok = pc.roots[step]; !ok {
		return 0, "", "", false
	}
	if deep {
		return slot, inner, key, true
	}
	if head, rest, ok := strings.Cut(key, "."); ok { // enter["context.room"]
		return slot, head, rest, true
	}
	return slot, "", key, true
}

// speaksOfSteps reports whether a condition reads more than the event at hand.
func (pc *patternCompiler) speaksOfSteps(text string) (yes bool) {
	names := func(root, key string) (expression.Field[link], error) {
		if _, _, _, ok := pc.stepField(root, key); ok || root == "" && key == "duration" {
			yes = true
		} else if root != "" && strings.Contains(root, ".") {
			return expression.Field[link]{}, errors.New("fields have no fields")
		}
		return expression.Field[link]{Get: func(*link) event.Value { return event.Value{} }}, nil
	}
	_, _ = expression.Compile(text, names, pc.options()) // what is wrong with it is told when it is compiled in earnest
	return yes
}

// linked compiles an expression over an event and the steps before it.
func (pc *patternCompiler) linked(
	key, text string, compile func(string, expression.Names[link], expression.Options) (*expression.Expression[link], error),
) (*expression.Expression[link], error) {
	x, err := compile(text, pc.resolveLink, pc.options())
	if err != nil {
		return nil, pc.textError(key, err)
	}
	return x, nil
}

// resolveLink finds what a name stands for: duration, a field of the event, or (after the name of a step) of an event before it.
func (pc *patternCompiler) resolveLink(root, key string) (expression.Field[link], error) {
	if root == "" && key == "duration" {
		return expression.Field[link]{Kind: event.Number, Get: func(l *link) event.Value { return presentNumber(l.duration(), true) }}, nil
	}
	slot, innerRoot, innerKey, ofStep := pc.stepField(root, key)
	if !ofStep {
		i, kind, err := pc.seen(root, key)
		return expression.Field[link]{Kind: kind, Get: func(l *link) event.Value { return l.now.values[i] }}, err
	}
	i, kind, err := pc.seen(innerRoot, innerKey)
	if err != nil {
		return expression.Field[link]{}, err
	}
	pc.p.keeps[slot] = true
	return expression.Field[link]{Kind: kind, Get: func(l *link) event.Value {
		if s := l.run.keptAt(slot); s != nil {
			return s.values[i]
		}
		return event.Value{}
	}}, nil
}

// maxSeen bounds the values that the expressions of one pattern may ask of an event.
const maxSeen = 64

// seen notes that a field of events is asked for, and returns its place among the values of a sight.
func (pc *patternCompiler) seen(root, key string) (int, event.ValueKind, error) {
	name := root + "." + key
	if i, ok := pc.names[name]; ok {
		return i, pc.p.sees[i].Kind, nil
	}
	f, err := pc.resolve(root, key)
	if err != nil {
		return 0, 0, fmt.Errorf("%w; or say before a dot whose: %s", err, pc.namesOf())
	}
	i := len(pc.p.sees)
	if i == maxSeen {
		return 0, 0, fmt.Errorf("at most %d different fields of events", maxSeen)
	}
	pc.names[name] = i
	pc.p.sees = append(pc.p.sees, f)
	pc.p.context = pc.p.context || root == "context"
	return i, f.Kind, nil
}

// duration is how long the run lasts with the event, in seconds.
func (l *link) duration() float64 {
	if l.run == nil {
		return 0
	}
	return float64(max(l.run.hi, l.now.time)-min(l.run.lo, l.now.time)) / 1e9
}

// holds reports whether an event meets a selection, as the next of a run, nil where it would begin one.
func (c *check) holds(m *moving, r *run) bool {
	if m.now.mask&(1<<c.bit) == 0 {
		return false
	}
	if c.link == nil {
		return true
	}
	m.link.run, m.link.now = r, m.now
	return c.link.True(&m.state, &m.link)
}
