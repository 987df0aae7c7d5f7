package stream

import (
	"fmt"
	"testing"
	"time"
)

const (
	slide  = int64(10 * time.Second / time.Millisecond)
	window = 6 * slide
)

// A window read at the last instant before a boundary of its slide is Flink's sliding window that ends there. Events come as they
// come, up to five seconds late; a window is read when everything that belongs in it is there, which the watermark says.
func TestWindowsReadAtTheirEndAreFlinksSlidingWindows(t *testing.T) {
	for _, n := range sizes(100_000, 400_000, 2_000_000) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRig(t)
			newest := make([]int64, Users)
			var got Total
			fire := func(end int64) {
				for user, ts := range newest {
					if ts < end-window {
						continue
					}
					if a, b := r.read(uint32(user), instant(end)-1); a+b > 0 {
						got.Add(uint32(user), uint64(end), a, b)
					}
				}
			}
			end, watermark := (Start-Disorder)/slide*slide, int64(0)
			for i := range n {
				e := At(i)
				r.apply(e)
				newest[e.User] = max(newest[e.User], e.TS)
				for watermark = max(watermark, e.TS-Disorder); end <= watermark; end += slide {
					fire(end)
				}
			}
			for stop := end + Disorder + window; end <= stop; end += slide {
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
