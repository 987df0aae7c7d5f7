package feedback

import (
	"slices"
	"strings"

	"recsvc/internal/event"
)

// maxWalk bounds how many impressions of one (user, item) an event without a request is compared with.
const maxWalk = 64

// Match says what e belongs to, and changes nothing. Events of any type may be asked about, those without an item
// belong to nothing, and after an error, see [Joiner.Err], none belongs to anything.
//
// With a request an event belongs to the impression of that request and item, and to no other. Without one an
// outcome belongs to the latest exposure of the item to the user at or before it; failing that to an impression
// for which another outcome waits; failing that to the latest served list in which the item stands and was not
// shown yet.
func (j *Joiner) Match(e *event.Event) Match {
	m := Match{Position: e.Position}
	if e.Item == "" || j.err != nil {
		return m
	}
	m.exposure = e.Type == exposureType
	m.rules = j.rules[e.Type]
	m.user = HashUser(e.User)
	m.userItem = hashItem(e.Item, m.user)
	if e.Request != "" {
		m.list = hashRequest(e.Request)
		m.key = hashItem(e.Item, m.list)
		m.slot = j.byKey.get(m.key)
	}
	if m.slot != 0 && !j.warm(m.slot) {
		return Match{}
	}
	if m.exposure {
		j.matchExposure(e, &m)
	} else {
		j.matchOutcome(e, &m)
	}
	if j.err != nil {
		return Match{}
	}
	if m.Joined = m.slot != 0; m.Joined {
		if s := j.at(m.slot); m.Position == 0 {
			m.Position = s.position
		}
	}
	return m
}

// Context returns the event's own context, and beneath it that of the impression that it belongs to: a click was made
// where its item was shown. It may be kept. Like m, it is to be asked for before the next call that changes the Joiner.
func (j *Joiner) Context(e *event.Event, m Match) event.Attributes {
	if !m.Joined {
		return e.Context
	}
	return inherit(e.Context, j.contextOf(j.at(m.slot)))
}

func (j *Joiner) matchExposure(e *event.Event, m *Match) {
	m.Brief = j.brief(e)
	switch {
	case m.slot != 0:
		m.Duplicate = j.at(m.slot).flags&isExposed != 0
		return
	case m.key != 0 && j.tombs.has(m.key, j.watermark):
		m.Duplicate = true
		return
	}
	if m.slot = j.orphan(m, e.Time); m.slot != 0 {
		m.Duplicate = j.at(m.slot).flags&isExposed != 0
		return
	}
	m.Capture = true
}

// orphan finds the impression that an exposure at t belongs to although no request says so: an outcome at or after t
// that waits for its exposure or has implied it, the earliest one. An exposure without a request may also belong
// to the latest served list before it in which the item was not shown yet.
func (j *Joiner) orphan(m *Match, t event.Time) uint32 {
	var outcome, served uint32
	for id, n := j.byUser.get(m.userItem), 0; id != 0 && n < maxWalk; id, n = j.stubs.at(id).older, n+1 {
		flags, keyed := j.peek(id)
		ahead := flags&(isWaiting|isImplied) != 0 && (m.key == 0 || !keyed)
		unseen := m.key == 0 && flags&isExposed == 0
		if !ahead && !unseen {
			continue
		}
		if !j.warm(id) {
			return 0
		}
		switch base := j.at(id).base; {
		case ahead:
			if base >= t && base-t <= j.longest && (outcome == 0 || base < j.at(outcome).base) {
				outcome = id
			}
		case base <= t && t-base <= j.longest && (served == 0 || base > j.at(served).base):
			served = id
		}
	}
	if outcome != 0 {
		return outcome
	}
	return served
}

func (j *Joiner) matchOutcome(e *event.Event, m *Match) {
	print := m.key
	if print == 0 {
		m.slot = j.latest(m.userItem, e.Time)
		print = m.userItem
	}
	if m.slot != 0 || len(m.rules) == 0 {
		return
	}
	m.Late = j.tombs.has(print, j.watermark)
	m.Capture = !m.Late
}

// latest finds the impression that an outcome at t without a request belongs to.
func (j *Joiner) latest(userItem uint64, t event.Time) uint32 {
	var best uint32
	bestRank := 0
	for id, n := j.byUser.get(userItem), 0; id != 0 && n < maxWalk; id, n = j.stubs.at(id).older, n+1 {
		if !j.warm(id) {
			return 0
		}
		s := j.at(id)
		rank := j.rank(s, t)
		if rank > bestRank || (rank > 0 && rank == bestRank && s.base > j.at(best).base) {
			best, bestRank = id, rank
		}
	}
	return best
}

// rank says how well an outcome at t without a request fits to an impression; 0: not at all.
func (j *Joiner) rank(s *impression, t event.Time) int {
	after := t - s.base
	switch {
	case s.flags&isWaiting != 0:
		if after <= j.longest && -after <= j.longest {
			return 3
		}
	case after < 0:
	case s.flags&(isExposed|isBrief) == 0:
		if after <= j.longest {
			return 2
		}
	case after <= j.longest:
		return 4
	default:
		return 1 // too late, which Observe will say
	}
	return 0
}

// inherit returns own and, for keys that it lacks, what is in the encoded map beneath.
func inherit(own event.Attributes, beneath []byte) event.Attributes {
	if len(beneath) == 0 {
		return own
	}
	theirs, err := event.DecodeAttributes(slices.Clone(beneath)) // its strings may be kept for ever
	if err != nil {
		panic("feedback: a parked context does not decode: " + err.Error())
	}
	if len(own) == 0 {
		return theirs
	}
	out := make(event.Attributes, 0, len(own)+len(theirs))
	for len(own) > 0 && len(theirs) > 0 {
		switch c := strings.Compare(own[0].Key, theirs[0].Key); {
		case c < 0:
			out, own = append(out, own[0]), own[1:]
		case c > 0:
			out, theirs = append(out, theirs[0]), theirs[1:]
		default:
			out, own, theirs = append(out, own[0]), own[1:], theirs[1:]
		}
	}
	return append(append(out, own...), theirs...)
}
