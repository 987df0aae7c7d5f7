package stream

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/features"
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

// The store's patterns in event time are Flink's, whose clicks come up to five seconds late.
func TestPatternsInEventTimeAreFlinks(t *testing.T) {
	for _, tc := range patterns() {
		t.Run(fmt.Sprint(tc.job, " of ", tc.n), func(t *testing.T) {
			var got Total
			s := newPatternStore(t, tc.within, func(m features.Match) {
				third := At(uint64(m.ID.Offset))
				got.Add(third.User, millis(m.Time), uint64(third.Category), millis(m.First))
			})
			q := s.NewQuery()
			users, items := names("u", Users), names("i", Items)
			watermark := event.Time(math.MinInt64)
			for i := range tc.n {
				e := At(i)
				out := event.Event{Type: "exposure", User: users[e.User], Item: items[e.Item], Time: instant(e.TS)}
				if e.Click {
					out.Type = "click"
				}
				watermark = max(watermark, instant(e.TS-Disorder))
				s.At(0, int64(i))
				s.Advance(watermark)
				q.Begin(out.User, nil, out.Time)
				s.Apply(q, &out, s.EnsureItem(out.Item))
			}
			s.Advance(watermark.Add(time.Hour))
			hold(t, tc.job, tc.n, got)
			if stats := s.PatternStats()[0]; stats.Late != 0 || stats.Matches != got.Outputs {
				t.Errorf("%d late events, %d matches; want 0 and %d", stats.Late, stats.Matches, got.Outputs)
			}
		})
	}
}

func millis(t event.Time) uint64 { return uint64(int64(t) / int64(time.Millisecond)) }

// newPatternStore looks for three clicks of a user on one category, and has the catalogue that says which category an item is of.
func newPatternStore(t *testing.T, within time.Duration, match func(features.Match)) *features.Store {
	t.Helper()
	s, err := features.New(nil, features.Options{
		NoRecall: true,
		OnMatch:  match,
		Patterns: []features.Pattern{{
			Name: "three_clicks", Scope: []string{"user", "item.category"}, Within: within,
			Order: features.OrderEventTime, Skip: features.SkipPastLast,
			Steps: []features.Step{{Name: "clicks", On: features.On("click"), Times: 3}},
			Emit:  features.Emit{Feature: &features.MatchFeature{TTL: 10 * time.Minute}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range names("i", Items) {
		category := event.Value{Kind: event.Number, Num: float64(i % Categories)}
		s.UpsertItem(&event.Item{ID: id, Attrs: event.Attributes{{Key: "category", Value: category}}})
	}
	return s
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
