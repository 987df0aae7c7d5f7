package model

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"

	"recsvc/internal/dirty"
	"recsvc/internal/validation"
)

// Options describe a model.
type Options struct {
	Name  string // part of the keys under which the model is stored; 1 to 100 bytes without '/'
	Bits  int    // the table has 2^Bits slots, 10 to 28; 22. Memory per slot: 12 bytes for a head of "ftrl", 4 for one of "sgd", 12(1+Factors) for one of "fm"
	Heads []HeadOptions
}

// Model is a named set of heads over one hashed feature space.
//
// Learn, Load, Restore, Reset, Pages and the Sets belong to the writer. Predictions may be made beside it.
type Model struct {
	name  string
	table *table
	set   *tracker // entry head·pages + page
	heads []*Head
	keys  [][]byte // by head: the key of its pages, up to the number

	now     int64     // by Advance
	sums    int       // of partial sums of all heads
	scratch sync.Pool // of *[]float64, for Predict

	own   *view                // of the table
	view  atomic.Pointer[view] // what predictions are made with
	front *front               // the copy, while the model is held
}

// New returns a model that has learned nothing: every prediction of a linear head is ½.
func New(opts Options) (*Model, error) {
	if opts.Bits == 0 {
		opts.Bits = 22
	}
	if err := checkName(opts.Name); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	switch {
	case opts.Bits < pageBits || opts.Bits > 28:
		return nil, fmt.Errorf("model %s: bits %d is not within 10 and 28", opts.Name, opts.Bits)
	case len(opts.Heads) == 0:
		return nil, fmt.Errorf("model %s: no heads", opts.Name)
	case opts.Bits+bits.Len(uint(len(opts.Heads)-1)) > 31:
		return nil, fmt.Errorf("model %s: %d heads over 2^%d slots are too many", opts.Name, len(opts.Heads), opts.Bits)
	}
	m := &Model{name: opts.Name, table: newTable(opts.Bits)}
	m.set = &tracker{Set: dirty.NewSet((*weightPages)(m))}
	for _, o := range opts.Heads {
		if err := m.addHead(o); err != nil {
			return nil, fmt.Errorf("model %s: head %q: %w", opts.Name, o.Name, err)
		}
	}
	if words := max(m.table.width, 2*m.table.depth); opts.Bits+bits.Len(words-1) > 34 {
		return nil, fmt.Errorf("model %s: %d floats over 2^%d slots are too many", opts.Name, words, opts.Bits)
	}
	m.table.alloc()
	var learners []learner
	for i, h := range m.heads {
		learners = append(learners, h.learner)
		h.views, h.index = &m.view, i
		h.notes.set = pages{m.set, uint32(i * m.table.pages())}
		h.clock.id = m.clockID(i)
		h.calibration = m.calibrationID(i)
		m.sums += h.Sums()
		h.twin = i+1 < len(m.heads) && h.line != nil && m.heads[i+1].line != nil && (i == 0 || !m.heads[i-1].twin)
	}
	m.own = newView(m.table, learners)
	m.view.Store(m.own)
	m.front = newFront(m)
	m.scratch.New = func() any { s := make([]float64, m.sums); return &s }
	return m, nil
}

func (m *Model) addHead(o HeadOptions) error {
	if err := checkName(o.Name); err != nil {
		return err
	}
	if _, ok := m.Find(o.Name); ok {
		return errors.New("name is taken")
	}
	kind, err := learnerIndex(o.Learner)
	if err != nil {
		return err
	}
	o.Hyper = o.Hyper.withDefaults()
	if err := o.Hyper.check(); err != nil {
		return err
	}
	switch {
	case int(o.Examination) >= len(examinations):
		return fmt.Errorf("examination %d is unknown", o.Examination)
	case int(o.Calibration) >= len(calibrations):
		return fmt.Errorf("calibration %d is unknown", o.Calibration)
	case !finite(o.Link.Shift):
		return fmt.Errorf("shift %v of the logit is not a number", o.Link.Shift)
	case !(o.MinTheta >= 0 && o.MinTheta <= 1):
		return fmt.Errorf("min theta %v is not within 0 and 1", o.MinTheta)
	}
	if err := o.Upkeep.check(learners[kind].name); err != nil {
		return err
	}
	if err := o.Validation.Check(); err != nil {
		return err
	}
	label := m.name + "/" + o.Name
	m.heads = append(m.heads, newHead(o, kind, m, validation.New(label, o.Validation)))
	m.keys = append(m.keys, appendKey(nil, weightPrefix, label))
	return nil
}

// Name returns the model's name.
func (m *Model) Name() string { return m.name }

// Heads returns the heads in the order of the options. The slice must not be changed.
func (m *Model) Heads() []*Head { return m.heads }

// Head returns the i-th head.
func (m *Model) Head(i int) *Head { return m.heads[i] }

// Find returns the place of a head by its name.
func (m *Model) Find(name string) (int, bool) {
	for i, h := range m.heads {
		if h.name == name {
			return i, true
		}
	}
	return 0, false
}

// Sums returns how many numbers the partial sums of all heads have together.
func (m *Model) Sums() int { return m.sums }

// Partials adds v's contributions to the partial sums of all heads, which stand one behind the other: those of Heads()[0].Sums(),
// then those of the next. It looks up each slot once for two linear heads that are neighbours.
func (m *Model) Partials(sums []float64, v Vector) {
	view := m.view.Load()
	for i := 0; i < len(m.heads); i++ {
		h := m.heads[i]
		if h.twin {
			sums[0], sums[1] = view.table.dotPair(sums[0], sums[1], h.seat.firstWord, v)
			sums = sums[2:]
			i++
			continue
		}
		n := h.shape.sums
		view.learners[i].add(sums[:n:n], v)
		sums = sums[n:]
	}
}

// Predict sets dst[i] to the i-th head's probability for the vector of both parts; len(dst) is the number of heads.
func (m *Model) Predict(dst []float32, shared, own Vector) {
	scratch := m.scratch.Get().(*[]float64)
	sums := *scratch
	clear(sums)
	m.Partials(sums, shared)
	m.Partials(sums, own)
	m.Probabilities(dst, sums)
	m.scratch.Put(scratch)
}

// PredictLogits is Predict, and sets logits[i] to the i-th head's logit before its calibration.
func (m *Model) PredictLogits(dst, logits []float32, shared, own Vector) {
	scratch := m.scratch.Get().(*[]float64)
	sums := *scratch
	clear(sums)
	m.Partials(sums, shared)
	m.Partials(sums, own)
	for i, h := range m.heads {
		n := h.shape.sums
		s := h.Clamp(sums[:n:n])
		dst[i], logits[i] = h.Probability(s), float32(s)
		sums = sums[n:]
	}
	m.scratch.Put(scratch)
}

// Probabilities sets dst[i] to the i-th head's probability, of complete sums as Partials makes them.
func (m *Model) Probabilities(dst []float32, sums []float64) {
	for i, h := range m.heads {
		n := h.shape.sums
		dst[i] = h.Probability(h.Clamp(sums[:n:n]))
		sums = sums[n:]
	}
}

// Learn is Head(head).Learn(ex).
func (m *Model) Learn(head int, ex *Example) (p float64, ok bool) { return m.heads[head].Learn(ex) }

// Sets returns the dirty sets of all that the model stores: its weights, then each head's metrics. They tell the
// whole state of the model but for its Counters.
func (m *Model) Sets() []*dirty.Set {
	sets := []*dirty.Set{m.set.Set, m.front.set}
	for _, h := range m.heads {
		sets = append(sets, h.validation.Set())
	}
	return sets
}
