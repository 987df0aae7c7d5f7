package validation

import (
	"slices"
	"time"
)

// days are tallies by UTC day, of which a bounded number is kept.
type days struct {
	most  int
	list  []*dayTally // ascending
	slots []*dayTally // by place; nil: free
}

type dayTally struct {
	tally
	day   int32 // since 1970-01-01
	place uint32
}

const dayNanos = int64(24 * time.Hour)

// floorDiv is x/y rounded down; y is positive.
func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}

func (d *days) find(day int32) (int, bool) {
	return slices.BinarySearchFunc(d.list, day, func(t *dayTally, day int32) int { return int(t.day) - int(day) })
}

// of returns the tally of a time's day, and nil for a day that is older than all that are kept. What has to go to make room
// is given to drop before.
func (d *days) of(ns int64, drop func(*dayTally)) *dayTally {
	day := int32(floorDiv(ns, dayNanos))
	if n := len(d.list); n > 0 && d.list[n-1].day == day {
		return d.list[n-1]
	}
	i, found := d.find(day)
	switch {
	case found:
		return d.list[i]
	case len(d.list) >= d.most && i == 0:
		return nil
	}
	for len(d.list) >= d.most {
		oldest := d.list[0]
		drop(oldest)
		d.slots[oldest.place] = nil
		d.list = slices.Delete(d.list, 0, 1)
	}
	return d.add(day)
}

// add makes room for a day that is not there.
func (d *days) add(day int32) *dayTally {
	place := slices.Index(d.slots, nil)
	if place < 0 {
		place = len(d.slots)
		d.slots = append(d.slots, nil)
	}
	t := &dayTally{day: day, place: uint32(place)}
	d.slots[place] = t
	i, _ := d.find(day)
	d.list = slices.Insert(d.list, i, t)
	return t
}

// Day is the metrics of one UTC day.
type Day struct {
	Start time.Time // midnight, UTC
	Metrics
}

// Days returns the days that had observations and are still kept, in order. The writer is let through between one
// day and the next.
func (v *Head) Days() []Day {
	v.mu.RLock()
	list := slices.Clone(v.days.list)
	v.mu.RUnlock()
	out := make([]Day, len(list))
	for i, d := range list {
		v.mu.RLock()
		out[i] = Day{Start: time.Unix(int64(d.day)*86400, 0).UTC(), Metrics: d.metrics()}
		v.mu.RUnlock()
	}
	return out
}
