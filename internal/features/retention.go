package features

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"recsvc/internal/event"
)

// activeDays is a cell with a bit for each of the last 64 days up to the newest:
//
//	newest day plus one | bits, the lowest is the newest day's | first day ever plus one
type activeDays struct{ w []uint64 }

const day = event.Time(24 * time.Hour)

// mark notes activity at t.
func (d activeDays) mark(t event.Time) {
	now := uint64(tileOf(t, day) + 1)
	switch {
	case d.w[0] == 0:
		d.w[0], d.w[1], d.w[2] = now, 1, now
		return
	case int64(now) > int64(d.w[0]):
		d.w[1] = d.w[1]<<(now-d.w[0]) | 1 // a shift by 64 or more leaves 0
		d.w[0] = now
	default:
		d.w[1] |= 1 << (d.w[0] - now) // and one to the left of the word is lost
	}
	if int64(now) < int64(d.w[2]) {
		d.w[2] = now
	}
}

// seen is the bits of the n days up to the one that holds t; the lowest is that day's.
func (d activeDays) seen(t event.Time, n int) uint64 {
	if d.w == nil || d.w[0] == 0 {
		return 0
	}
	days := d.w[1]
	if now := tileOf(t, day) + 1; now >= int64(d.w[0]) {
		days <<= uint64(now) - d.w[0]
	} else {
		days >>= d.w[0] - uint64(now)
	}
	return days << (64 - n) >> (64 - n)
}

func compileRetention(c *compiler, d *Definition, f *feature) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	if d.Window <= 0 || d.Window > 64*time.Duration(day) || d.Window%time.Duration(day) != 0 {
		return c.fail("window", "must be whole days, 1d to 64d")
	}
	n := int(d.Window / time.Duration(day))
	f.numeric, f.number = true, func(q *Query, f *feature) float64 {
		active := activeDays{q.cell(f.at).w}.seen(q.now, n)
		switch d.As {
		case "share":
			return float64(bits.OnesCount64(active)) / float64(n)
		case "streak":
			if active&1 == 0 {
				active >>= 1
			}
			return float64(bits.TrailingZeros64(^active))
		}
		return float64(bits.OnesCount64(active))
	}
	l := layout{words: 3}
	if d.As == "days_since_first" {
		f.number, l.lasting = daysSinceFirst, true
	}
	return c.aggregate(d, f, l, fmt.Sprint("days", on.name), func(at place) {
		c.on(on, at, l, one, func(s slot, t *touch) { activeDays{s.w}.mark(t.time) })
	})
}

// daysSinceFirst is the number of midnights since the first event.
func daysSinceFirst(q *Query, f *feature) float64 {
	s := q.cell(f.at)
	if s.w == nil || s.w[2] == 0 {
		return math.NaN()
	}
	return float64(max(0, tileOf(q.now, day)+1-int64(s.w[2])))
}
