package validation

import (
	"fmt"
	"sync"
	"time"

	"recsvc/internal/dirty"
)

// Head keeps the progressive metrics of a head of a model: over everything, over the last 9,000 to 10,000 observations, by UTC
// day, over spans of event time, by user and by slice. They depend on the observations and their order alone.
//
// Observe and what concerns checkpoints belong to the writer; reports may be read beside it.
type Head struct {
	label string
	key   []byte
	set   *dirty.Set
	ids   layout

	mu      sync.RWMutex // the writer takes it to write, others to read
	total   tally
	recent  recent
	days    days
	clock   clock
	spans   []span
	users   users
	sliced  sliced
	ignored uint64
	gone    []byte // key of an entry that is about to be removed
}

// clock is what the rest goes by.
type clock struct {
	now int64 // event time: the latest at which an outcome was final
}

// layout says which ids the entries have in the dirty set.
type layout struct {
	spans []uint32 // the first of each
	slice uint32
	days  uint32
	gone  uint32 // an entry that is removed because nobody asks for it any more
	users uint32 // and all above
}

// Ids of the entries in the dirty set; see layout for the others.
const (
	totalID = 0
	clockID = 1
	blockID = 2 // and the blocks after the first
	spanID  = blockID + blocks
)

// Options of a head. A zero field takes the default named beside it.
type Options struct {
	MaxDays int             // how many UTC days are kept; 400
	Wait    time.Duration   // how long an outcome may take: a span ends that long ago
	Spans   []time.Duration // of event time, ascending; 1h and 24h
	Users   int             // of which the latest outcomes are kept, at most; 4096. Memory: 200 bytes each. −1: none
	Slicer  *Slicer         // whose tags the observations have; nil: nothing is sliced
}

const (
	defaultMaxDays = 400
	defaultUsers   = 4096
	maxSpans       = 4
)

func (o *Options) setDefaults() {
	if o.MaxDays == 0 {
		o.MaxDays = defaultMaxDays
	}
	if o.Users == 0 {
		o.Users = defaultUsers
	}
	o.Users = max(o.Users, 0)
	if o.Spans == nil {
		o.Spans = []time.Duration{time.Hour, 24 * time.Hour}
	}
}

// Check names an option that is out of its range.
func (o Options) Check() error {
	switch {
	case o.MaxDays < 0:
		return fmt.Errorf("max days %d is negative", o.MaxDays)
	case o.Wait < 0:
		return fmt.Errorf("wait %v is negative", o.Wait)
	case len(o.Spans) > maxSpans:
		return fmt.Errorf("%d spans; %d are the most", len(o.Spans), maxSpans)
	}
	for i, s := range o.Spans {
		if s < time.Minute || i > 0 && s <= o.Spans[i-1] {
			return fmt.Errorf("span %v must be at least a minute and longer than the one before", s)
		}
	}
	return nil
}

// New returns a head that has observed nothing. The label, of 1 to 255 bytes, tells it from all others in the state. The options
// must pass their Check.
func New(label string, opts Options) *Head {
	opts.setDefaults()
	v := &Head{label: label, key: keyOf(label), spans: keptSpans(opts.Spans, opts.Wait)}
	id := uint32(spanID)
	for i := range v.spans {
		v.ids.spans = append(v.ids.spans, id)
		id += uint32(len(v.spans[i].ring))
	}
	v.ids.slice = id
	v.sliced = newSliced(opts.Slicer, id)
	v.ids.days = id + uint32(len(v.sliced.list))<<8
	v.days.most = opts.MaxDays
	v.ids.gone = v.ids.days + uint32(opts.MaxDays)
	v.ids.users = v.ids.gone + 1
	v.users = users{
		most: opts.Users, byHash: map[uint64]uint32{},
		touched: func(place uint32) { v.set.Touch(v.ids.users + place) },
		removed: func(place uint32) { v.set.Remove(v.ids.users + place) },
	}
	v.set = dirty.NewSet((*entries)(v))
	return v
}

// Set is the head as a table of checkpoints. It tells all of its state but for Ignored.
func (v *Head) Set() *dirty.Set { return v.set }

// Observe counts o. A prediction that is not finite is left out, and counted as such.
func (v *Head) Observe(o Observation) {
	p := float64(o.P) * o.theta()
	weight := o.weight()
	v.mu.Lock()
	defer v.mu.Unlock()
	if !finite(p) || !finite(weight) || weight < 0 {
		v.ignored++
		return
	}
	out := judge(p, o.Positive)
	out.weight = weight
	v.set.Touch(totalID)
	v.total.add(out)
	v.set.Touch(blockID + uint32(v.recent.next()))
	v.recent.add(out)
	v.observeDay(o.Time, out)
	v.set.Touch(clockID)
	v.clock.now = max(v.clock.now, o.Time, o.Final)
	v.observeSpans(o.Time, out)
	v.observeSlices(o.Tag, out)
	v.users.add(o.User, o.Time, mark(out))
}

func (v *Head) observeDay(at int64, out outcome) {
	d := v.days.of(at, func(d *dayTally) { v.set.Remove(v.ids.days + d.place) })
	if d != nil {
		v.set.Touch(v.ids.days + d.place)
		d.add(out)
	}
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
