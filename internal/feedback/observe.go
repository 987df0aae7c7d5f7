package feedback

import (
	"slices"

	"recsvc/internal/event"
)

// Observe applies an event, of which m is the Match. c is what was captured for it; it is needed when m.Capture is
// set, and ignored otherwise. Events that are neither exposures nor outcomes of a head have no effect. After an error
// nothing has; see [Joiner.Err].
func (j *Joiner) Observe(e *event.Event, m Match, c *Captured) {
	if m.Capture {
		j.checkCapture(c)
	}
	if j.err != nil || !j.ready(&m) {
		return
	}
	defer j.relieve()
	switch {
	case m.exposure:
		j.touchRest()
		j.clock = max(j.clock, e.Time)
		j.observeExposure(e, &m, c)
	case len(m.rules) > 0:
		j.touchRest()
		j.clock = max(j.clock, e.Time)
		j.beat(e, &m)
		if j.withinQuota(e, &m) {
			j.observeOutcome(e, &m, c)
		}
	}
}

// beat tells the heads that outcomes go on, whatever becomes of this one. Of a head whose outcomes need a confirmation it is told
// when one is complete.
func (j *Joiner) beat(e *event.Event, m *Match) {
	for i := range m.rules {
		if r := &m.rules[i]; !j.heads[r.head].confirms && r.holds(e) {
			j.sawOutcome(r.head)
		}
	}
}

// ready brings the list into memory that the impression of m will join, if it will.
func (j *Joiner) ready(m *Match) bool {
	if m.list == 0 || !m.Capture && (m.slot == 0 || j.at(m.slot).key != 0) {
		return true
	}
	return j.warmList(m.list)
}

// checkCapture panics when the caller has broken the contract of Match and Observe.
func (j *Joiner) checkCapture(c *Captured) {
	if c == nil || len(c.P) != j.Columns() {
		panic("feedback: observe without the capture that the match asked for, a prediction for each column")
	}
}

func (j *Joiner) observeExposure(e *event.Event, m *Match, c *Captured) {
	id := m.slot
	switch {
	case m.Duplicate:
		j.counts.DuplicateExposures++
		if id != 0 && j.at(id).flags&isImplied != 0 {
			j.touch(id)
			j.at(id).flags &^= isImplied // the next exposure is another one
			j.adopt(id, e, m)
		}
		return
	case j.brief(e) && (id == 0 || j.at(id).flags&isWaiting == 0):
		j.glimpse(e, m, c)
		return
	case id == 0:
		d := j.draftOf(e, m, c, 0)
		id = j.create(&d)
	default:
		j.touch(id)
		j.update(id, e, m)
	}
	s := j.at(id)
	s.base = e.Time
	s.floor = j.grace(e.Time)
	j.expose(id, e)
}

// update gives an impression that was not shown yet what its exposure e says of it.
func (j *Joiner) update(id uint32, e *event.Event, m *Match) {
	j.adopt(id, e, m)
	s := j.at(id)
	if s.userItem == 0 { // served to nobody in particular
		s.user, s.userItem = m.user, m.userItem
		j.chain(id)
	}
	if len(e.Context) > 0 {
		j.setContext(s, j.encodeContext(inherit(e.Context, j.contextOf(s))))
	}
	if e.Position > 0 && e.Position != s.position {
		s.position, s.mate = e.Position, 0
	}
	if w, ok := j.weigh(e.Item, e.Propensity); ok {
		s.weight = w
	}
}

// draftOf drafts the impression of an event that belongs to none.
func (j *Joiner) draftOf(e *event.Event, m *Match, c *Captured, flags uint8) draft {
	return draft{
		user: m.user, userItem: m.userItem, list: m.list, key: m.key,
		base: e.Time, item: e.Item, position: e.Position, propensity: e.Propensity, flags: flags,
		shared: c.Shared, own: c.Own, p: c.P, tag: c.Tag, context: j.encodeContext(e.Context),
	}
}

func (j *Joiner) observeOutcome(e *event.Event, m *Match, c *Captured) {
	switch id := m.slot; {
	case m.Late:
		for _, r := range m.rules {
			if r.holds(e) && !r.confirms {
				j.counts.Heads[r.head].LateOutcomes++
			}
		}
	case id == 0:
		d := j.draftOf(e, m, c, isWaiting)
		id = j.create(&d)
		j.label(id, e, m.rules)
		j.schedule(id)
	case j.at(id).flags&isExposed != 0:
		j.touch(id)
		j.outcome(id, e, m.rules)
	case j.at(id).flags&(isBrief|isWaiting) == isBrief: // seen for long enough to act upon
		j.touch(id)
		j.expose(id, nil)
		j.outcome(id, e, m.rules)
	default:
		j.touch(id)
		s := j.at(id)
		if s.flags&isWaiting == 0 || e.Time < s.base {
			s.base = e.Time
			s.floor = max(s.floor, j.grace(e.Time))
		}
		s.flags |= isWaiting
		j.label(id, e, m.rules)
		j.schedule(id)
	}
}

// label notes an outcome of an impression that is not shown yet, as far as known.
func (j *Joiner) label(id uint32, e *event.Event, rules []rule) {
	for _, r := range rules {
		if !r.holds(e) || j.state(id, r.head).flags&isClosed != 0 {
			continue
		}
		switch j.hear(j.state(id, r.head), &r, e) {
		case toldRepeated:
			j.counts.Heads[r.head].DuplicateOutcomes++
		case toldOutcome:
			j.completed(id, r.head, e)
		}
	}
}

// completed says that e makes an outcome of a head complete.
func (j *Joiner) completed(id uint32, h int, e *event.Event) {
	if j.heads[h].confirms {
		j.sawOutcome(h)
	}
	j.watch.Labelled(j.birth(id), h, e)
}

// outcome applies an outcome of an impression that was shown: the first one of a list is also the moment for the
// first step of all that was shown in it.
func (j *Joiner) outcome(id uint32, e *event.Event, rules []rule) {
	s := j.at(id)
	for _, r := range rules {
		if !r.holds(e) {
			continue
		}
		st, counts := j.state(id, r.head), &j.counts.Heads[r.head]
		switch {
		case !r.confirms && st.flags&(isPositive|isClaimed) != 0:
			counts.DuplicateOutcomes++
		case st.flags&isClosed != 0 || e.Time-s.base > j.heads[r.head].window:
			if !r.confirms {
				counts.LateOutcomes++
			}
		case j.hear(st, &r, e) == toldOutcome:
			j.completed(id, r.head, e)
			j.become(id, r.head)
			if j.heads[r.head].delay != Close && s.flags&isUnlearned == 0 && st.flags&isHeld == 0 {
				j.correct(id, r.head)
			}
		}
	}
	if s.flags&isUnlearned != 0 {
		j.flush(id)
	}
}

// Served parks a list that was answered with: one own vector and one row of predictions, see Captured, for each of its items, and one tag
// for all of them. It copies what it keeps. Items that were shown already keep the capture of their exposure; those of which an outcome was applied already are counted as captured late and not learned.
func (j *Joiner) Served(rec *event.Record, shared Vector, own []Vector, p [][]float32, tag uint64) {
	sv := rec.Served
	if sv.Request == "" { // nothing could ever belong to it
		return
	}
	request := hashRequest(sv.Request)
	if j.err != nil || !j.warmList(request) {
		return
	}
	defer j.relieve()
	j.touchRest()
	d := draft{
		list: request, base: sv.Time, flags: isServed, tag: tag,
		shared: shared, context: slices.Clone(j.encodeContext(sv.Context)),
	}
	if sv.Scene != "" {
		d.scene = HashScene(sv.Scene)
	}
	if sv.Variant != "" {
		d.variant = HashVariant(sv.Variant)
	}
	if sv.User != "" {
		d.user = HashUser(sv.User)
	}
	var parked []uint32
	for i := range sv.Items {
		item := &sv.Items[i]
		d.key = hashItem(item.Item, d.list)
		if !j.parkable(d.key) {
			continue
		}
		if d.user != 0 {
			d.userItem = hashItem(item.Item, d.user)
		}
		d.position, d.propensity, d.at = int32(i+1), item.Propensity, i
		d.item, d.mate = item.Item, mateOf(sv.Swap, d.position)
		d.own, d.p = own[i], p[i]
		id := j.create(&d)
		j.counts.Served++
		if j.servedIsExposure[sv.Scene] {
			parked = append(parked, id)
			continue
		}
		j.schedule(id)
	}
	for _, id := range parked { // only now that the whole list is parked
		j.expose(id, nil)
	}
}

// mateOf returns the other position of a pair, if the position belongs to it.
func mateOf(pair [2]int32, position int32) int32 {
	switch position {
	case pair[0]:
		return pair[1]
	case pair[1]:
		return pair[0]
	}
	return 0
}

// parkable reports whether an item of a served list is to be parked. One whose outcome waits for an exposure
// is done away with.
func (j *Joiner) parkable(key uint64) bool {
	id := j.byKey.get(key)
	if id == 0 {
		return !j.tombs.has(key, j.watermark)
	}
	if j.stubs.at(id).slot == 0 {
		return false // what waits is never cold
	}
	if flags := j.at(id).flags; flags&isWaiting != 0 && flags&isServed == 0 {
		j.counts.Exposures++
		j.counts.ImpliedExposures++
		j.counts.CapturedLate++
		j.tellShown(id, nil, true)
		j.bury(id, EndCapturedLate)
	}
	return false
}
