package features

import (
	"slices"
	"time"

	"recsvc/internal/event"
)

// motion is what an event says about being there.
type motion uint64

const (
	acted   motion = iota // an event of someone who is there, if they have entered
	entered               // and not left
	left
)

// oblivion is how much longer than the timeout a silence may be until who has entered must do so again.
const oblivion = event.Time(24 * time.Hour)

// present is what is known of one person: three words, in which the entry or exit that is the newest by event time counts, of equal times the one
// later in the log.
//
//	instant of the newest entry or exit | which of the two (motion) | instant of the newest event
type present []uint64

const presentWords = 3

// move takes an event. What someone does who is not known to have entered or left says nothing.
func (p present) move(t event.Time, m motion, timeout event.Time) {
	if timeout > 0 && motion(p[1]) == entered && t-event.Time(p[2]) > timeout+oblivion {
		clear(p)
	}
	if m == acted && p[1] == 0 {
		return
	}
	if m != acted && (p[1] == 0 || t >= event.Time(p[0])) {
		p[0], p[1] = uint64(t), uint64(m)
	}
	p[2] = max(p[2], uint64(t))
}

// at reports whether the person is there at t; timeout 0: until they leave.
func (p present) at(t, timeout event.Time) bool {
	return motion(p[1]) == entered && (timeout == 0 || t-event.Time(p[2]) <= timeout)
}

// crowd is those who entered or left one place, by the hash of the user, in one bag:
//
//	hash | present , repeated, hashes ascending
type crowd struct {
	n       int // at most; who was active longest ago gives way
	timeout event.Time
}

const memberWords = 1 + presentWords

func (c crowd) layout() layout { return oneBag(c.n * memberWords) }

// move takes an event of one person.
func (c crowd) move(s slot, user uint64, t event.Time, m motion) {
	b := s.bag(0)
	i, found := find(b, user)
	if !found {
		if m == acted {
			return
		}
		if b, i = c.room(b, user, t); i < 0 {
			return
		}
		b = slices.Insert(b, i, user, 0, 0, 0)
	}
	present(b[i+1:i+memberWords]).move(t, m, c.timeout)
	s.keep(0, b)
}

// find returns where a person's entry is, or would be.
func find(b []uint64, user uint64) (i int, found bool) {
	lo, hi := 0, len(b)/memberWords
	for lo < hi {
		if mid := (lo + hi) / 2; b[mid*memberWords] < user {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	i = lo * memberWords
	return i, i < len(b) && b[i] == user
}

// room makes room for one more person, who comes at t: those go of whom nothing can matter any more, and then, if need be, who was active longest
// ago. It returns where the person's place is, below 0 when that is nowhere.
func (c crowd) room(b []uint64, user uint64, t event.Time) ([]uint64, int) {
	kept := b[:0]
	for i := 0; i < len(b); i += memberWords {
		silent := t - event.Time(b[i+3])
		if motion(b[i+2]) == entered && (c.timeout == 0 || silent <= c.timeout+2*oblivion) || silent <= 2*oblivion {
			kept = append(kept, b[i:i+memberWords]...)
		}
	}
	b = kept
	if len(b) == c.n*memberWords {
		oldest := 0
		for i := 0; i < len(b); i += memberWords {
			if b[i+3] < b[oldest+3] {
				oldest = i
			}
		}
		if event.Time(b[oldest+3]) > t {
			return b, -1
		}
		b = slices.Delete(b, oldest, oldest+memberWords)
	}
	i, _ := find(b, user)
	return b, i
}

// count is how many people are there at t.
func (c crowd) count(s slot, t event.Time) (n int) {
	b := s.bag(0)
	for i := 0; i < len(b); i += memberWords {
		if present(b[i+1:i+memberWords]).at(t, c.timeout) {
			n++
		}
	}
	return n
}
