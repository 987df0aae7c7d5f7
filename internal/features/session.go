package features

import (
	"slices"

	"recsvc/internal/event"
)

// sessions are maximal runs of instants of which each is at most a gap after the one before, as Flink's session windows merge them
// (TimeWindow.intersects: windows that only touch are one too). A late instant joins its session, or makes one of two. The last n sessions are kept, oldest first,
// in one bag; the cell says what went before them:
//
//	bag | sessions that are no longer kept | their length in nanoseconds        start | end , repeated
type sessions struct {
	gap event.Time
	n   int
}

const sessionWords = 2

func (v sessions) layout() layout {
	return layout{words: 3, bagged: []int{0}, most: v.n * sessionWords}
}

// add puts an instant in.
func (v sessions) add(s slot, t event.Time) {
	b := s.bag(0)
	i := len(b) // the first session that starts after t
	for i > 0 && event.Time(b[i-sessionWords]) > t {
		i -= sessionWords
	}
	before, after := i > 0 && t-event.Time(b[i-1]) <= v.gap, i < len(b) && event.Time(b[i])-t <= v.gap
	switch {
	case before && after:
		b[i-1] = b[i+1]
		b = slices.Delete(b, i, i+sessionWords)
	case before:
		b[i-1] = max(b[i-1], uint64(t))
	case after:
		b[i] = uint64(t)
	case len(b) < v.n*sessionWords:
		b = append(b, 0, 0)
		copy(b[i+sessionWords:], b[i:])
		b[i], b[i+1] = uint64(t), uint64(t)
	case i == 0:
		return // older than all that are kept
	default:
		s.w[1]++
		s.w[2] += b[1] - b[0]
		i -= sessionWords
		copy(b[:i], b[sessionWords:])
		b[i], b[i+1] = uint64(t), uint64(t)
	}
	s.keep(0, b)
}

// session is one of them: from its first instant to its last.
type session struct{ start, end event.Time }

func (s session) length() float64 { return float64(s.end-s.start) / 1e9 }

// last returns the i-th session from the newest; ok is false where there is none.
func (v sessions) last(b []uint64, i int) (_ session, ok bool) {
	at := len(b) - (i+1)*sessionWords
	if at < 0 {
		return session{}, false
	}
	return session{event.Time(b[at]), event.Time(b[at+1])}, true
}

// total is the number and the length in seconds of the sessions that ended within the window (0: of all) as seen at t.
func (v sessions) total(s slot, t, window event.Time) (n, seconds float64) {
	b := s.bag(0)
	for i := 0; ; i++ {
		one, ok := v.last(b, i)
		if !ok || window > 0 && one.end <= t-window {
			break
		}
		n, seconds = n+1, seconds+one.length()
	}
	if window == 0 && b != nil {
		n, seconds = n+float64(s.w[1]), seconds+float64(s.w[2])/1e9
	}
	return n, seconds
}
