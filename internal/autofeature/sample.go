package autofeature

import (
	"slices"
	"time"

	"recsvc/internal/event"
)

// joinWithin is how long after an exposure an outcome without a request may still belong to it.
const joinWithin = 24 * time.Hour

// shownType is the type of event that shows an item.
const shownType = "exposure"

// Sample gathers records. It is for one goroutine.
type Sample struct {
	most   int // behaviour events taken
	events int

	items, users map[string]event.Attributes // as they stand at this place of the log
	seen         map[string]struct{}         // ids of events, with their users

	steps  []step
	types  map[string]*typeStats
	names  []string // of types, by first appearance
	shown  []exposure
	byList map[pair]int32 // request and item → the newest exposure
	byUser map[pair]int32 // user and item → the newest exposure

	onOutcome map[string]int // keys of the contexts of events other than exposures: how often

	first, last event.Time
}

type pair struct{ a, b string }

// exposure is an item that was shown to a user, with what was known of both.
type exposure struct {
	e          *event.Event
	item, user event.Attributes
}

// step is one event of the sample, in its order.
type step struct {
	e     *event.Event
	shown int32         // the exposure that it is, or belongs to; -1: none
	delay time.Duration // since that
	again bool          // the exposure has had an event of this type
}

// typeStats counts the events of a type.
type typeStats struct {
	events, values, itemless int
	joined                   int // first of its exposure
	delays                   []float64
	had                      map[int32]struct{} // exposures that were followed by one
	amounts                  []float64
}

// NewSample makes an empty sample that takes up to most behaviour events.
func NewSample(most int) *Sample {
	return &Sample{
		most: most, items: make(map[string]event.Attributes), users: make(map[string]event.Attributes), seen: make(map[string]struct{}),
		types: make(map[string]*typeStats), byList: make(map[pair]int32), byUser: make(map[pair]int32), onOutcome: make(map[string]int),
	}
}

// Full reports whether no further event is taken.
func (s *Sample) Full() bool { return s.events >= s.most }

// Add takes a record and keeps copies of what it needs. A repeated event is passed over.
func (s *Sample) Add(r *event.Record) {
	switch r.Kind {
	case event.KindItem:
		if r.Item.Deleted {
			delete(s.items, r.Item.ID)
			return
		}
		upsert(s.items, r.Item.ID, r.Item.Attrs)
	case event.KindUser:
		upsert(s.users, r.User.ID, r.User.Attrs)
	case event.KindEvent:
		if !s.Full() && !s.repeated(r.Event) {
			s.events++
			s.add(clone(r.Event))
		}
	}
}

// upsert makes a new map, so that exposures keep the one that they saw.
func upsert(all map[string]event.Attributes, id string, change event.Attributes) {
	merged := slices.Clone(all[id])
	for _, c := range change.Clone() {
		merged = slices.DeleteFunc(merged, func(a event.Attribute) bool { return a.Key == c.Key })
		if c.Value.Kind != event.Null {
			merged = append(merged, c)
		}
	}
	all[id] = merged
}

func clone(e *event.Event) *event.Event {
	c := *e
	c.Context = e.Context.Clone()
	for _, s := range []*string{&c.ID, &c.Type, &c.User, &c.Item, &c.Request, &c.Session, &c.Text} {
		*s = string([]byte(*s))
	}
	return &c
}

func (s *Sample) repeated(e *event.Event) bool {
	if e.ID == "" {
		return false
	}
	key := string([]byte(e.User + "\x00" + e.ID))
	_, known := s.seen[key]
	s.seen[key] = struct{}{}
	return known
}

func (s *Sample) add(e *event.Event) {
	if s.first == 0 || e.Time < s.first {
		s.first = e.Time
	}
	s.last = max(s.last, e.Time)
	t := s.types[e.Type]
	if t == nil {
		t = &typeStats{had: make(map[int32]struct{})}
		s.types[e.Type] = t
		s.names = append(s.names, e.Type)
	}
	t.events++
	if e.Item == "" {
		t.itemless++
	}
	if e.HasValue {
		t.values++
		t.amounts = append(t.amounts, e.Value)
	}
	if e.Type == shownType && e.Item != "" {
		s.show(e)
		return
	}
	for _, a := range e.Context {
		s.onOutcome[a.Key]++
	}
	s.join(e, t)
}

func (s *Sample) show(e *event.Event) {
	id := int32(len(s.shown))
	s.shown = append(s.shown, exposure{e: e, item: s.items[e.Item], user: s.users[e.User]})
	if e.Request != "" {
		s.byList[pair{e.Request, e.Item}] = id
	}
	s.byUser[pair{e.User, e.Item}] = id
	s.steps = append(s.steps, step{e: e, shown: id})
}

// join finds what an outcome belongs to.
func (s *Sample) join(e *event.Event, t *typeStats) {
	st := step{e: e, shown: -1}
	id, ok := s.byUser[pair{e.User, e.Item}]
	if e.Request != "" {
		id, ok = s.byList[pair{e.Request, e.Item}]
	}
	if ok && e.Item != "" {
		delay := max(0, e.Time.Sub(s.shown[id].e.Time))
		if e.Request != "" || delay <= joinWithin {
			st.shown, st.delay = id, delay
			if _, st.again = t.had[id]; !st.again {
				t.had[id] = struct{}{}
				t.joined++
				t.delays = append(t.delays, delay.Seconds())
			}
		}
	}
	s.steps = append(s.steps, st)
}
