package feedback

import (
	"fmt"
	"slices"
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
	history   []rhythm // by head
	quota     []*event.Event
	clock     event.Time
	time      event.Time // of what is being done
	pools     [][]offered
	slices    []int64        // that the pools are of
	unseen    []drawn        // in the order of the exposures
	floors    []float64      // of the priorities of those that found no room
	tally     map[string]int // per head and outcome
}

type shown struct {
	user, item, request      string
	scene, variant           string
	order, birth             int // renewed when exposed; not renewed
	base, floor              event.Time
	position                 int32
	weight, theta            float64
	context                  event.Attributes
	capture                  int
	exposed, waiting, served bool
	implied, learned, brief  bool
	heads                    []told
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
	return &twin{o: o, heads: o.Heads, now: none, clock: none, history: make([]rhythm, len(o.Heads)),
		time: none, pools: make([][]offered, len(o.Heads)), slices: make([]int64, len(o.Heads)), floors: make([]float64, len(o.Heads)), tally: map[string]int{}}
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
		named = named || w.heads[h].Confirm != nil && w.heads[h].Confirm.Type == e.Type
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
		func(s *shown, d event.Time) bool {
			return (s.exposed || s.brief && !s.waiting) && d >= 0 && d <= w.longest()
		},
		func(s *shown, d event.Time) bool { return s.waiting && d <= w.longest() && -d <= w.longest() },
		func(s *shown, d event.Time) bool {
			return !s.exposed && !s.waiting && !s.brief && d >= 0 && d <= w.longest()
		},
		func(s *shown, d event.Time) bool { return (s.exposed || s.brief && !s.waiting) && d >= 0 },
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
	s.order, s.birth = w.order, w.order
	s.heads = make([]told, len(w.heads))
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
	if e.Item != "" && e.Type == exposureType && !m.duplicate && !(e.HasValue && e.Value < w.o.MinVisible) {
		w.draw(e, unseenFrom+capture)
	}
	if e.Item != "" && (e.Type == exposureType || named) {
		w.clock = max(w.clock, e.Time)
	}
	if e.Item != "" {
		for _, h := range hits {
			if w.heads[h].Confirm == nil {
				w.answer(h)
			}
		}
		if len(hits) > 0 && !w.allow(e) {
			w.tally["over quota"]++
			return
		}
	}
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
		brief := e.HasValue && e.Value < w.o.MinVisible && (s == nil || !s.waiting)
		if brief {
			w.tally["brief"]++
			if s != nil && s.brief {
				return
			}
		}
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
		if brief {
			s.brief = true
			return
		}
		w.expose(s)
	case named && m.late:
		for _, h := range hits {
			w.count(h, "late")
		}
	case named && m.s != nil && m.s.exposed:
		w.outcome(m.s, e, hits)
	case named && m.s != nil && m.s.brief && !m.s.waiting:
		w.expose(m.s)
		w.outcome(m.s, e, hits)
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
		for h := range w.heads {
			w.hear(s, h, e, slices.Contains(hits, h))
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
		t := &s.heads[h]
		t.held = w.seen(h)
		if at := t.latestPart(); at != none && at-s.base > event.Time(w.heads[h].Window) {
			if t.outcome != nil {
				w.count(h, "late")
			}
			*t = told{held: t.held}
		}
		if t.positive {
			w.become(s, h)
		}
	}
	if s.served || s.implied {
		w.learn(s)
	}
}

func (w *twin) outcome(s *shown, e *event.Event, hits []int) {
	for h := range w.heads {
		t, hit := &s.heads[h], slices.Contains(hits, h)
		over := t.done || e.Time-s.base > event.Time(w.heads[h].Window)
		if over && (!hit || t.outcome == nil) {
			if hit {
				w.count(h, "late")
			}
			continue
		}
		if !w.hear(s, h, e, hit) {
			continue
		}
		w.become(s, h)
		if w.heads[h].Delay != Close && s.learned && !t.held {
			w.amend(s, h)
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
		if w.heads[h].Delay != Close && !s.heads[h].held {
			w.first(s, h)
		}
	}
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
		if !s.heads[h].done {
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
			w.time = t
			w.emptyBefore(t, false)
			return
		}
		w.time = max(w.time, w.next(first))
		w.emptyBefore(w.time, true)
		w.fire(first, w.next(first))
	}
}

func (w *twin) fire(s *shown, at event.Time) {
	switch {
	case s.waiting:
		s.implied = true
		w.tally["implied"]++
		w.expose(s)
	case !s.exposed && s.brief:
		w.tally["unseen"]++
		w.remove(s)
	case !s.exposed:
		w.tally["unexposed"]++
		w.remove(s)
	case !s.learned:
		w.learn(s)
	default:
		left := false
		for h := range w.heads {
			t := &s.heads[h]
			if t.done {
				continue
			}
			if w.due(s, h) > at {
				left = true
				continue
			}
			t.done = true
			if t.outcome != nil && !t.positive {
				w.count(h, "unconfirmed")
			}
			if t.held && !w.trusted(h) {
				w.count(h, "dropped")
				continue
			}
			if t.held || w.heads[h].Delay == Close {
				w.first(s, h)
			}
			if !t.settled {
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
	w.unseen = slices.DeleteFunc(w.unseen, func(d drawn) bool { return d.user == user })
	for h := range w.pools {
		w.pools[h] = slices.DeleteFunc(w.pools[h], func(o offered) bool { return o.s.user == user })
	}
	w.quota = slices.DeleteFunc(w.quota, func(e *event.Event) bool { return e.User == user })
	for i := len(w.all) - 1; i >= 0; i-- {
		s := w.all[i]
		if s.user != user {
			continue
		}
		for h := range w.heads {
			if s.exposed && !s.heads[h].settled && !s.heads[h].done {
				w.count(h, "erased")
			}
		}
		w.remove(s)
	}
}

func (w *twin) count(h int, what string) { w.tally[w.heads[h].Name+" "+what]++ }

func (w *twin) step(s *shown, h int, what string, weight float64) {
	if w.heads[h].Delay == FakeNegative {
		what = "fake " + what
	}
	w.note(h, fmt.Sprintf("%s #%d", what, s.capture), s, weight)
}

func (w *twin) settle(s *shown, h int) {
	t := &s.heads[h]
	t.settled = true
	if t.positive {
		w.count(h, "positive")
		w.note(h, "yes #"+strconv.Itoa(s.capture)+" "+time.Duration(max(0, t.at-s.base)).String(), s, 1)
	} else {
		w.count(h, "negative")
		w.note(h, "no #"+strconv.Itoa(s.capture), s, 1)
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

func (w *twin) note(h int, line string, s *shown, weight float64) {
	theta := 1.0
	if w.heads[h].Examination != ExamineNone {
		theta = s.theta
	}
	w.log = append(w.log, fmt.Sprintf("%s %s w=%.3g θ=%.3g", w.heads[h].Name, line, float32(s.weight*weight), float32(theta)))
}
