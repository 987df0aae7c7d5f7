package export

import (
	"fmt"
	"math"
	"strings"

	"github.com/zeebo/xxh3"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// Writer takes the rows of a table. It keeps nothing of a row.
type Writer interface{ Write(r *Row) error }

// Options say which exposures become rows. A zero field leaves nothing out.
type Options struct {
	Since, Until event.Time // when it was shown: from Since on, before Until
	// Sample keeps about one of so many: all exposures of a request or none of them, and of exposures without a request each
	// for itself. Which ones is a matter of their ids alone.
	Sample int
}

// Counts tell what became of the exposures.
type Counts struct {
	Rows    int64 // written
	LeftOut int64 // by Options
	Pending int64 // shown, and not settled
	Erased  int64 // with their user
}

// Table gathers rows while an engine runs, as its engine.Observer, and hands each to a Writer when it is complete.
type Table struct {
	opts    Options
	schema  Schema
	namer   *features.Namer
	out     Writer
	err     error
	counts  Counts
	waiting map[uint64]*waiting // by impression

	// What is being captured.
	record *event.Record
	drafts []draft
	values []features.NamedValue
	bytes  []byte
	row    Row
}

// draft is one item of what is being captured.
type draft struct {
	features string
	p        []float32
}

// waiting is a row whose heads are not all settled, and may never have been shown.
type waiting struct {
	row      Row // without features
	features string
	open     int // heads that are not settled
	shown    bool
}

// NewTable returns a table of the features of a store, which are those of the schema, and of its heads, which are the engine's.
func NewTable(store *features.Store, schema Schema, out Writer, opts Options) *Table {
	t := &Table{
		opts: opts, schema: schema, namer: store.NewNamer(), out: out,
		waiting: map[uint64]*waiting{},
	}
	t.row.Features = make([]features.NamedValue, len(t.schema.Features))
	return t
}

// Counts returns what there is by now.
func (t *Table) Counts() Counts {
	c := t.counts
	for _, w := range t.waiting {
		if w.shown {
			c.Pending++
		}
	}
	return c
}

// Err implements engine.Observer: the error of the Writer.
func (t *Table) Err() error { return t.err }

// Begin implements engine.Observer.
func (t *Table) Begin(r *event.Record, _ *features.Query) { t.record, t.drafts = r, t.drafts[:0] }

// Captured implements engine.Observer.
func (t *Table) Captured(_ int, q *features.Query, c feedback.Captured) {
	t.values = t.namer.Named(q, t.values[:0])
	t.bytes = pack(t.bytes[:0], t.schema.Features, t.values)
	t.drafts = append(t.drafts, draft{features: string(t.bytes), p: c.P})
}

// Parked implements feedback.Watcher.
func (t *Table) Parked(id uint64, at int) {
	d := &t.drafts[at]
	w := &waiting{features: d.features, open: len(t.schema.Heads)}
	w.row.describe(t.record, at)
	for _, p := range d.p[:len(t.schema.Heads)] { // raw logits may follow
		w.row.Heads = append(w.row.Heads, Outcome{Value: math.NaN(), P: p})
	}
	t.waiting[id] = w
}

// describe takes what a record says of the item that it shows.
func (r *Row) describe(rec *event.Record, at int) {
	if s := rec.Served; s != nil {
		item := &s.Items[at]
		r.Request, r.User, r.Item = strings.Clone(s.Request), strings.Clone(s.User), strings.Clone(item.Item)
		r.Scene, r.Variant = strings.Clone(s.Scene), strings.Clone(s.Variant)
		r.Captured, r.CapturedBy = s.Time, "served"
		r.propensity(item.Propensity)
		return
	}
	e := rec.Event
	r.Request, r.User, r.Item = strings.Clone(e.Request), strings.Clone(e.User), strings.Clone(e.Item)
	r.Captured, r.CapturedBy = e.Time, "outcome"
	if e.Type == "exposure" {
		r.CapturedBy = "exposure"
	}
	r.propensity(e.Propensity)
}

func (r *Row) propensity(p float64) {
	if p > 0 && p <= 1 {
		r.Propensity = p
	}
}

// Requested implements feedback.Watcher.
func (t *Table) Requested(id uint64, e *event.Event) {
	if w := t.waiting[id]; w != nil {
		w.row.Request = strings.Clone(e.Request)
	}
}

// Shown implements feedback.Watcher.
func (t *Table) Shown(id uint64, e *event.Event, s feedback.Shown) {
	w := t.waiting[id]
	if w == nil {
		return
	}
	r := &w.row
	r.Exposed, r.Position, r.Weight, r.Theta, r.Implied = s.Time, s.Position, s.Weight, s.Theta, s.Implied
	if e != nil {
		r.propensity(e.Propensity)
		if r.User == "" { // the list was served to nobody in particular
			r.User = strings.Clone(e.User)
		}
	}
	if w.shown = t.chosen(r); !w.shown {
		t.counts.LeftOut++
		delete(t.waiting, id)
	}
}

// chosen reports whether an exposure is to become a row.
func (t *Table) chosen(r *Row) bool {
	if r.Exposed < t.opts.Since || t.opts.Until != 0 && r.Exposed >= t.opts.Until {
		return false
	}
	if t.opts.Sample <= 1 {
		return true
	}
	id := r.Request
	if id == "" {
		id = fmt.Sprintf("%s\x00%s\x00%d", r.User, r.Item, r.Exposed)
	}
	return xxh3.HashString(id)%uint64(t.opts.Sample) == 0
}

// Labelled implements feedback.Watcher.
func (t *Table) Labelled(id uint64, head int, e *event.Event) {
	w := t.waiting[id]
	if w == nil {
		return
	}
	o := &w.row.Heads[head]
	o.Label, o.Time, o.Value = Positive, e.Time, math.NaN()
	if e.HasValue {
		o.Value = e.Value
	}
}

// Settled implements feedback.Watcher.
func (t *Table) Settled(id uint64, s feedback.Settled) {
	w := t.waiting[id]
	if w == nil {
		return
	}
	if !s.Positive {
		o := &w.row.Heads[s.Head] // an outcome that proved too late is none
		o.Label, o.Time, o.Value = Negative, 0, math.NaN()
	}
	if w.open--; w.open == 0 {
		t.write(id, w)
	}
}

// Ended implements feedback.Watcher.
func (t *Table) Ended(id uint64, end feedback.End) {
	w := t.waiting[id]
	switch {
	case w == nil: // written, or left out
	case end == feedback.EndCapturedLate:
		w.row.CapturedLate = true
		t.write(id, w)
	case end == feedback.EndClosed && w.shown: // some head has dropped it
		t.write(id, w)
	case end == feedback.EndErased && w.shown:
		t.counts.Erased++
	}
	delete(t.waiting, id)
}

func (t *Table) write(id uint64, w *waiting) {
	delete(t.waiting, id)
	if t.err != nil {
		return
	}
	values := t.row.Features
	t.row = w.row
	t.row.Features = values
	unpack(w.features, t.schema.Features, values)
	t.err = t.out.Write(&t.row)
	t.counts.Rows++
}
