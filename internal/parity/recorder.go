package parity

import (
	"fmt"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// maxSlots bounds how many slots of categories a Recorder has names for, some 50 bytes each.
const maxSlots = 1 << 20

// Recorder is an engine.Observer that remembers the captures of the impressions that wait.
type Recorder struct {
	columns []features.Column
	numbers map[string]bool   // features that are numbers: each has one slot
	slots   map[uint32]string // the feature behind a slot: of all numbers that were met, and of maxSlots others
	indexes map[string]int32  // of names
	names   []string
	waiting map[uint64]*capture

	// What is being captured.
	record *event.Record
	shared []slot
	drafts []capture
}

// slot is one element of a vector.
type slot struct {
	slot  uint32
	value float32
	name  int32 // index of the feature's name; -1: not known
}

// capture is what was captured of one impression.
type capture struct {
	shared, own []slot
	p           []float32
	base        event.Time
	shown       bool
	what        string // for people
}

// NewRecorder returns a Recorder of the features of a store.
func NewRecorder(store *features.Store) *Recorder {
	r := &Recorder{
		columns: store.Columns(), numbers: map[string]bool{}, slots: map[uint32]string{}, indexes: map[string]int32{}, waiting: map[uint64]*capture{},
	}
	for _, c := range r.columns {
		r.numbers[c.Name] = c.Shape == features.ShapeNumber
	}
	return r
}

// Err implements engine.Observer.
func (r *Recorder) Err() error { return nil }

// Begin implements engine.Observer.
func (r *Recorder) Begin(rec *event.Record, q *features.Query) {
	r.record, r.drafts = rec, r.drafts[:0]
	r.shared = r.read(q.Shared(), q.SlotNames())
}

// Captured implements engine.Observer.
func (r *Recorder) Captured(_ int, q *features.Query, c feedback.Captured) {
	r.drafts = append(r.drafts, capture{
		shared: r.shared, own: r.read(features.Vector(c.Own), q.SlotNames()), p: append([]float32(nil), c.P...),
	})
}

// read copies a vector with its names.
func (r *Recorder) read(v features.Vector, names []string) []slot {
	out := make([]slot, len(v.Slots))
	for i, s := range v.Slots {
		out[i] = slot{s, value(v, i), r.index(names[i])}
		if r.numbers[names[i]] || len(r.slots) < maxSlots {
			r.slots[s] = names[i]
		}
	}
	return out
}

// value is an element's: those that a vector lacks are 1.
func value(v features.Vector, i int) float32 {
	if i < len(v.Values) {
		return v.Values[i]
	}
	return 1
}

func (r *Recorder) index(name string) int32 {
	i, ok := r.indexes[name]
	if !ok {
		i = int32(len(r.names))
		r.indexes[name], r.names = i, append(r.names, name)
	}
	return i
}

// Parked implements feedback.Watcher.
func (r *Recorder) Parked(id uint64, at int) {
	c := r.drafts[at]
	if s := r.record.Served; s != nil {
		c.base, c.what = s.Time, fmt.Sprintf("request %q, user %q, item %q", s.Request, s.User, s.Items[at].Item)
	} else {
		e := r.record.Event
		c.base, c.what = e.Time, fmt.Sprintf("request %q, user %q, item %q", e.Request, e.User, e.Item)
	}
	r.waiting[id] = &c
}

// Shown implements feedback.Watcher.
func (r *Recorder) Shown(id uint64, _ *event.Event, s feedback.Shown) {
	if c := r.waiting[id]; c != nil {
		c.base, c.shown = s.Time, true
	}
}

// Ended implements feedback.Watcher.
func (r *Recorder) Ended(id uint64, _ feedback.End) { delete(r.waiting, id) }

// Requested implements feedback.Watcher.
func (r *Recorder) Requested(uint64, *event.Event) {}

// Labelled implements feedback.Watcher.
func (r *Recorder) Labelled(uint64, int, *event.Event) {}

// Settled implements feedback.Watcher.
func (r *Recorder) Settled(uint64, feedback.Settled) {}
