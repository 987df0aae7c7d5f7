package clickrate

import (
	"errors"
	"fmt"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/tools/stream"
)

// The window in which clicks and impressions are counted.
const (
	Window = time.Minute
	Slide  = 10 * time.Second
)

// Definitions declare the counts, per user.
func Definitions() []features.Definition {
	window := features.Definition{Kind: "count", Scope: []string{"user"}, Window: Window, Slide: Slide}
	clicks, impressions := window, window
	clicks.Name, clicks.On = "clicks", features.On("click")
	impressions.Name, impressions.On = "impressions", features.On("exposure")
	return []features.Definition{clicks, impressions}
}

// Worker applies one part of the stream, in one goroutine, and reads its user's counts after every event.
type Worker struct {
	Total stream.Total // of the outputs so far

	store       *features.Store
	query       *features.Query
	clicks      int // columns
	impressions int
	names       *Names
	record      event.Event
	newest      []int64 // time of the newest event of each user, Unix milliseconds
	cuts        *cuts   // nil: no checkpoints
}

// NewWorker returns a worker that writes a checkpoint to the directory at every interval; no directory: none. From a directory with
// checkpoints it takes the last one: see Resume.
func NewWorker(names *Names, dir string, every time.Duration) (*Worker, error) {
	s, err := features.New(Definitions(), features.Options{NoRecall: true})
	if err != nil {
		return nil, err
	}
	w := &Worker{store: s, query: s.NewQuery(), names: names, newest: make([]int64, stream.Users)}
	var ok1, ok2 bool
	w.clicks, ok1 = s.Column("clicks")
	w.impressions, ok2 = s.Column("impressions")
	if !ok1 || !ok2 {
		return nil, errors.New("clickrate: the features are not there")
	}
	if dir != "" {
		if w.cuts, err = openCuts(s, dir, every); err != nil {
			return nil, fmt.Errorf("clickrate: %w", err)
		}
	}
	return w, nil
}

// Close writes the last checkpoint and closes the state.
func (w *Worker) Close() error {
	if w.cuts == nil {
		return nil
	}
	return w.cuts.close()
}

// Checkpoints is how many checkpoints are durable so far, with the bytes they took.
func (w *Worker) Checkpoints() (n int, bytes int64) {
	if w.cuts == nil {
		return 0, 0
	}
	return w.cuts.written, w.cuts.bytes
}

// Resume passes over the events that the checkpoint has which the worker began with, and returns their number.
func (w *Worker) Resume(p *Part) int {
	if w.cuts == nil {
		return 0
	}
	for _, e := range p.Events[:w.cuts.applied] {
		w.newest[e.User] = max(w.newest[e.User], e.TS)
	}
	return int(w.cuts.applied)
}

// Apply takes one event, number i of the stream, and puts out its user's counts.
func (w *Worker) Apply(i uint64, e *stream.Event) error {
	r := &w.record
	r.Type, r.User, r.Item = "exposure", w.names.users[e.User], w.names.items[e.Item]
	if e.Click {
		r.Type = "click"
	}
	r.Time = instant(e.TS)
	ref := w.store.EnsureItem(r.Item)
	w.query.Begin(r.User, nil, r.Time)
	w.store.Apply(w.query, r, ref)

	w.newest[e.User] = max(w.newest[e.User], e.TS)
	w.query.Begin(r.User, nil, instant(w.newest[e.User]))
	w.Total.Add(e.User, i, uint64(w.query.Number(w.clicks)), uint64(w.query.Number(w.impressions)))
	if w.cuts != nil {
		return w.cuts.beside()
	}
	return nil
}

func instant(ms int64) event.Time { return event.Time(ms) * event.Time(time.Millisecond) }

// Lap applies the whole part; in lap n all times are n times its span greater.
func (w *Worker) Lap(p *Part, lap int64, stop func() bool) (applied uint64, err error) {
	shift := lap * p.span()
	for i := range p.Events {
		if i%stride == 0 && stop() {
			return uint64(i), nil
		}
		e := p.Events[i]
		e.TS += shift
		if err := w.Apply(uint64(p.Numbers[i]), &e); err != nil {
			return uint64(i), err
		}
	}
	return uint64(len(p.Events)), nil
}

// stride is how many events go by between two looks at the clock.
const stride = 64
