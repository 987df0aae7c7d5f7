package ope

import (
	"fmt"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// Candidate is an item that could have been shown.
type Candidate struct {
	ID  string
	Ref features.ItemRef
}

// CollectorOptions say what is evaluated. Epsilon and Take must be given.
type CollectorOptions struct {
	Reward   int      // the flat head whose outcome is the reward, 1 or 0, and whose prediction is q̂
	Policies []Policy // at least one
	Pending  int      // how many impressions are followed at once, some 100 bytes each and policy; 1,048,576

	// Epsilon is how a scene explores; false: it is not known.
	Epsilon func(scene string) (float64, bool)
	// Only says, by its context, whether a list or an exposure belongs to the traffic that is evaluated. nil: all do.
	Only func(context event.Attributes) bool
	// Candidates are what an exposure without a served list was chosen from; nil: nobody knows.
	Candidates Candidates
	// Take is handed each impression when its reward is settled, with what each policy makes of it. It keeps neither.
	Take func(s *Settled, choices []Choice)
}

// Candidates know what could have been shown.
type Candidates interface {
	// Items are those; none: they are not known, or too many. What it returns is good until the next call.
	Items() []Candidate
	// Predict sets dst to the predictions of all heads.
	Predict(dst []float32, shared, own feedback.Vector)
}

// Collector follows impressions from their capture to their reward, as an engine.Observer. What it makes of them is a function of the
// log. Impressions that were captured before it began to look on are passed over.
type Collector struct {
	opts    CollectorOptions
	waiting map[uint64]int32 // of impressions: places
	slots   []waiting
	choices []Choice // len(Policies) for each place
	free    []int32
	pending atomic.Int64 // len(waiting)

	unfollowed []Choice // what all policies make of one too many

	// What is being captured.
	record  *event.Record
	out     bool // it is no part of the evaluated traffic
	ready   bool // choices of its items are made
	drafts  []draft
	made    []Choice // of drafts
	cluster uint64

	// Scratch.
	slate        Slate
	propensities []float64
	scores       []float64 // as served
	predicted    []float64 // q̂
	by           []float64 // what a policy ranks by; of all candidates, one policy after the other
	scratch      []float64
	p            []float32
	vector       features.Vector
	settled      Settled
}

// draft is one item that is being captured.
type draft struct {
	p       []float32
	outside bool
}

// waiting is an impression whose reward is not settled.
type waiting struct {
	id         uint64
	cluster    uint64
	time       event.Time
	position   int32
	predicted  float32
	propensity float64 // of an exposure that stands alone; 0: none. Its choices hold πₑ yet
	theta      float32
	alone      bool
	outside    bool
	shown      bool
	settled    bool
	positive   bool
}

// NewCollector returns one that has seen nothing.
func NewCollector(opts CollectorOptions) (*Collector, error) {
	if opts.Pending == 0 {
		opts.Pending = 1 << 20
	}
	if len(opts.Policies) == 0 || opts.Epsilon == nil || opts.Take == nil || opts.Pending < 1 || opts.Reward < 0 {
		return nil, fmt.Errorf("ope: a collector needs policies, a reward, epsilons and someone to take what it finds")
	}
	for i := range opts.Policies {
		if err := opts.Policies[i].check(); err != nil {
			return nil, err
		}
	}
	c := &Collector{opts: opts, waiting: map[uint64]int32{}}
	for range opts.Policies {
		c.unfollowed = append(c.unfollowed, Choice{Skip: Unfollowed})
	}
	return c, nil
}

// Pending is how many impressions wait for their reward. Anyone may ask.
func (c *Collector) Pending() int64 { return c.pending.Load() }

// Err implements engine.Observer.
func (c *Collector) Err() error { return nil }

// Begin implements engine.Observer.
func (c *Collector) Begin(r *event.Record, _ *features.Query) {
	c.record, c.ready, c.drafts = r, false, c.drafts[:0]
	user, request, context := "", "", event.Attributes(nil)
	if s := r.Served; s != nil {
		user, request, context = s.User, s.Request, s.Context
	} else {
		user, request, context = r.Event.User, r.Event.Request, r.Event.Context
	}
	if user == "" {
		user = request // nobody in particular: the requests are unlike persons
	}
	c.cluster = xxh3.HashString(user)
	c.out = c.opts.Only != nil && !c.opts.Only(context)
}

// Captured implements engine.Observer.
func (c *Collector) Captured(_ int, q *features.Query, captured feedback.Captured) {
	if c.out {
		return
	}
	if n := len(c.drafts); n < cap(c.drafts) {
		c.drafts = c.drafts[:n+1] // with the memory of former ones
	} else {
		c.drafts = append(c.drafts, draft{})
	}
	d := &c.drafts[len(c.drafts)-1]
	d.p, d.outside = append(d.p[:0], captured.P...), false
	if c.record.Served == nil {
		c.alone(q, captured)
	}
}

// Parked implements feedback.Watcher.
func (c *Collector) Parked(id uint64, at int) {
	if c.out || at >= len(c.drafts) {
		return
	}
	if !c.ready && c.record.Served != nil {
		c.list()
	}
	c.ready = true
	d, n := &c.drafts[at], len(c.opts.Policies)
	made := c.made[at*n : (at+1)*n]
	w := waiting{id: id, cluster: c.cluster, outside: d.outside, predicted: d.p[c.opts.Reward]}
	if c.record.Served == nil {
		w.alone, w.propensity = true, c.record.Event.Propensity
	} else {
		w.position = int32(at + 1)
	}
	if skipped(made) {
		c.settled = Settled{Cluster: w.cluster}
		c.opts.Take(&c.settled, made)
		return
	}
	c.keep(w, made)
}

// skipped reports whether no policy makes anything of an impression.
func skipped(made []Choice) bool {
	for i := range made {
		if made[i].Skip == 0 {
			return false
		}
	}
	return true
}

// keep follows an impression; one too many is settled at once as not followed.
func (c *Collector) keep(w waiting, made []Choice) {
	n, place := len(c.opts.Policies), int32(len(c.slots))
	switch free := len(c.free); {
	case free > 0:
		place, c.free = c.free[free-1], c.free[:free-1]
	case len(c.slots) >= c.opts.Pending:
		c.settled = Settled{Cluster: w.cluster}
		c.opts.Take(&c.settled, c.unfollowed)
		return
	default:
		c.slots = append(c.slots, waiting{})
		c.choices = append(c.choices, made...)
	}
	c.slots[place] = w
	copy(c.choices[int(place)*n:], made)
	c.waiting[w.id] = place
	c.pending.Store(int64(len(c.waiting)))
}

// find returns the impression of an id; nil: it is not followed.
func (c *Collector) find(id uint64) (*waiting, []Choice) {
	place, ok := c.waiting[id]
	if !ok {
		return nil, nil
	}
	n := len(c.opts.Policies)
	return &c.slots[place], c.choices[int(place)*n : (int(place)+1)*n]
}

// Shown implements feedback.Watcher.
func (c *Collector) Shown(id uint64, e *event.Event, s feedback.Shown) {
	w, choices := c.find(id)
	if w == nil || w.shown {
		return
	}
	w.shown, w.time = true, s.Time
	if !w.alone {
		return
	}
	w.position = s.Position
	if e != nil && e.Propensity > 0 {
		w.propensity = e.Propensity
	}
	for i := range choices {
		choices[i].weigh(w.propensity)
	}
}

// weigh turns πₑ into weights, for a choice that stands alone.
func (c *Choice) weigh(propensity float64) {
	switch {
	case c.Skip != 0:
	case !(propensity > 0 && propensity <= 1):
		c.Skip = NoPropensity
	default:
		pi := c.Weights[Independent]
		if propensity == 1 {
			c.Missing = max(0, 1-pi)
		}
		c.Weights[Independent] = pi / propensity
	}
}

// Settled implements feedback.Watcher.
func (c *Collector) Settled(id uint64, s feedback.Settled) {
	if s.Head != c.opts.Reward {
		return
	}
	if w, _ := c.find(id); w != nil {
		w.settled, w.positive, w.theta = true, s.Positive, s.Theta
	}
}

// Ended implements feedback.Watcher. A reward counts when the windows of its impression have closed, and not when it comes: else there
// would be, of the latest impressions, those with a reward alone.
func (c *Collector) Ended(id uint64, end feedback.End) {
	w, choices := c.find(id)
	if w == nil {
		return
	}
	if end == feedback.EndClosed && w.settled {
		theta := float64(w.theta)
		c.settled = Settled{
			Cluster: w.cluster, Time: w.time, Position: w.position, Theta: theta,
			Predicted: float64(theta * float64(w.predicted)), Outside: w.outside,
		}
		if w.positive {
			c.settled.Reward = 1
		}
		c.opts.Take(&c.settled, choices)
	}
	c.free = append(c.free, c.waiting[id])
	delete(c.waiting, id)
	c.pending.Store(int64(len(c.waiting)))
}

// Requested implements feedback.Watcher.
func (c *Collector) Requested(uint64, *event.Event) {}

// Labelled implements feedback.Watcher.
func (c *Collector) Labelled(uint64, int, *event.Event) {}
