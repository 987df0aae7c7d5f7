package main

import (
	"math"

	"github.com/zeebo/xxh3"

	"recsvc/internal/crosses"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// crossWatch gathers a sample for crosses while an engine runs, as its engine.Observer: the categories of each impression and the prediction
// as they were captured, and the outcome when it is settled. Outcomes are settled sooner than their absence: the sample has its rows in the order
// in which they were captured all the same. Of several categories it takes the first.
type crossWatch struct {
	sample  *crosses.Sample
	namer   *features.Namer
	columns []int // of the features that are categories
	head    int
	n       int // exposures wanted

	drafts  []*crossRow
	waiting map[uint64]*crossRow
	queue   []*crossRow // in the order of capture; those behind one that waits wait too
	named   []features.NamedValue
}

type crossRow struct {
	values []uint32
	logit  float64
	fate   crossFate
}

// crossFate is what has become of a row.
type crossFate uint8

const (
	crossWaits crossFate = iota
	crossNegative
	crossPositive
	crossNever // it has ended without being settled
)

func newCrossWatch(store *features.Store, head, n int) *crossWatch {
	w := &crossWatch{namer: store.NewNamer(), head: head, n: n, waiting: map[uint64]*crossRow{}}
	var names []string
	for i, c := range store.Columns() {
		if c.Shape == features.ShapeCategory || c.Shape == features.ShapeCategories {
			w.columns = append(w.columns, i)
			names = append(names, c.Name)
		}
	}
	w.sample = crosses.NewSample(names)
	return w
}

// Err implements engine.Observer: errEnough ends the run.
func (w *crossWatch) Err() error {
	if w.sample.Len() >= w.n {
		return errEnough
	}
	return nil
}

// Begin implements engine.Observer.
func (w *crossWatch) Begin(*event.Record, *features.Query) { w.drafts = w.drafts[:0] }

// Captured implements engine.Observer.
func (w *crossWatch) Captured(_ int, q *features.Query, c feedback.Captured) {
	w.named = w.namer.Named(q, w.named[:0])
	row := &crossRow{values: make([]uint32, len(w.columns))}
	for i, column := range w.columns {
		row.values[i] = categoryOf(&w.named[column])
	}
	p := float64(c.P[w.head])
	row.logit = math.Log(p / (1 - p))
	w.drafts = append(w.drafts, row)
}

// categoryOf is a number for a feature's first category, 0 where it has none.
func categoryOf(v *features.NamedValue) uint32 {
	text := v.Text
	if len(v.List) > 0 {
		text = v.List[0]
	}
	if text == "" {
		return 0
	}
	return max(uint32(xxh3.HashString(text)>>32), 1)
}

// Parked implements feedback.Watcher.
func (w *crossWatch) Parked(id uint64, at int) {
	w.waiting[id] = w.drafts[at]
	w.queue = append(w.queue, w.drafts[at])
}

// Settled implements feedback.Watcher.
func (w *crossWatch) Settled(id uint64, s feedback.Settled) {
	if s.Head != w.head {
		return
	}
	if s.Positive {
		w.decide(id, crossPositive)
	} else {
		w.decide(id, crossNegative)
	}
}

// Ended implements feedback.Watcher.
func (w *crossWatch) Ended(id uint64, _ feedback.End) { w.decide(id, crossNever) }

// decide tells the fate of an impression, and moves into the sample what waits for no other.
func (w *crossWatch) decide(id uint64, fate crossFate) {
	row, ok := w.waiting[id]
	if !ok {
		return
	}
	row.fate = fate
	delete(w.waiting, id)
	for len(w.queue) > 0 && w.queue[0].fate != crossWaits {
		if row := w.queue[0]; row.fate != crossNever && w.sample.Len() < w.n {
			w.sample.Add(row.values, row.logit, row.fate == crossPositive)
		}
		w.queue = w.queue[1:]
	}
}

// Requested implements feedback.Watcher.
func (w *crossWatch) Requested(uint64, *event.Event) {}

// Shown implements feedback.Watcher.
func (w *crossWatch) Shown(uint64, *event.Event, feedback.Shown) {}

// Labelled implements feedback.Watcher.
func (w *crossWatch) Labelled(uint64, int, *event.Event) {}
