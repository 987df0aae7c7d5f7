package features

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsvc/internal/event"
)

// ErrNeverSeen reports an entity that nothing is known of.
var ErrNeverSeen = errors.New("never seen")

// NoScopeError says that no feature is kept under a scope.
type NoScopeError struct {
	Scope []string
	Known []string // the scopes that there are, as they are written in a path
}

func (e *NoScopeError) Error() string {
	return fmt.Sprintf("no feature is kept under %q; there are %s", strings.Join(e.Scope, ","), strings.Join(e.Known, "; "))
}

// KeyError reports a key that has not as many values as its scope has parts.
type KeyError struct{ Want, Got int }

func (e *KeyError) Error() string {
	return fmt.Sprintf("must hold one value for each part of the scope: %d, and not %d", e.Want, e.Got)
}

// EntityFeature is the present value of one of the features that an entity has.
type EntityFeature struct {
	NamedValue
	Kind    string
	Window  string // such as 5m or 30d; empty: none
	Version string // of its definition
}

// Entity returns the features that are kept under a scope, with their values for one key as of now. scope is written as in a definition, its parts in any
// order, global as "global" with the key "global"; key has one value for each part. What a feature reads beside its own state, such as a
// candidate's fields, is missing. The values are the caller's.
//
// Errors are *NoScopeError, *KeyError, ErrNeverSeen, or why the user could not be read.
func (s *Store) Entity(scope, key []string, now event.Time) ([]EntityFeature, error) {
	r, err := s.Readout(nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p := r.q.store.program
	kept := p.keptUnder(scope)
	if len(kept) == 0 {
		return nil, &NoScopeError{scope, p.scopeNames()}
	}
	if len(key) != len(scope) {
		return nil, &KeyError{len(scope), len(key)}
	}
	e := newEntity(scope, key)
	r.begin(e.user)
	s.RLock()
	defer s.RUnlock()
	return r.entity(e, kept, now)
}

// keptUnder are the features whose state is kept under a scope.
func (p *program) keptUnder(scope []string) (out []int) {
	want := canonicalScope(scope)
	for i := range p.feats {
		if f := &p.feats[i]; f.state && canonicalScope(f.compiled.Definition.Scope) == want {
			out = append(out, i)
		}
	}
	return out
}

// scopeNames are the scopes that features are kept under, in order of their definitions.
func (p *program) scopeNames() (names []string) {
	seen := map[string]bool{}
	for i := range p.feats {
		f := &p.feats[i]
		if id := canonicalScope(f.compiled.Definition.Scope); f.state && !seen[id] {
			seen[id] = true
			names = append(names, strings.ReplaceAll(scopeName(f.compiled.Definition.Scope), " ", ""))
		}
	}
	return names
}

// canonicalScope is the same for the same parts in any order.
func canonicalScope(parts []string) string {
	parts = slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return part == "global" })
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// entity is a key, taken apart.
type entity struct {
	user, item, session string
	context             event.Attributes
	fields              []entityField // of the user and the item
}

type entityField struct {
	field
	value string
}

// newEntity reads a key of a scope that some definition has, so that its parts are well-formed.
func newEntity(scope, key []string) (e entity) {
	for i, part := range scope {
		value := key[i]
		switch part {
		case "user":
			e.user = value
		case "item":
			e.item = value
		case "session":
			e.session = value
		case "global":
		default:
			f, _ := parseField(part)
			if f.source == fromContext {
				e.context = append(e.context, event.Attribute{Key: f.key, Value: f.holding(value)})
			} else {
				e.fields = append(e.fields, entityField{f, value})
			}
		}
	}
	slices.SortFunc(e.context, func(a, b event.Attribute) int { return strings.Compare(a.Key, b.Key) })
	return e
}

// holding is an attribute that the field reads as that text.
func (f field) holding(text string) event.Value {
	if f.index <= 0 {
		return event.Value{Kind: event.String, Str: text}
	}
	list := make([]string, f.index+1)
	list[f.index] = text
	return event.Value{Kind: event.List, List: list}
}

// entity reads the features of one entity. The caller holds the lock.
func (r *Readout) entity(e entity, kept []int, now event.Time) ([]EntityFeature, error) {
	q := r.q
	q.begin(e.context, now)
	q.InSession(e.session)
	q.resolve()
	if err := q.Err(); err != nil {
		return nil, err
	}
	it, met := r.place(e)
	if e.user != "" && q.user == nil || e.item != "" && !met {
		return nil, ErrNeverSeen
	}
	if u := r.standIn(e); u != nil {
		q.user = u
	}
	r.evaluate(r.shared)
	q.turnTo(it)
	q.evaluate(r.own)
	if !q.met(kept) {
		return nil, ErrNeverSeen
	}
	values, out := r.spell(true), make([]EntityFeature, 0, len(kept))
	for _, i := range kept {
		f, v := &q.store.program.feats[i], values[i]
		v.List, v.Weights = slices.Clone(v.List), slices.Clone(v.Weights)
		one := EntityFeature{NamedValue: v, Kind: f.kind, Version: f.compiled.Version}
		if window := f.compiled.Definition.Window; window > 0 {
			one.Window = shortDuration(window)
		}
		out = append(out, one)
	}
	return out, nil
}

// place is the item of an entity, its fields as the key says, and whether it was ever met.
func (r *Readout) place(e entity) (it *Item, met bool) {
	t := &r.q.store.items
	r.stranger = t.stranger(e.item)
	ref, met := t.find(e.item)
	if met {
		if it = t.at(ref); len(e.fields) == 0 {
			return it, met
		}
		r.stranger = *it
		r.stranger.values = slices.Clone(it.values)
		r.stranger.groups = make([]groupRow, len(it.groups))
	}
	e.overwrite(r.stranger.values, t.program, fromItem)
	return &r.stranger, met
}

// standIn is the user with the fields that the key says; nil: it says none.
func (r *Readout) standIn(e entity) *user {
	if !slices.ContainsFunc(e.fields, func(f entityField) bool { return f.source == fromUser }) {
		return nil
	}
	t, u := &r.q.store.users, new(user)
	if r.q.user != nil {
		*u = *r.q.user
		u.values = slices.Clone(u.values)
	} else {
		u.values, u.row, u.subs = t.body()
	}
	e.overwrite(u.values, t.program, fromUser)
	return u
}

// overwrite puts the key's fields among an entity's values.
func (e *entity) overwrite(values []fieldValue, p *program, from source) {
	for _, f := range e.fields {
		for i, known := range p.fields {
			if known.source == from && known.key == f.key && known.form == formPlain && known.index == f.index {
				values[p.slotOf[i]] = scalar(event.Value{Kind: event.String, Str: f.value})
			}
		}
	}
}

// met reports whether anything is kept for the key that the query stands at.
func (q *Query) met(kept []int) bool {
	return slices.ContainsFunc(kept, func(i int) bool {
		f := &q.store.program.feats[i]
		if f.pattern != nil {
			m, _ := q.store.matchers.find(q.matchKey(f.pattern))
			return m != nil
		}
		return f.at.scope >= 0 && q.rows[f.at.scope] != nil
	})
}
