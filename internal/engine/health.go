package engine

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/dirty"
	"recsvc/internal/drift"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// HealthOptions say what is watched. They are part of what the state depends on. A zero field takes the default named beside it.
type HealthOptions struct {
	Features []string      // numeric features that are watched, at most MaxWatched; one that is not there counts as missing; nil: the first few
	Sample   int           // one capture in so many is given to the detectors of inputs; 16
	Slice    time.Duration // of event time, that PSI compares; 1h
	Hurry    Hurry         // what follows when the loss of a head has risen
	Window   int           // outcomes of the recent window of a head; 2000
}

// MaxWatched bounds the features that are watched, and the predictions beside them.
const MaxWatched = 8

// health watches what the heads predict and what comes of it, the vectors that they see, and the samples that they refuse. It is
// state: what it says follows from the log. The writer changes it, under mu; reports take mu to read.
type health struct {
	mu       sync.Mutex
	set      *dirty.Set
	log      *zap.Logger
	heads    []string // flat names
	monitors []*drift.Monitor
	inputs   *drift.Inputs
	watched  []watchedNumber
	columns  uint64 // hash of the names of the columns
	sample   uint64
	captures uint64 // so far
	refused  quarantine
	rollback Rollback
	hurry    Hurry
	alphas   []float64 // by flat head: the configured rate
	left     []uint64  // by flat head: outcomes for which it still hurries
	foreign  []int     // parts of the inputs that were loaded and belong to other columns

	point []float64 // scratch: features, then predictions
}

// watchedNumber is a numeric feature and where its value stands.
type watchedNumber struct {
	name string
	slot uint32
	own  bool
	gone bool // no such feature is emitted any more
}

func newHealth(o HealthOptions, heads []string, store *features.Store, log *zap.Logger) (*health, error) {
	if o.Sample == 0 {
		o.Sample = 16
	}
	if o.Sample < 1 {
		return nil, fmt.Errorf("engine: health samples one capture in %d, want 1 or more", o.Sample)
	}
	h := &health{heads: heads, sample: uint64(o.Sample), log: log, hurry: o.Hurry, left: make([]uint64, len(heads))}
	h.set = dirty.NewSet(h)
	for range heads {
		m, err := drift.NewMonitor(drift.MonitorOptions{Recent: o.Window})
		if err != nil {
			return nil, err
		}
		h.monitors = append(h.monitors, m)
	}
	if err := h.watch(o.Features, store); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(h.watched)+len(heads))
	for _, w := range h.watched {
		names = append(names, w.name)
	}
	names = append(names, heads[:min(len(heads), MaxWatched)]...)
	var err error
	h.inputs, err = drift.NewInputs(drift.InputsOptions{Columns: names, Slice: o.Slice})
	h.columns, h.point = hashOf(names), make([]float64, len(names))
	return h, err
}

// watch chooses the features.
func (h *health) watch(names []string, store *features.Store) error {
	if len(names) > MaxWatched {
		return fmt.Errorf("engine: %d features are watched, at most %d can be", len(names), MaxWatched)
	}
	numbers := store.Numbers()
	if names == nil {
		names = defaultWatched(numbers)
	}
	for _, name := range names {
		h.watched = append(h.watched, watchedNumber{name: name})
	}
	h.find(numbers)
	return nil
}

// find finds the slots of the watched features.
func (h *health) find(numbers []features.Number) {
	for i := range h.watched {
		w := &h.watched[i]
		at := slices.IndexFunc(numbers, func(n features.Number) bool { return n.Name == w.name })
		if w.gone = at < 0; !w.gone {
			w.slot, w.own = numbers[at].Slot, numbers[at].ByItem
		}
	}
}

// defaultWatched are the first features of the item, and those of the user and the context, half of each as far as there are.
func defaultWatched(numbers []features.Number) (names []string) {
	split := slices.IndexFunc(numbers, func(n features.Number) bool { return n.ByItem })
	if split < 0 {
		split = len(numbers)
	}
	shared, own := numbers[:split], numbers[split:]
	fromOwn := min(len(own), max(MaxWatched/2, MaxWatched-len(shared)))
	fromShared := min(len(shared), MaxWatched-fromOwn)
	for _, n := range slices.Concat(shared[:fromShared], own[:fromOwn]) {
		names = append(names, n.Name)
	}
	return names
}

// captured takes what was captured of an item, at an event time; one in so many is looked at.
func (h *health) captured(c *feedback.Captured, at event.Time) {
	h.set.Touch(rootID)
	h.mu.Lock()
	h.captures++
	h.mu.Unlock()
	if h.captures%h.sample != 0 {
		return
	}
	for i := range h.watched {
		w := &h.watched[i]
		v := &c.Shared
		if w.own {
			v = &c.Own
		}
		h.point[i] = math.NaN()
		for j, x := range v.Values {
			if v.Slots[j] == w.slot && !w.gone {
				h.point[i] = math.Asinh(float64(x)) // sizes of any order, both signs
				break
			}
		}
	}
	predictions := h.point[len(h.watched):]
	for i := range predictions {
		p := math.Min(math.Max(float64(c.P[i]), 1e-7), 1-1e-7)
		predictions[i] = math.Log(p) - math.Log1p(-p)
	}
	for part := range h.inputs.Len() {
		h.set.Touch(h.inputID(part))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inputs.Observe(h.point, int64(at))
}

// settled takes a prediction with what came of it, and says whether the head has become worse.
func (h *health) settled(s *feedback.Settled) (worse bool) {
	p := float64(s.P)
	if s.Theta != 0 {
		p *= float64(s.Theta)
	}
	if s.Exposed <= h.rollback.Until {
		return false // predicted by weights that are gone
	}
	h.set.Touch(h.monitorID(s.Head))
	h.mu.Lock()
	shift := h.monitors[s.Head].Observe(p, s.Positive, int64(s.Exposed))
	h.mu.Unlock()
	if shift != drift.Up {
		return false
	}
	h.log.Warn("the loss of a head has risen", zap.String("head", h.heads[s.Head]), zap.Time("at", s.Exposed.Time()))
	return true
}

// Rollback is the last time that the log has put other weights in place. The zero value: it never has.
type Rollback struct {
	Snapshot string
	Reason   string     // that the log gives; empty: an administrator's without one
	At       event.Time // when the record was received
	Until    event.Time // greatest event time before it: what was shown by then, the weights of before have predicted
	Count    uint64     // of all
}

// rolledBack begins to judge anew.
func (h *health) rolledBack(to Rollback) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set.Touch(rootID)
	to.Count = h.rollback.Count + 1
	h.rollback = to
	for i, m := range h.monitors {
		h.set.Touch(h.monitorID(i))
		m.Restart()
	}
}

// installed begins to judge anew the heads of a model that has got other weights: from the given flat one on.
func (h *health) installed(first, heads int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := first; i < first+heads; i++ {
		h.set.Touch(h.monitorID(i))
		h.monitors[i].Restart()
	}
}

// Health is what the engine knows of how its heads fare.
type Health struct {
	Heads      []HeadHealth
	Inputs     []drift.DetectorReport // by column, then all together
	Captures   uint64                 // of which one in Sample was looked at
	Sample     uint64
	Refused    map[string]uint64 // samples by the reason for which they were not learned
	Rollback   Rollback
	Quarantine []Quarantined // the latest of them, newest first
}

// HeadHealth is how one head fares.
type HeadHealth struct {
	Model, Head string
	drift.MonitorReport
}

// Health tells how the heads fare; of an engine with FeaturesOnly, nothing.
func (e *Engine) Health() (out Health) {
	h := e.health
	if h == nil {
		return out
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, m := range h.monitors {
		out.Heads = append(out.Heads, HeadHealth{Model: e.lineup.seats[i].model.Name(), Head: e.lineup.seats[i].name(), MonitorReport: m.Report()})
	}
	out.Inputs, out.Captures, out.Sample = h.inputs.Report(), h.captures, h.sample
	out.Rollback = h.rollback
	out.Refused, out.Quarantine = h.refused.report(h.heads)
	return out
}
