package stream

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"
)

const (
	slide  = int64(10 * time.Second / time.Millisecond)
	window = 6 * slide
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

// A window read at the last instant before a boundary of its slide is Flink's sliding window that ends there.
func TestWindowsReadAtTheirEndAreFlinksSlidingWindows(t *testing.T) {
	for _, n := range sizes(100_000, 400_000, 2_000_000) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRig(t)
			last := make([]int64, Users) // time of each user's newest event
			var got Total
			fire := func(end int64) {
				for user, ts := range last {
					if ts < end-window {
						continue
					}
					if a, b := r.read(uint32(user), instant(end)-1); a+b > 0 {
						got.Add(uint32(user), uint64(end), a, b)
					}
				}
			}
			events := inOrder(n)
			end := (events[0].TS/slide + 1) * slide
			for _, e := range events {
				for ; e.TS >= end; end += slide {
					fire(end)
				}
				r.apply(e)
				last[e.User] = e.TS
			}
			for stop := end + window; end < stop; end += slide {
				fire(end)
			}
			hold(t, Window, n, got)
		})
	}
}

// What Flink programs that cannot wait for a window's end build by hand: a value after every event, as of the newest event
// that the user has had. Events come as they come, up to five seconds late.
func TestWindowsReadAfterEveryEventAreFlinksRing(t *testing.T) {
	for _, n := range sizes(100_000, 400_000, 2_000_000) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRig(t)
			newest := make([]int64, Users)
			var got Total
			for i := range n {
				e := At(i)
				r.apply(e)
				newest[e.User] = max(newest[e.User], e.TS)
				a, b := r.read(e.User, instant(newest[e.User]))
				got.Add(e.User, i, a, b)
			}
			hold(t, Ring, n, got)
		})
	}
}
