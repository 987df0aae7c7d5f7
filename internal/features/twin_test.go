package features

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
)

// The naive twin keeps every event of a log, and makes the value of a feature by counting them all anew. It knows neither tiles
// that are reused, nor rows, nor caches: what it says is what the documentation of the kind says.
//
// A kind joins by a function xxxTwins, beside the other tests of its file, that returns its [twinKind]s, and by a line in
// [twinKinds]. Its recount asks a [twinRead] for what it needs:
//
//	func medianTwins() []twinKind {
//		return []twinKind{{
//			kind:  "median",
//			reads: "value",
//			defs:  []Definition{{Name: "x", Kind: "median", On: On("dwell"), Window: time.Hour}},
//			recount: func(r *twinRead) twinValue {
//				return twinNumber(medianOf(r.window(r.chosen(r.def.On, "value"))))
//			},
//		}}
//	}
//
// The definitions of all kinds make one store, over random streams (twin_stream_test.go). Definitions with a condition or an
// expression need that text in [twinFormula], as Go. Where [twinKind.defs] are not enough, a kind's recount also serves the
// shipped configurations over real data (twin_data_test.go).
func twinKinds() []twinKind {
	return slices.Concat(
		totalTwins(),
		decayTwins(),
		spreadTwins(),
		trendTwins(),
		distinctTwins(),
		tallyTwins(),
		quantileTwins(),
		sequenceTwins(),
		interestTwins(),
		sessionTwins(),
		presenceTwins(),
		timeTwins(),
		textTwins(),
	)
}

// twinKind is what the twin knows of a kind.
type twinKind struct {
	kind    string
	defs    []Definition // put through the random streams
	recount func(*twinRead) twinValue

	// reads says which events of "on" change anything, which matters to a time to live: those whose value, as the definition
	// names it, is a "number", those that have a "value" at all, those with an "item", those with a value that is the item unless named
	// ("entry"), or all ("").
	reads string

	forward bool // it cannot be read as of before the newest event of its key
}

// twinValue is what a feature comes to.
type twinValue struct {
	number  float64 // of a numeric feature; NaN: missing
	within  float64 // how far off the number may be, beside rounding
	list    []uint64
	weights []float32 // within 1e-5
	anyhow  bool      // the order of list does not matter
}

func twinNumber(x float64) twinValue         { return twinValue{number: x} }
func twinCategory(ids ...uint64) twinValue   { return twinValue{number: math.NaN(), list: ids} }
func twinWithin(x, margin float64) twinValue { return twinValue{number: x, within: margin} }

// twinEvent is an event with its item and user as they stood at its place in the log. A reading is one too: of what is read, for
// whom, and when.
type twinEvent struct {
	event.Event
	place          int
	ofItem, ofUser map[string]event.Value
}

// value is what a name in a definition stands for: "value", "item", "user", "session", "item.FIELD[N]" … Null: missing.
func (e *twinEvent) value(name string) event.Value {
	text := func(s string) event.Value {
		if s == "" {
			return event.Value{}
		}
		return event.Value{Kind: event.String, Str: s}
	}
	if v, ok := twinFormula(name, e); ok {
		return v
	}
	switch name {
	case "", "value":
		if !e.HasValue {
			return event.Value{}
		}
		return num(e.Value)
	case "item":
		return text(e.Item)
	case "user":
		return text(e.User)
	case "session":
		if e.Session == "" {
			v, _ := e.Context.Get("session")
			return v
		}
		return text(e.Session)
	}
	head, key, _ := strings.Cut(name, ".")
	place := -1
	if at := strings.IndexByte(key, '['); at >= 0 {
		place, _ = strconv.Atoi(strings.TrimSuffix(key[at+1:], "]"))
		key = key[:at]
	}
	var v event.Value
	switch head {
	case "item":
		v = e.ofItem[key]
	case "user":
		v = e.ofUser[key]
	case "context":
		v, _ = e.Context.Get(key)
	}
	switch {
	case v.Kind == event.List && (len(v.List) == 0 || place >= len(v.List)):
		return event.Value{}
	case v.Kind == event.List && place >= 0:
		return text(v.List[place])
	case v.Kind != event.List && place > 0:
		return event.Value{}
	}
	return v
}

// twinIDs are the identities of a value: none, one, or one for each element.
func twinIDs(v event.Value) (ids []uint64) {
	switch v.Kind {
	case event.String:
		return []uint64{hashString(v.Str)}
	case event.Number, event.Bool:
		return []uint64{hashString(strconv.FormatFloat(v.Num+0, 'g', -1, 64))} // −0 is 0
	case event.List:
		for _, s := range v.List {
			ids = append(ids, hashString(s))
		}
	}
	return ids
}

// twinFloat is the number of a value, NaN when it is none.
func twinFloat(v event.Value) float64 {
	switch v.Kind {
	case event.Number, event.Bool:
		return v.Num
	case event.String:
		if x, err := strconv.ParseFloat(v.Str, 64); err == nil {
			return x
		}
	}
	return math.NaN()
}

// key is the key of a scope; ok is false when a part of it is missing.
func (e *twinEvent) key(scope []string) (key string, ok bool) {
	for _, part := range scope {
		if part == "global" {
			continue
		}
		ids := twinIDs(e.value(part))
		if len(ids) == 0 {
			return "", false
		}
		key += fmt.Sprintf("%x,", ids[0])
	}
	return key, true
}

// in reports whether a selection has the event.
func (e *twinEvent) in(s Selection) bool {
	if !slices.Contains(s.Types, e.Type) && !slices.Contains(s.Types, AnyType) {
		return false
	}
	if s.Where == "" {
		return true
	}
	v, ok := twinFormula(s.Where, e)
	if !ok {
		panic("twinFormula does not know " + s.Where)
	}
	return v.Num == 1
}

// twin is a log with the catalogue and the people as they stand at its end.
type twin struct {
	log          []*twinEvent
	items, users map[string]map[string]event.Value
	newest       event.Time
	scopes       map[string]map[string][]*twinEvent // by scope and key, as far as they were asked for
	all          map[string][]twinSample            // of all keys, as of so many events
	counted      int
}

func newTwin() *twin {
	return &twin{
		items: map[string]map[string]event.Value{}, users: map[string]map[string]event.Value{},
		scopes: map[string]map[string][]*twinEvent{},
	}
}

func (w *twin) at(e event.Event) *twinEvent {
	return &twinEvent{Event: e, place: len(w.log), ofItem: w.items[e.Item], ofUser: w.users[e.User]}
}

// apply lets the twin and the store see an event. Some are captured first, as the engine does with what it learns from.
func (w *twin) apply(s *Store, q *Query, e event.Event, capture bool) {
	ref := s.EnsureItem(e.Item)
	q.Begin(e.User, e.Context, e.Time)
	if capture {
		q.Shared()
		if ref != NoItem {
			q.Item(new(Vector), ref)
		}
	}
	s.Apply(q, &e, ref)
	seen := w.at(e)
	w.log, w.newest = append(w.log, seen), max(w.newest, e.Time)
	s.Advance(w.newest)
	for scope, keys := range w.scopes {
		if key, ok := seen.key(strings.Split(scope, "\n")); ok {
			keys[key] = append(keys[key], seen)
		}
	}
}

func (w *twin) upsertItem(s *Store, r *event.Item) {
	s.UpsertItem(r)
	if w.items[r.ID] = twinMerged(w.items[r.ID], r.Attrs); r.Deleted {
		w.items[r.ID] = nil
	}
}

func (w *twin) upsertUser(s *Store, r *event.User) {
	s.UpsertUser(r)
	w.users[r.ID] = twinMerged(w.users[r.ID], r.Attrs)
}

// twinMerged is a new map: events remember the old one.
func twinMerged(old map[string]event.Value, changes event.Attributes) map[string]event.Value {
	out := maps.Clone(old)
	if out == nil {
		out = map[string]event.Value{}
	}
	for _, a := range changes {
		if out[a.Key] = a.Value; a.Value.Kind == event.Null {
			delete(out, a.Key)
		}
	}
	return out
}

// of returns the events that have the key of the scope that a reading has. The twin sorts them by key once; each reading then counts
// all of them.
func (w *twin) of(scope []string, at *twinEvent) []*twinEvent {
	key, ok := at.key(scope)
	if !ok {
		return nil
	}
	if len(scope) == 0 || len(scope) == 1 && scope[0] == "global" {
		return w.log
	}
	name := strings.Join(scope, "\n")
	keys := w.scopes[name]
	if keys == nil {
		keys = map[string][]*twinEvent{}
		w.scopes[name] = keys
		for _, e := range w.log {
			if k, ok := e.key(scope); ok {
				keys[k] = append(keys[k], e)
			}
		}
	}
	return keys[key]
}

// twinRead is a feature to be counted at one place.
type twinRead struct {
	def  Definition // of one window
	at   *twinEvent // what is read: user, item, context, and the time
	now  event.Time
	twin *twin
	log  []*twinEvent // events of the same key, in the order of the log, since its state was last forgotten
}

// twinSample is an event with what is taken from it.
type twinSample struct {
	*twinEvent
	x   float64  // NaN: not a number
	ids []uint64 // of several elements, each
}

// id is the identity of a value, of a list that of its first element.
func (s twinSample) id() uint64 { return s.ids[0] }

// chosen are the events of this key that a selection has and that have the value, which is one of [twinEvent.value] or "1".
func (r *twinRead) chosen(s Selection, value string) []twinSample { return sample(r.log, s, value) }

// everywhere is chosen for the events of all keys. It is remembered until the log grows.
func (r *twinRead) everywhere(s Selection, value string) []twinSample {
	w := r.twin
	if w.counted != len(w.log) {
		w.counted, w.all = len(w.log), map[string][]twinSample{}
	}
	name := fmt.Sprint(s, value)
	if _, ok := w.all[name]; !ok {
		w.all[name] = sample(w.log, s, value)
	}
	return w.all[name]
}

func sample(log []*twinEvent, s Selection, value string) (out []twinSample) {
	for _, e := range log {
		if !e.in(s) {
			continue
		}
		if value == "1" {
			out = append(out, twinSample{e, 1, nil})
		} else if v := e.value(value); v.Kind != event.Null {
			out = append(out, twinSample{e, twinFloat(v), twinIDs(v)})
		}
	}
	return out
}

// numbers leaves those out whose value is no number.
func numbers(samples []twinSample) (out []twinSample) {
	none := func(s twinSample) bool { return math.IsNaN(s.x) }
	if !slices.ContainsFunc(samples, none) {
		return samples
	}
	return slices.DeleteFunc(slices.Clone(samples), none)
}

// slide is the width of a tile of the definition's window.
func (r *twinRead) slide() time.Duration {
	if r.def.Slide > 0 {
		return r.def.Slide
	}
	return max(r.def.Window/12, time.Millisecond)
}

// window leaves the events whose tile is one of the last W/S, up to the one that holds the time of reading; all of them when the
// definition has no window.
func (r *twinRead) window(samples []twinSample) []twinSample { return r.windowBefore(samples, 0) }

// windowBefore is window as it was so many whole windows ago.
func (r *twinRead) windowBefore(samples []twinSample, windows int64) (out []twinSample) {
	if r.def.Window == 0 {
		return samples
	}
	tiles := int64(r.def.Window / r.slide())
	last := int64(r.now)/int64(r.slide()) - windows*tiles
	for _, s := range samples {
		tile := int64(s.Time) / int64(r.slide())
		if tile <= last && tile > last-tiles {
			out = append(out, s)
		}
	}
	return out
}

// total is the sum of the samples' numbers over the window; each halved with every half-life that has passed since.
func (r *twinRead) total(samples []twinSample) (sum float64) {
	for _, s := range r.window(numbers(samples)) {
		if r.def.HalfLife > 0 {
			s.x *= math.Exp2(-float64(r.now-s.Time) / float64(r.def.HalfLife))
		}
		sum += s.x
	}
	return sum
}

// twinForm is what "as" makes of a number.
func twinForm(as string, x float64) float64 {
	switch as {
	case "log":
		return math.Copysign(math.Log1p(math.Abs(x)), x)
	case "sqrt":
		return math.Copysign(math.Sqrt(math.Abs(x)), x)
	}
	return x
}

// twinFeature is one feature, that of one window, of the store that is compared.
type twinFeature struct {
	def   Definition
	kind  twinKind
	index int
}

// twinFeatures are the features of a store that the twin can count.
func twinFeatures(s *Store, defs []Definition) (out []twinFeature) {
	kinds := twinKinds()
	index := map[string]int{}
	for i := range s.program.feats {
		index[s.program.feats[i].name] = i
	}
	for _, d := range defs {
		k := slices.IndexFunc(kinds, func(k twinKind) bool { return k.kind == d.Kind })
		if k < 0 {
			continue
		}
		if len(d.Windows) == 0 {
			out = append(out, twinFeature{d, kinds[k], index[d.Name]})
		}
		for _, w := range d.Windows {
			one := d
			one.Windows, one.Window, one.Name = nil, w, d.Name+"_"+shortDuration(w)
			out = append(out, twinFeature{one, kinds[k], index[one.Name]})
		}
	}
	return out
}

// touches reports whether an event changes the state of the feature.
func (f *twinFeature) touches(e *twinEvent) bool {
	if slices.Contains(f.def.Outcomes, e.Type) && e.Item != "" {
		return true
	}
	if e.in(f.def.Of) || e.in(f.def.Over) || e.in(f.def.Off) {
		return true
	}
	if !e.in(f.def.On) {
		return false
	}
	switch {
	case f.kind.reads == "number", len(f.def.Buckets) > 0:
		return !math.IsNaN(twinFloat(e.value(f.def.Value)))
	case f.kind.reads == "value":
		return e.value(f.def.Value).Kind != event.Null
	case f.kind.reads == "item":
		return e.Item != ""
	case f.kind.reads == "entry":
		return e.Item != "" && f.def.Value == "" || f.def.Value != "" && e.value(f.def.Value).Kind != event.Null
	}
	return true
}

// alive leaves the events since the feature's state was last forgotten.
func (f *twinFeature) alive(log []*twinEvent, now event.Time) []*twinEvent {
	if f.def.TTL == 0 {
		return log
	}
	var last event.Time
	from := 0
	for i, e := range log {
		if !f.touches(e) {
			continue
		}
		if last != 0 && e.Time-last > event.Time(f.def.TTL) {
			from = i
		}
		last = max(last, e.Time)
	}
	if now-last > event.Time(f.def.TTL) {
		return nil
	}
	return log[from:]
}

// compare reads every feature for one user, item (empty: none) and context, at one instant, from the store and by the twin. It returns
// how many features had something to say.
func (w *twin) compare(t *testing.T, s *Store, q *Query, feats []twinFeature, user, item string, context event.Attributes, now event.Time) (told int) {
	t.Helper()
	q.Begin(user, context, now)
	q.prepare()
	ref, known := s.LookupItem(item)
	if known {
		q.Item(new(Vector), ref)
	}
	at := w.at(event.Event{User: user, Item: item, Context: context, Time: now})
	for i := range feats {
		f := &feats[i]
		compiled := &s.program.feats[f.index]
		back := now < w.newest
		if compiled.byItem && !known || back && (f.def.Window == 0 || f.kind.forward) {
			continue
		}
		r := &twinRead{f.def, at, now, w, f.alive(w.of(f.def.Scope, at), now)}
		want := f.kind.recount(r)
		var got twinValue
		if compiled.numeric {
			got.number = q.nums[f.index]
		} else if c := q.cats[f.index]; c.id != 0 {
			if got.list, got.weights = c.list, c.weights; len(c.list) == 0 {
				got.list = []uint64{c.id}
			}
		}
		if want.number != 0 && want.number == want.number || len(want.list) > 0 {
			told++
		}
		if !got.agrees(want, compiled.numeric) {
			t.Fatalf("%v\nuser %q item %q at %v, %v after the newest of %d events:\n  says %v\n  a recount %v",
				f.def, user, item, now.Time(), now.Sub(w.newest), len(w.log), got, want)
		}
	}
	return told
}

func (v twinValue) agrees(want twinValue, numeric bool) bool {
	if numeric {
		return v.number != v.number && want.number != want.number ||
			math.Abs(v.number-want.number) <= want.within+1e-9*max(1, math.Abs(want.number))
	}
	if want.anyhow {
		slices.Sort(v.list)
		slices.Sort(want.list)
	}
	if !slices.Equal(v.list, want.list) || len(want.weights) != len(v.weights) {
		return false
	}
	for i := range v.weights {
		if math.Abs(float64(v.weights[i]-want.weights[i])) > 1e-5*max(1, math.Abs(float64(want.weights[i])))+want.within {
			return false
		}
	}
	return true
}

func (v twinValue) String() string {
	if len(v.list) == 0 {
		return fmt.Sprint(v.number)
	}
	var b strings.Builder
	for i, id := range v.list {
		fmt.Fprintf(&b, "#%x", id)
		if i < len(v.weights) {
			fmt.Fprintf(&b, ":%v", v.weights[i])
		}
		b.WriteByte(' ')
	}
	return b.String()
}
