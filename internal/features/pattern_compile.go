package features

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

// pattern is a compiled Pattern. It is immutable.
type pattern struct {
	name   string
	index  int
	seed   uint64
	scope  []int // fields of the program that make up the key; theUser: the user itself
	byItem bool
	within event.Time
	inTime bool // events are held back until the watermark has passed them
	skip   string
	limit  int // runs of a key

	steps    []patternStep // those that take events
	trailing []check       // what must not come after the last of them
	first    check         // what begins a run
	strict   bool          // some step looks at the very next event, whatever it is

	sees    []expression.Field[touch] // values that expressions ask of events, read as each arrives
	keeps   []bool                    // by slot: whether runs keep the event; see slotOf
	anyKept bool
	events  bool // what is kept or held back includes the event itself
	context bool // its keys, conditions or outputs read the context

	shows   *matchShow
	derives *derivation
	hook    string // name and version, where matches go into the outbox; empty: they do not
}

// theUser stands for the user in the scope of a pattern.
const theUser = -1

// patternStep is a step that takes events.
type patternStep struct {
	name        string
	take        check
	times       int
	strict      bool    // the first of its events directly follows what the step before has taken
	consecutive bool    // its events directly follow each other
	not         []check // what must not come before the first of its events
}

// check is a selection within a pattern. What needs the event alone was found when it arrived, and is a bit of its mask.
type check struct {
	bit  uint
	link *expression.Expression[link] // nil: nothing else
}

// matchShow is the feature that a pattern emits.
type matchShow struct {
	ttl   event.Time
	count bool // all matches of the last ttl are kept, up to maxShown
}

// maxShown bounds the matches that a count knows.
const maxShown = 64

// derivation makes an event of a match.
type derivation struct {
	typ   string
	value *expression.Expression[link] // nil: none
	slot  int
}

// delivery is what a type of event means to one pattern.
type delivery struct {
	pattern *pattern
	picks   []pick
}

// pick is one selection that a type of event may meet.
type pick struct {
	bit   uint
	where *eventExpr // nil: always
}

// Slots in which a run keeps events: the first that it took, and the latest of each step.
const slotFirst = 0

func slotOf(step int) int { return 1 + step }

// patternCompiler compiles one pattern.
type patternCompiler struct {
	*compiler
	spec  *Pattern
	p     *pattern
	err   PatternError
	bits  uint
	picks map[string][]pick
	names map[string]int // of values seen: place in p.sees
	roots map[string]int // what expressions may say before a dot: the slot
}

// patterns compiles all patterns. Their features stand before all others, so that any formula may read them.
func (c *compiler) patterns(specs []Pattern) error {
	var all []*patternCompiler
	for i := range specs {
		pc := &patternCompiler{
			compiler: c, spec: &specs[i], p: &pattern{index: i}, err: PatternError{Index: i, Name: specs[i].Name},
			picks: map[string][]pick{}, names: map[string]int{}, roots: map[string]int{},
		}
		if err := pc.compile(); err != nil {
			return pc.asPatternError(err)
		}
		c.p.patterns = append(c.p.patterns, pc.p)
		all = append(all, pc)
	}
	c.p.deliveries = deliveries(all)
	return c.acyclic(specs)
}

// deliveries says which patterns a type of event concerns. What is for all types is part of each.
func deliveries(all []*patternCompiler) map[string][]delivery {
	out := map[string][]delivery{}
	for _, one := range all {
		for typ := range one.picks {
			out[typ] = nil
		}
	}
	for typ := range out {
		for _, pc := range all {
			picks := pc.picks[typ]
			if typ != AnyType {
				picks = slices.Concat(pc.picks[AnyType], picks)
			}
			if len(picks) > 0 {
				out[typ] = append(out[typ], delivery{pc.p, picks})
			}
		}
	}
	return out
}

// asPatternError turns an error of the compiler of definitions, which knows nothing of patterns, into one about this pattern.
func (pc *patternCompiler) asPatternError(err error) error {
	var d *DefinitionError
	if !errors.As(err, &d) {
		return err
	}
	e := pc.err
	e.Key, e.Line, e.Column, e.Msg = d.Key, d.Line, d.Column, d.Msg
	return &e
}

func (pc *patternCompiler) fail(key, format string, args ...any) error {
	e := pc.err
	e.Key, e.Msg = key, fmt.Sprintf(format, args...)
	return &e
}

func (pc *patternCompiler) compile() error {
	pc.compiler.err = &DefinitionError{Name: pc.spec.Name}
	for _, part := range []func() error{pc.head, pc.key, pc.nameSteps, pc.steps, pc.emit} {
		if err := part(); err != nil {
			return err
		}
	}
	pc.settle()
	return nil
}

// head takes what is said once.
func (pc *patternCompiler) head() error {
	s, p := pc.spec, pc.p
	p.name, p.seed, p.limit, p.skip = s.Name, seedOf("pattern "+s.Name), s.Runs, s.Skip
	if s.Name == "" {
		return pc.fail("name", "a pattern needs a name")
	}
	if slices.ContainsFunc(pc.compiler.p.patterns, func(o *pattern) bool { return o.name == s.Name }) {
		return pc.fail("name", "%q is defined twice", s.Name)
	}
	if s.Within <= 0 {
		return pc.fail("within", "must be longer than 0: it bounds how long an unfinished match is remembered")
	}
	p.within = event.Time(s.Within)
	switch s.Order {
	case "", OrderArrival:
	case OrderEventTime:
		p.inTime = true
	default:
		return pc.fail("order", "%q is none of %s, %s", s.Order, OrderArrival, OrderEventTime)
	}
	switch s.Skip {
	case "":
		p.skip = SkipPastLast
	case SkipPastLast, SkipToNext, SkipNone:
	default:
		return pc.fail("skip", "%q is none of %s, %s, %s", s.Skip, SkipPastLast, SkipToNext, SkipNone)
	}
	if p.limit == 0 {
		p.limit = 64
	}
	if p.limit < 1 || p.limit > MaxRuns {
		return pc.fail("runs", "must lie between 1 and %d", MaxRuns)
	}
	return nil
}

// key compiles the scope.
func (pc *patternCompiler) key() error {
	o, fields, byItem, err := parseScope(pc.spec.Scope)
	if err != nil {
		return pc.fail("scope", "%v", err)
	}
	if o == ownItem {
		fields = append(fields, field{source: fromItem, index: -1})
	}
	for _, f := range fields {
		pc.p.scope = append(pc.p.scope, pc.field(f))
		pc.p.context = pc.p.context || f.source == fromContext || f.source == fromSession
	}
	slices.SortFunc(pc.p.scope, func(a, b int) int { return strings.Compare(pc.fieldName(a), pc.fieldName(b)) })
	if o == ownUser {
		pc.p.scope = append([]int{theUser}, pc.p.scope...)
	}
	pc.p.byItem = byItem
	return nil
}

// reserved are names that mean something else before a dot.
var reserved = []string{"item", "user", "context", "first", "duration"}

// nameSteps checks the names of all steps, since an expression may speak of any of them.
func (pc *patternCompiler) nameSteps() error {
	if len(pc.spec.Steps) == 0 {
		return pc.fail("steps", "a pattern needs a step")
	}
	if len(pc.spec.Steps) > maxSteps {
		return pc.fail("steps", "at most %d", maxSteps)
	}
	pc.roots["first"] = slotFirst
	seen, taking := map[string]bool{}, 0
	for i := range pc.spec.Steps {
		st, key := &pc.spec.Steps[i], fmt.Sprintf("steps[%d].name", i)
		_, isEvent := eventNames[st.Name]
		switch {
		case st.Name != "" && !isName(st.Name):
			return pc.fail(key, "%q must consist of letters, digits and _, and not begin with a digit: expressions speak of the step by it", st.Name)
		case slices.Contains(reserved, st.Name) || isEvent:
			return pc.fail(key, "%q means something else in an expression: choose another name", st.Name)
		case seen[st.Name]:
			return pc.fail(key, "%q is the name of a step above", st.Name)
		}
		seen[st.Name] = st.Name != ""
		if !st.negative() {
			if st.Name != "" {
				pc.roots[st.Name] = slotOf(taking)
			}
			taking++
		}
	}
	pc.p.keeps = make([]bool, slotOf(taking))
	return nil
}

func isName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// negative reports whether the step is about what must not come.
func (st *Step) negative() bool { return len(st.NotFollowedBy.Types) > 0 }

// selections are the four ways to say what a step is about.
func (st *Step) selections() (given []string, sel Selection) {
	for _, way := range []struct {
		name string
		sel  Selection
	}{{"on", st.On}, {"next", st.Next}, {"followed_by", st.FollowedBy}, {"not_followed_by", st.NotFollowedBy}} {
		if len(way.sel.Types) > 0 || way.sel.Where != "" {
			given, sel = append(given, way.name), way.sel
		}
	}
	return given, sel
}

func (pc *patternCompiler) steps() error {
	var not []check
	for i := range pc.spec.Steps {
		st, key := &pc.spec.Steps[i], fmt.Sprintf("steps[%d]", i)
		given, sel := st.selections()
		if err := pc.wellFormed(i, key, given); err != nil {
			return err
		}
		ch, err := pc.check(key+"."+given[0], sel)
		if err != nil {
			return err
		}
		if st.negative() {
			not = append(not, ch)
			continue
		}
		pc.p.steps = append(pc.p.steps, patternStep{
			name: st.Name, take: ch, times: max(st.Times, 1), strict: given[0] == "next", consecutive: st.Consecutive, not: not,
		})
		pc.p.strict = pc.p.strict || given[0] == "next" || st.Consecutive
		not = nil
	}
	pc.p.first, pc.p.trailing = pc.p.steps[0].take, not
	return nil
}

// wellFormed checks what a step says beside its selection.
func (pc *patternCompiler) wellFormed(i int, key string, given []string) error {
	st := &pc.spec.Steps[i]
	switch {
	case len(given) == 0 && i == 0:
		return pc.fail(key, "the first step needs on: the events that a match begins with")
	case len(given) == 0:
		return pc.fail(key, "a step needs next, followed_by or not_followed_by: the events that it is about")
	case len(given) > 1:
		return pc.fail(key+"."+given[1], "a step has one of on, next, followed_by and not_followed_by: make two steps")
	case i == 0 && given[0] != "on":
		return pc.fail(key+"."+given[0], "the first step follows nothing: write on")
	case i > 0 && given[0] == "on":
		return pc.fail(key+".on", "on is for the first step: write next, followed_by or not_followed_by")
	case st.Times < 0 || st.Times > maxTimes:
		return pc.fail(key+".times", "must lie between 1 and %d", maxTimes)
	case st.negative() && st.Times != 0:
		return pc.fail(key+".times", "what must not come has no times")
	case st.Consecutive && st.Times < 2:
		return pc.fail(key+".consecutive", "is about several events of one step: give times")
	}
	return nil
}

// check compiles a selection and notes which types of event may meet it.
func (pc *patternCompiler) check(key string, s Selection) (check, error) {
	where := s.Where
	s.Where = ""
	sel, err := pc.selection(key, s)
	if err != nil {
		return check{}, err
	}
	ch, p := check{bit: pc.bits}, pick{bit: pc.bits}
	pc.bits++
	switch linked := pc.speaksOfSteps(where); {
	case where == "":
	case linked:
		ch.link, err = pc.linked(key+".where", where, expression.CompileCondition[link])
	default:
		p.where, err = pc.condition(key+".where", where)
		pc.p.context = pc.p.context || p.where.readsContext()
	}
	for _, t := range sel.types {
		pc.picks[t] = append(pc.picks[t], p)
	}
	return ch, err
}

// emit compiles what comes of a match.
func (pc *patternCompiler) emit() error {
	e := pc.spec.Emit
	if e.Feature == nil && e.Event == nil && !e.Webhook {
		return pc.fail("emit", "give feature, event or webhook: nothing would come of a match")
	}
	if e.Feature != nil {
		if err := pc.show(e.Feature); err != nil {
			return err
		}
	}
	if e.Event != nil {
		if err := pc.derive(e.Event); err != nil {
			return err
		}
	}
	if e.Webhook {
		pc.p.hook = pc.spec.Hook()
		pc.p.events, pc.p.context = true, true
		for i := range pc.p.steps {
			pc.p.keeps[slotOf(i)] = true
		}
	}
	return nil
}

// show adds the pattern's feature to the program.
func (pc *patternCompiler) show(spec *MatchFeature) error {
	if spec.TTL <= 0 {
		return pc.fail("emit.feature.ttl", "must be longer than 0: for so long after a match the feature shows it")
	}
	p := pc.p
	p.shows = &matchShow{ttl: event.Time(spec.TTL)}
	f := feature{name: p.name, kind: "pattern", seed: seedOf(p.name), at: place{scope: -1}, scale: 1, numeric: true, byItem: p.byItem}
	f.state, f.pattern = true, p
	f.slot = slotFor(f.seed, 0)
	shown := Definition{Name: p.name, Kind: f.kind, Scope: pc.spec.Scope, TTL: spec.TTL, As: cmp.Or(spec.As, "flag")}
	f.compiled = &Compiled{Definition: shown, Version: pc.spec.Version(), Scope: scopeName(pc.spec.Scope)}
	switch spec.As {
	case "", "flag":
		f.number = func(q *Query, _ *feature) float64 { return q.matchFlag(p) }
	case "time_since":
		f.number = func(q *Query, _ *feature) float64 { return q.sinceMatch(p) }
	case "count":
		p.shows.count = true
		f.number = func(q *Query, _ *feature) float64 { return q.countMatches(p) }
	default:
		return pc.fail("emit.feature.as", "%q is none of flag, time_since, count", spec.As)
	}
	pc.byName[p.name] = len(pc.compiler.p.feats)
	pc.compiler.p.feats = append(pc.compiler.p.feats, f)
	return nil
}

// derive compiles the event that a match makes.
func (pc *patternCompiler) derive(spec *MatchEvent) error {
	if spec.Type == "" || spec.Type == AnyType || len(spec.Type) > event.MaxIDBytes {
		return pc.fail("emit.event.type", "must name the type of the event, in 1 to %d bytes", event.MaxIDBytes)
	}
	d := &derivation{typ: spec.Type, slot: slotOf(len(pc.p.steps) - 1)}
	if spec.From != "" {
		slot, ok := pc.roots[spec.From]
		if !ok {
			return pc.fail("emit.event.from", "%q is not the name of a step that takes events", spec.From)
		}
		d.slot = slot
		pc.p.keeps[slot] = true
	}
	var err error
	if spec.Value != "" {
		d.value, err = pc.linked("emit.event.value", spec.Value, expression.CompileNumber[link])
	}
	pc.p.derives, pc.p.events, pc.p.context = d, true, true
	return err
}

// settle decides what is kept of events, once everything is known that asks for it.
func (pc *patternCompiler) settle() {
	p := pc.p
	last := slotOf(len(p.steps) - 1)
	if len(p.trailing) > 0 && (p.events || len(p.sees) > 0) {
		p.keeps[last] = true // the match comes when its last event has long gone
	}
	p.anyKept = slices.Contains(p.keeps, true)
}

// acyclic refuses patterns whose matches would make matches of themselves.
func (c *compiler) acyclic(specs []Pattern) error {
	const unknown, open, done = 0, 1, 2
	state := make([]int, len(specs))
	var path []string
	var visit func(i int) error
	visit = func(i int) error {
		switch state[i] {
		case done:
			return nil
		case open:
			cycle := append(path[slices.Index(path, specs[i].Name):], specs[i].Name)
			return fmt.Errorf("a match would lead to itself: %s", strings.Join(cycle, " -> "))
		}
		state[i] = open
		path = append(path, specs[i].Name)
		if ev := specs[i].Emit.Event; ev != nil {
			for _, d := range c.p.deliveriesOf(ev.Type) {
				if err := visit(d.pattern.index); err != nil {
					return err
				}
			}
		}
		path = path[:len(path)-1]
		state[i] = done
		return nil
	}
	for i := range specs {
		if err := visit(i); err != nil {
			return &PatternError{Index: i, Name: specs[i].Name, Key: "emit.event.type", Msg: err.Error() + ": give the event another type"}
		}
	}
	return nil
}

// deliveriesOf are the patterns that a type of event concerns.
func (p *program) deliveriesOf(typ string) []delivery {
	if d, ok := p.deliveries[typ]; ok {
		return d
	}
	return p.deliveries[AnyType]
}
