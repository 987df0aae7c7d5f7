package validation

import (
	"slices"
	"sync"
	"time"

	"recsvc/internal/dirty"
)

// Observation pairs a prediction with what came of it.
type Observation struct {
	P        float32 // as predicted at capture, before anything of this impression was learned
	Theta    float32 // probability that the position was examined; 0 means 1. The outcome is compared with Theta·P
	Positive bool
	Time     int64 // when the item was shown, Unix nanoseconds: chooses the day
}

// Head keeps the progressive metrics of a head: over everything, over the last 9,000 to 10,000 observations,
// and by UTC day. They depend on the observations and their order alone.
//
// Observe and what concerns checkpoints belong to the writer; reports may be read beside it.
type Head struct {
	label   string
	key     []byte
	maxDays int
	set     *dirty.Set

	mu      sync.RWMutex // the writer takes it to write, others to read
	total   tally
	recent  recent
	days    []*dayTally // ascending
	slots   []*dayTally // by dirty id − firstDay; nil: free
	ignored uint64
}

type dayTally struct {
	tally
	day int32 // since 1970-01-01
	id  uint32
}

// Ids of the entries in the dirty set.
const (
	totalID  = 0
	blockID  = 1 // and the blocks after the first
	firstDay = blockID + blocks
)

// Options of a head. A zero field takes the default named beside it.
type Options struct {
	MaxDays int // how many UTC days are kept; 400
}

const defaultMaxDays = 400

// New returns a head that has observed nothing. The label, of up to 255 bytes, tells it from all others in the state.
func New(label string, opts Options) *Head {
	if opts.MaxDays == 0 {
		opts.MaxDays = defaultMaxDays
	}
	v := &Head{label: label, key: keyOf(label), maxDays: opts.MaxDays}
	v.set = dirty.NewSet((*entries)(v))
	return v
}

// Set is the head as a table of checkpoints. It tells all of its state but for Ignored.
func (v *Head) Set() *dirty.Set { return v.set }

// Observe counts o. A prediction that is not finite is left out, and counted as such.
func (v *Head) Observe(o Observation) {
	p := float64(o.P)
	if o.Theta != 0 {
		p *= float64(o.Theta)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !finite(p) {
		v.ignored++
		return
	}
	out := judge(p, o.Positive)
	v.set.Touch(totalID)
	v.total.add(out)
	v.set.Touch(blockID + uint32(v.recent.next()))
	v.recent.add(out)
	if d := v.dayOf(o.Time); d != nil {
		v.set.Touch(d.id)
		d.add(out)
	}
}

const dayNanos = int64(24 * time.Hour)

// dayOf returns the tally of a time's day, and nil for a day that is older than all that are kept.
func (v *Head) dayOf(ns int64) *dayTally {
	day := int32(ns / dayNanos)
	if ns%dayNanos < 0 {
		day--
	}
	if n := len(v.days); n > 0 && v.days[n-1].day == day {
		return v.days[n-1]
	}
	i, found := v.findDay(day)
	switch {
	case found:
		return v.days[i]
	case len(v.days) >= v.maxDays && i == 0:
		return nil
	}
	for len(v.days) >= v.maxDays {
		v.dropDay(v.days[0])
	}
	return v.addDay(day)
}

func (v *Head) findDay(day int32) (int, bool) {
	return slices.BinarySearchFunc(v.days, day, func(d *dayTally, day int32) int { return int(d.day) - int(day) })
}

// addDay makes room for a day that is not there. Its entry must be touched, or loaded, next.
func (v *Head) addDay(day int32) *dayTally {
	slot := slices.Index(v.slots, nil)
	if slot < 0 {
		slot = len(v.slots)
		v.slots = append(v.slots, nil)
	}
	d := &dayTally{day: day, id: firstDay + uint32(slot)}
	v.slots[slot] = d
	i, _ := v.findDay(day)
	v.days = slices.Insert(v.days, i, d)
	return d
}

func (v *Head) dropDay(d *dayTally) {
	v.set.Remove(d.id)
	v.slots[d.id-firstDay] = nil
	v.days = slices.DeleteFunc(v.days, func(e *dayTally) bool { return e == d })
}

// Total returns the metrics of everything observed.
func (v *Head) Total() Metrics {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.total.metrics()
}

// Recent returns the metrics of the last 9,000 to 10,000 observations.
func (v *Head) Recent() Metrics {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.recent.metrics()
}

// Ignored returns how many observations were left out since the process started.
func (v *Head) Ignored() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.ignored
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
	days := slices.Clone(v.days)
	v.mu.RUnlock()
	out := make([]Day, len(days))
	for i, d := range days {
		v.mu.RLock()
		out[i] = Day{Start: time.Unix(int64(d.day)*86400, 0).UTC(), Metrics: d.metrics()}
		v.mu.RUnlock()
	}
	return out
}
