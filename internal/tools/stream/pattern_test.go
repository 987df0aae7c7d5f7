package stream

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"
)

// inOrder returns the first n events in the order of their times.
func inOrder(n uint64) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = At(uint64(i))
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.TS, b.TS) })
	return events
}

// matcher finds three consecutive clicks of a key in the plainest way: it keeps the clicks since the last match, and looks at
// the last three of them at every click. Clicks come in order of event time.
type matcher struct {
	within int64 // milliseconds
	since  map[key][]int64
}

type key struct{ user, category uint32 }

// click returns the time of the first click of a match that this one completes.
func (m *matcher) click(k key, ts int64) (first int64, ok bool) {
	clicks := append(m.since[k], ts)
	if n := len(clicks); n >= 3 && ts-clicks[n-3] < m.within {
		first, ok, clicks = clicks[n-3], true, nil
	}
	m.since[k] = clicks
	return first, ok
}

type patternCase struct {
	job    Job
	within time.Duration
	n      uint64
}

func patterns() (cases []patternCase) {
	for _, n := range sizes(100_000, 400_000, 2_000_000) {
		cases = append(cases, patternCase{Pattern, PatternWithin, n})
		if _, ok := Expected(ShortPattern, n); ok {
			cases = append(cases, patternCase{ShortPattern, ShortWithin, n})
		}
	}
	return cases
}

func TestAPlainMatcherFindsWhatFlinksPatternsFind(t *testing.T) {
	for _, tc := range patterns() {
		t.Run(fmt.Sprint(tc.job, " of ", tc.n), func(t *testing.T) {
			m := matcher{within: tc.within.Milliseconds(), since: map[key][]int64{}}
			var got Total
			for _, e := range inOrder(tc.n) {
				if !e.Click {
					continue
				}
				if first, ok := m.click(key{e.User, e.Category}, e.TS); ok {
					got.Add(e.User, uint64(e.TS), uint64(e.Category), uint64(first))
				}
			}
			hold(t, tc.job, tc.n, got)
		})
	}
}
