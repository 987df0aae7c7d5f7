package features

import (
	"slices"

	"recsvc/internal/event"
)

// visits are the spans of one key from an entry to the exit, or to a silence longer than the timeout (0: none is too long). The last marks
// are kept in order of time (of equal times in that of the log) and gone through anew when read, so that a late one changes what it would have changed in its
// time; what went before them is kept as it came out.
//
//	bag | there u8 | since | last active | length of the last stay plus one | instant of the last mark gone        instant | motion , repeated
type visits struct{ timeout event.Time }

const (
	markWords = 2
	maxMarks  = 32
)

func (v visits) layout() layout {
	return layout{words: 6, bagged: []int{0}, most: maxMarks * markWords}
}

// course is how things stand after some marks.
type course struct {
	there         bool
	since, active event.Time
	last          event.Time // length of the last stay that is over
	over          bool       // there was one
}

// mark enters an event.
func (v visits) mark(s slot, t event.Time, m motion) {
	if b := s.bag(0); t < event.Time(s.w[5]) || m == acted && len(b) == 0 && s.w[1] == 0 {
		return // older than what is kept, or before anything else
	}
	b := s.bag(0)
	i := len(b)
	for i > 0 && event.Time(b[i-markWords]) > t {
		i -= markWords
	}
	if len(b) == maxMarks*markWords {
		if i == 0 {
			return
		}
		i -= markWords
		v.fold(s, event.Time(b[0]), motion(b[1]))
		b = slices.Delete(b, 0, markWords)
	}
	b = slices.Insert(b, i, uint64(t), uint64(m))
	s.keep(0, v.thin(b))
}

// thin leaves activity out that bridges no silence: between two marks that are within a timeout of each other.
func (v visits) thin(b []uint64) []uint64 {
	kept := b[:markWords]
	for i := markWords; i < len(b); i += markWords {
		bridged := i+markWords < len(b) && event.Time(b[i+markWords])-event.Time(kept[len(kept)-markWords]) <= v.timeout
		if motion(b[i+1]) != acted || !bridged {
			kept = append(kept, b[i], b[i+1])
		}
	}
	return kept
}

// fold makes a mark part of what went before.
func (v visits) fold(s slot, t event.Time, m motion) {
	c := v.before(s)
	v.step(&c, t, m)
	there, last := uint64(0), uint64(0)
	if c.there {
		there = 1
	}
	if c.over {
		last = uint64(c.last) + 1
	}
	s.w[1], s.w[2], s.w[3], s.w[4], s.w[5] = there, uint64(c.since), uint64(c.active), last, uint64(t)
}

// before is how things stood before the first mark that is kept.
func (v visits) before(s slot) course {
	if s.w == nil {
		return course{}
	}
	return course{s.w[1] != 0, event.Time(s.w[2]), event.Time(s.w[3]), event.Time(max(s.w[4], 1) - 1), s.w[4] != 0}
}

// now is how things stand at t.
func (v visits) now(s slot, t event.Time) course {
	c, b := v.before(s), s.bag(0)
	for i := 0; i < len(b); i += markWords {
		v.step(&c, event.Time(b[i]), motion(b[i+1]))
	}
	if c.there && v.timedOut(&c, t) {
		c.end(c.active)
	}
	return c
}

// step takes the next mark in order of time. Who acts after a silence that was too long has come anew, unless it was longer by a day.
func (v visits) step(c *course, t event.Time, m motion) {
	if c.there && v.timedOut(c, t) {
		silent := t - c.active
		if c.end(c.active); m == acted && silent <= v.timeout+oblivion {
			m = entered
		}
	}
	switch {
	case m == entered && !c.there:
		c.there, c.since, c.active = true, t, t
	case m == left && c.there:
		c.end(t)
	case c.there:
		c.active = t
	}
}

func (v visits) timedOut(c *course, t event.Time) bool {
	return v.timeout > 0 && t-c.active > v.timeout
}

func (c *course) end(t event.Time) { c.there, c.last, c.over = false, t-c.since, true }
