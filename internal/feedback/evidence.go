package feedback

import (
	"math"

	"recsvc/internal/event"
)

// tell is what an event told of an outcome.
type tell uint8

const (
	toldNothing  tell = iota // new
	toldPart                 // an outcome that is not confirmed, or a confirmation of one that did not come
	toldOutcome              // the outcome is complete
	toldRepeated             // an outcome of what had one
)

// hear takes an event for which r holds into what an impression knows for the rule's head.
func (j *Joiner) hear(st *headState, r *rule, e *event.Event) tell {
	h := &j.heads[r.head]
	switch {
	case r.confirms:
		if st.flags&(isPositive|isConfirmed) != 0 {
			return toldNothing
		}
		if st.flags&isClaimed == 0 {
			st.flags |= isConfirmed
			st.at = e.Time
			return toldPart
		}
		st.at = max(st.at, e.Time)
		st.flags = st.flags&^isClaimed | isPositive
		return toldOutcome
	case st.flags&(isPositive|isClaimed) != 0:
		return toldRepeated
	}
	if st.gain = h.gain(e); h.confirms && st.flags&isConfirmed == 0 {
		st.flags |= isClaimed
		st.at = e.Time
		return toldPart
	}
	if st.flags&isConfirmed != 0 {
		st.flags &^= isConfirmed
		st.at = max(st.at, e.Time)
	} else {
		st.at = e.Time
	}
	st.flags |= isPositive
	return toldOutcome
}

// unhear forgets an outcome, or a part of one, that proved too late.
func (st *headState) unhear() {
	st.flags &^= isPositive | isClaimed | isConfirmed
	st.at, st.gain = 0, 0
}

// gain returns the weight of an outcome less 1, in 256ths: of its value v, ln(1+v) up to the head's cap.
func (h *head) gain(e *event.Event) uint16 {
	if h.cap == 0 || !e.HasValue || !(e.Value > 0) {
		return 0
	}
	return uint16(math.Round(256 * min(math.Log1p(e.Value), h.cap-1)))
}

// weight returns the weight of the outcome; 1 at the least.
func (st *headState) weight() float32 { return 1 + float32(st.gain)/256 }

// brief reports whether e, an exposure, says that its item could be seen for too short a time to count.
func (j *Joiner) brief(e *event.Event) bool { return e.HasValue && e.Value < j.minVisible }

// glimpse takes a brief exposure. Its impression waits as one that was served does, for a longer exposure or an outcome.
func (j *Joiner) glimpse(e *event.Event, m *Match, c *Captured) {
	j.counts.BriefExposures++
	id := m.slot
	if id == 0 {
		d := j.draftOf(e, m, c, isBrief)
		id = j.create(&d)
		j.schedule(id)
		return
	}
	if j.at(id).flags&isBrief != 0 {
		return
	}
	j.touch(id)
	j.update(id, e, m)
	s := j.at(id)
	s.flags |= isBrief
	s.base = e.Time
	s.floor = j.grace(e.Time)
	j.schedule(id)
}

// withinQuota reports whether e, an outcome of some head, is within its user's quota.
func (j *Joiner) withinQuota(e *event.Event, m *Match) bool {
	if j.quotas.most == 0 {
		return true
	}
	for i := range m.rules {
		if r := &m.rules[i]; !r.confirms && r.holds(e) {
			if j.quotas.use(m.user, e.Time, j.watermark) {
				return true
			}
			j.counts.OverQuota++
			return false
		}
	}
	return true
}
