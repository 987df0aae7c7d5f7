package feedback

import (
	"fmt"
	"strconv"
	"time"

	"recsvc/internal/event"
)

// twin is the join as one would write it without a thought for time or memory: a slice that is searched from end to
// end, strings as keys, due times worked out anew for each step. It writes the log that a rig writes.
type twin struct {
	heads     []HeadOptions
	o         Options
	log       []string
	now       event.Time
	order     int
	all       []*shown
	closed    []grave
	exposures int
	tally     map[string]int // per head and outcome
}

type shown struct {
	user, item, request      string
	scene, variant           string
	order                    int // renewed when exposed
	base, floor              event.Time
	position                 int32
	weight, theta            float64
	context                  event.Attributes
	capture                  int
	exposed, waiting, served bool
	implied, learned         bool
	positiveAt               []event.Time
	positive, done           []bool
}

type grave struct {
	user, item, request string
	hour                int64
}

type twinMatch struct {
	s                        *shown
	capture, duplicate, late bool
	position                 int32
	context                  string
}

func newTwin(o Options) *twin {
	o.setDefaults()
	return &twin{o: o, heads: o.Heads, now: none, tally: map[string]int{}}
}

func (w *twin) longest() (d event.Time) {
	for _, h := range w.heads {
		d = max(d, event.Time(h.Window))
	}
	return d
}

func (w *twin) wait() event.Time { return event.Time(w.o.ExposureWait) }

// positives returns which heads e is positive for; named is false when no head names its type.
func (w *twin) positives(e *event.Event) (out []int, named bool) {
	for h := range w.heads {
		hit := false
		for _, l := range w.heads[h].Positive {
			if l.Type == e.Type {
				named = true
				hit = hit || l.Min == nil || (e.HasValue && e.Value >= *l.Min)
			}
		}
		if hit {
			out = append(out, h)
		}
	}
	return out, named
}

func (w *twin) find(request, item string) *shown {
	for _, s := range w.all {
		if request != "" && s.request == request && s.item == item {
			return s
		}
	}
	return nil
}

func (w *twin) buried(e *event.Event) bool {
	for _, g := range w.closed {
		if w.now >= (event.Time(g.hour)+1)*hour+event.Time(w.o.LateMemory) {
			continue
		}
		if e.Request != "" && g.request == e.Request && g.item == e.Item {
			return true
		}
		if e.Request == "" && g.user == e.User && g.item == e.Item {
			return true
		}
	}
	return false
}

func (w *twin) match(e *event.Event) twinMatch {
	m := twinMatch{position: e.Position, context: showContext(e.Context)}
	if e.Item == "" {
		return m
	}
	m.s = w.find(e.Request, e.Item)
	_, named := w.positives(e)
	switch {
	case e.Type == exposureType:
		if m.s == nil && e.Request != "" && w.buried(e) {
			m.duplicate = true
			break
		}
		if m.s == nil {
			m.s = w.orphan(e)
		}
		m.capture = m.s == nil
		m.duplicate = m.s != nil && m.s.exposed
	default:
		if m.s == nil && e.Request == "" {
			m.s = w.latest(e)
		}
		if m.s == nil && named {
			m.late = w.buried(e)
			m.capture = !m.late
		}
	}
	if m.s != nil {
		if m.position == 0 {
			m.position = m.s.position
		}
		m.context = showContext(over(e.Context, m.s.context))
	}
	return m
}

// over lays a over b.
func over(a, b event.Attributes) event.Attributes {
	texts := map[string]string{}
	for _, kv := range append(append(event.Attributes{}, b...), a...) {
		texts[kv.Key] = kv.Value.Str
	}
	var all string
	for k, v := range texts {
		all += "," + k + ":" + v
	}
	if all == "" {
		return nil
	}
	return parseContext(all[1:])
}

func (w *twin) orphan(e *event.Event) *shown {
	var outcome, served *shown
	for _, s := range w.all {
		if s.user != e.User || s.item != e.Item || (e.Request != "" && s.request != "") {
			continue
		}
		ahead := s.base - e.Time
		switch {
		case s.waiting || s.implied:
			if ahead >= 0 && ahead <= w.longest() &&
				(outcome == nil || s.base < outcome.base || s.base == outcome.base && s.order > outcome.order) {
				outcome = s
			}
		case e.Request == "" && !s.exposed:
			if ahead <= 0 && -ahead <= w.longest() &&
				(served == nil || s.base > served.base || s.base == served.base && s.order > served.order) {
				served = s
			}
		}
	}
	if outcome != nil {
		return outcome
	}
	return served
}

func (w *twin) latest(e *event.Event) *shown {
	ranks := []func(*shown, event.Time) bool{
		func(s *shown, d event.Time) bool { return s.exposed && d >= 0 && d <= w.longest() },
		func(s *shown, d event.Time) bool { return s.waiting && d <= w.longest() && -d <= w.longest() },
		func(s *shown, d event.Time) bool { return !s.exposed && !s.waiting && d >= 0 && d <= w.longest() },
		func(s *shown, d event.Time) bool { return s.exposed && d >= 0 },
	}
	for _, fits := range ranks {
		var best *shown
		for _, s := range w.all {
			if s.user == e.User && s.item == e.Item && fits(s, e.Time-s.base) &&
				(best == nil || s.base > best.base || s.base == best.base && s.order > best.order) {
				best = s
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

func (w *twin) late(t event.Time) event.Time {
	if t < w.now {
		return w.now + w.wait()
	}
	return 0
}

func (w *twin) weigh(p float64, old float64) float64 {
	switch {
	case !(p > 0 && p <= 1):
		return old
	case w.o.ShownClip == 0:
		return 1
	}
	return min(1/p, w.o.ShownClip)
}

func (w *twin) add(s *shown) *shown {
	w.order++
	s.order = w.order
	s.positive, s.done = make([]bool, len(w.heads)), make([]bool, len(w.heads))
	s.positiveAt = make([]event.Time, len(w.heads))
	s.floor = w.late(s.base)
	w.all = append(w.all, s)
	w.joinRequest(s, s.request)
	return s
}

// joinRequest gives s a request, and all of the request its scene.
func (w *twin) joinRequest(s *shown, request string) {
	s.request = request
	if request == "" {
		return
	}
	for _, x := range w.all { // the first scene that is known stands
		if x != s && x.request == request && x.scene != "" {
			s.scene, s.variant = x.scene, x.variant
		}
	}
	for _, x := range w.all {
		if x.request == request {
			x.scene, x.variant = s.scene, s.variant
		}
	}
}

func (w *twin) observe(e *event.Event, m twinMatch, capture int) {
	hits, named := w.positives(e)
	switch {
	case e.Item == "":
	case e.Type == exposureType && m.duplicate:
		w.tally["duplicate exposure"]++
		if m.s != nil && m.s.implied {
			m.s.implied = false
			if m.s.request == "" {
				w.joinRequest(m.s, e.Request)
			}
		}
	case e.Type == exposureType:
		s := m.s
		if s == nil {
			s = w.add(&shown{user: e.User, item: e.Item, request: e.Request, base: e.Time, weight: 1, capture: capture})
		}
		if s.request == "" {
			w.joinRequest(s, e.Request)
		}
		if s.user == "" {
			s.user = e.User
		}
		s.context = over(e.Context, s.context)
		s.position = m.position
		s.weight = w.weigh(e.Propensity, s.weight)
		s.base, s.floor = e.Time, w.late(e.Time)
		w.expose(s)
	case named && m.late:
		for _, h := range hits {
			w.count(h, "late")
		}
	case named && m.s != nil && m.s.exposed:
		w.outcome(m.s, e.Time, hits)
	case named:
		s := m.s
		if s == nil {
			s = w.add(&shown{user: e.User, item: e.Item, request: e.Request, base: e.Time, weight: w.weigh(e.Propensity, 1),
				capture: capture, position: e.Position, context: e.Context})
		} else if !s.waiting || e.Time < s.base {
			s.base = e.Time
			s.floor = max(s.floor, w.late(e.Time))
		}
		s.waiting = true
		for _, h := range hits {
			if s.positive[h] {
				w.count(h, "duplicate")
				continue
			}
			s.positive[h], s.positiveAt[h] = true, e.Time
		}
	}
}

func (w *twin) served(v *event.Served, first int) {
	if v.Request == "" {
		return
	}
	var shownNow []*shown
	for i, item := range v.Items {
		if s := w.find(v.Request, item.Item); s != nil {
			if s.waiting && !s.served {
				w.exposures++
				w.tally["captured late"]++
				w.bury(s)
			}
			continue
		}
		if w.buried(&event.Event{Request: v.Request, Item: item.Item}) {
			continue
		}
		s := w.add(&shown{user: v.User, item: item.Item, request: v.Request, scene: v.Scene, variant: v.Variant, base: v.Time, served: true,
			position: int32(i + 1), weight: w.weigh(item.Propensity, 1), context: v.Context, capture: first + i})
		if w.o.ServedIsExposure[v.Scene] {
			shownNow = append(shownNow, s)
		}
	}
	for _, s := range shownNow {
		w.expose(s)
	}
}

func (w *twin) expose(s *shown) {
	s.waiting, s.exposed = false, true
	w.order++
	s.order = w.order
	w.exposures++
	s.theta = 1
	table := w.o.Positions
	if own, ok := w.o.ScenePositions[s.scene]; ok {
		table = own
	}
	if n := min(int(s.position), len(table)); n > 0 {
		s.theta = table[n-1]
	}
	for h := range w.heads {
		if !s.positive[h] {
			continue
		}
		if s.positiveAt[h]-s.base > event.Time(w.heads[h].Window) {
			s.positive[h] = false
			w.count(h, "late")
			continue
		}
		w.settle(s, h)
	}
	if s.served || s.implied {
		w.learn(s)
	}
}

func (w *twin) outcome(s *shown, t event.Time, hits []int) {
	for _, h := range hits {
		switch {
		case s.positive[h]:
			w.count(h, "duplicate")
		case s.done[h] || t-s.base > event.Time(w.heads[h].Window):
			w.count(h, "late")
		default:
			s.positive[h], s.positiveAt[h] = true, t
			w.settle(s, h)
			if w.heads[h].Delay == Correct && s.learned {
				w.step(s, h, "fix")
			}
		}
	}
	if s.learned {
		return
	}
	for { // all of the request, in the order in which they were shown
		var first *shown
		for _, x := range w.all {
			if x.exposed && !x.learned && (x == s || s.request != "" && x.request == s.request) &&
				(first == nil || x.order < first.order) {
				first = x
			}
		}
		if first == nil {
			return
		}
		w.learn(first)
	}
}

func (w *twin) learn(s *shown) {
	s.learned = true
	for h := range w.heads {
		if w.heads[h].Delay == Correct {
			w.step(s, h, label(s.positive[h]))
		}
	}
}

func label(positive bool) string {
	if positive {
		return "1"
	}
	return "0"
}

func (w *twin) due(s *shown, h int) event.Time {
	return max(s.base+event.Time(w.heads[h].Window), s.floor)
}

// next returns when something happens to s.
func (w *twin) next(s *shown) event.Time {
	switch {
	case s.waiting:
		return max(s.base+w.wait(), s.floor)
	case !s.exposed:
		return max(s.base+w.longest(), s.floor)
	case !s.learned:
		return max(s.base, s.floor)
	}
	first := event.Time(1<<63 - 1)
	for h := range w.heads {
		if !s.done[h] {
			first = min(first, w.due(s, h))
		}
	}
	return first
}

func (w *twin) advance(t event.Time) {
	if t <= w.now {
		return
	}
	w.now = t
	for {
		var first *shown
		for _, s := range w.all {
			if at := w.next(s); at < t && (first == nil || at < w.next(first) || at == w.next(first) && s.order < first.order) {
				first = s
			}
		}
		if first == nil {
			return
		}
		w.fire(first, w.next(first))
	}
}

func (w *twin) fire(s *shown, at event.Time) {
	switch {
	case s.waiting:
		s.implied = true
		w.tally["implied"]++
		w.expose(s)
	case !s.exposed:
		w.tally["unexposed"]++
		w.remove(s)
	case !s.learned:
		w.learn(s)
	default:
		left := false
		for h := range w.heads {
			if s.done[h] {
				continue
			}
			if w.due(s, h) > at {
				left = true
				continue
			}
			s.done[h] = true
			if w.heads[h].Delay == Close {
				w.step(s, h, label(s.positive[h]))
			}
			if !s.positive[h] {
				w.settle(s, h)
			}
		}
		if !left {
			w.bury(s)
		}
	}
}

func (w *twin) bury(s *shown) {
	w.closed = append(w.closed, grave{s.user, s.item, s.request, int64(max(0, w.now) / hour)})
	w.remove(s)
}

func (w *twin) remove(s *shown) {
	for i := range w.all {
		if w.all[i] == s {
			w.all = append(w.all[:i:i], w.all[i+1:]...)
			return
		}
	}
}

func (w *twin) erase(user string) {
	for i := len(w.all) - 1; i >= 0; i-- {
		s := w.all[i]
		if s.user != user {
			continue
		}
		for h := range w.heads {
			if s.exposed && !s.positive[h] && !s.done[h] {
				w.count(h, "erased")
			}
		}
		w.remove(s)
	}
}

func (w *twin) count(h int, what string) { w.tally[w.heads[h].Name+" "+what]++ }

func (w *twin) step(s *shown, h int, what string) {
	w.note(h, fmt.Sprintf("%s #%d", what, s.capture), s)
}

func (w *twin) settle(s *shown, h int) {
	if s.positive[h] {
		w.count(h, "positive")
		w.note(h, "yes #"+strconv.Itoa(s.capture)+" "+time.Duration(max(0, s.positiveAt[h]-s.base)).String(), s)
	} else {
		w.count(h, "negative")
		w.note(h, "no #"+strconv.Itoa(s.capture), s)
	}
	hash := func(hash func(string) uint64, s string) uint64 {
		if s == "" {
			return 0
		}
		return hash(s)
	}
	variant := s.variant
	if s.scene == "" { // comes with the scene
		variant = ""
	}
	w.log[len(w.log)-1] += settledFields(s.position, hash(HashUser, s.user), hash(HashScene, s.scene), hash(HashVariant, variant), showContext(s.context))
}

func (w *twin) note(h int, line string, s *shown) {
	theta := 1.0
	if w.heads[h].Examination != ExamineNone {
		theta = s.theta
	}
	w.log = append(w.log, fmt.Sprintf("%s %s w=%.3g θ=%.3g", w.heads[h].Name, line, float32(s.weight), float32(theta)))
}
