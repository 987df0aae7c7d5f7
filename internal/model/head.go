package model

import (
	"math"
	"sync/atomic"

	"recsvc/internal/dirty"
	"recsvc/internal/validation"
)

// HeadOptions describe one head of a model.
type HeadOptions struct {
	Name        string // unique in its model; part of the keys under which the head is stored
	Hyper       Hyper
	Examination Examination
	MinTheta    float64 // floor under θ in Soft labels, in [0, 1]; 0: none
	Validation  validation.Options
}

// Head is one objective: a logistic regression over the slots that it shares with the other heads of its model.
//
// Learn belongs to the writer. The other methods may be called beside it by anyone.
type Head struct {
	name        string
	index       uint
	table       *table
	set         *dirty.Set
	rates       rates[float32]
	clip        float64 // +Inf: none
	examination Examination
	minTheta    float64
	validation  *validation.Head
	counters    counters

	// One entry per feature of the example that is being learned.
	rows  []uint32
	ws    []float32
	xs    []float32
	touch []float32
}

func newHead(o HeadOptions, index uint, t *table, set *dirty.Set, v *validation.Head) *Head {
	h := &Head{
		name: o.Name, index: index, table: t, set: set, validation: v,
		rates: ratesOf[float32](o.Hyper), clip: o.Hyper.Clip, examination: o.Examination, minTheta: o.MinTheta,
	}
	if h.clip == 0 {
		h.clip = math.Inf(1)
	}
	return h
}

// maxStep bounds |g·x|, so that neither z nor n can overflow a float32.
const maxStep = 1e9

// counters are written by the writer and read by anyone.
type counters struct {
	learned, corrected, clipped, refused, broken atomic.Int64
}

// Counters say what a head has done since the process started.
type Counters struct {
	Learned   int64 // examples learned, corrections included
	Corrected int64 // of these, corrections
	Clipped   int64 // of these, with a clipped gradient
	Refused   int64 // examples that changed nothing: a value, label, weight or θ not finite or out of range
	Broken    int64 // predictions from vectors with values that are not finite
}

// Name returns the head's name.
func (h *Head) Name() string { return h.name }

// Examination returns how the head treats positions.
func (h *Head) Examination() Examination { return h.examination }

// Validation returns the head's progressive metrics.
func (h *Head) Validation() *validation.Head { return h.validation }

// Counters returns what the head has done so far.
func (h *Head) Counters() Counters {
	c := &h.counters
	return Counters{
		Learned: c.learned.Load(), Corrected: c.corrected.Load(), Clipped: c.clipped.Load(),
		Refused: c.refused.Load(), Broken: c.broken.Load(),
	}
}

// Weights returns how many weights are not zero, of how many. It reads the whole table: milliseconds, not for
// every request.
func (h *Head) Weights() (nonZero, slots int) {
	for i := h.index; i < uint(len(h.table.w)); i += h.table.heads {
		if math.Float32frombits(h.table.w[i].Load()) != 0 {
			nonZero++
		}
	}
	return nonZero, 1 << h.table.bits
}

// Partial returns s plus v's contributions. A list that shares a part among its candidates sums that once; adding
// the candidate's own part then gives Logit's sum to the bit.
func (h *Head) Partial(s float64, v Vector) float64 { return h.table.dot(s, h.index, v) }

// Logit returns w·x over both parts, clamped to ±35; −35 and a count when it is not a number.
func (h *Head) Logit(shared, own Vector) float64 {
	return h.Clamp(h.Partial(h.Partial(0, shared), own))
}

// Clamp turns a sum of partials into a logit.
func (h *Head) Clamp(s float64) float64 {
	if !finite(s) {
		h.counters.broken.Add(1)
		return -maxLogit
	}
	return clampLogit(s)
}

// Learn takes one step and returns the prediction σ(w·x) from before it. It is false, and nothing is changed, when
// the example is refused: see [Counters].
func (h *Head) Learn(ex *Example) (p float64, ok bool) {
	s, greatest := h.read(ex.Shared, ex.Own)
	if !finite(s) || !ex.valid() {
		h.counters.refused.Add(1)
		return 0, false
	}
	p, g := h.examination.gradient(clampLogit(s), ex, h.minTheta)
	clipped := math.Abs(g) > h.clip
	if clipped {
		g = math.Copysign(h.clip, g)
	}
	if !(math.Abs(g)*greatest <= maxStep) {
		h.counters.refused.Add(1)
		return p, false
	}
	h.counters.learned.Add(1)
	if clipped {
		h.counters.clipped.Add(1)
	}
	if ex.Correction {
		h.counters.corrected.Add(1)
	}
	if g != 0 {
		h.update(float32(g))
	}
	return p, true
}

func (ex *Example) valid() bool {
	return finite(float64(ex.Y)) && finite(float64(ex.Weight)) && ex.Weight >= 0 && ex.Theta >= 0 && ex.Theta <= 1
}

// read fills the scratch with all weights of an example before any of them is updated (a slot may occur twice) and
// returns w·x and the greatest |x|. Accumulators are loaded although nothing is done with them here: the misses of
// a whole example overlap, whereas behind the divisions of update they would queue.
func (h *Head) read(shared, own Vector) (s, greatest float64) {
	total := len(shared.Slots) + len(own.Slots)
	if cap(h.rows) < total {
		h.rows, h.touch = make([]uint32, total), make([]float32, total)
		h.ws, h.xs = make([]float32, total), make([]float32, total)
	}
	h.rows, h.touch, h.ws, h.xs = h.rows[:total], h.touch[:total], h.ws[:total], h.xs[:total]
	s, top := h.readPart(0, 0, 0, shared)
	s, top = h.readPart(len(shared.Slots), s, top, own)
	return s, float64(max(1, math.Float32frombits(top)))
}

// readPart writes to the scratch from place k on. top is the bits of a greatest |x|: of non-negative floats they
// are in the order of the floats.
func (h *Head) readPart(k int, s float64, top uint32, v Vector) (float64, uint32) {
	published, acc, mask, heads, head := h.table.w, h.table.acc, h.table.mask, h.table.heads, h.index
	valued, values, ones := v.split()
	rows, ws, xs, touch := h.rows[k:], h.ws[k:], h.xs[k:], h.touch[k:]
	for i, slot := range valued {
		row := slot & mask
		at := uint(row)*heads + head
		w, x := math.Float32frombits(published[at].Load()), values[i]
		rows[i], ws[i], xs[i], touch[i] = row, w, x, acc[at].n
		s += float64(w) * float64(x)
		top = max(top, math.Float32bits(x)&^(1<<31))
	}
	n := len(valued)
	rows, ws, xs, touch = rows[n:], ws[n:], xs[n:], touch[n:]
	for i, slot := range ones {
		row := slot & mask
		at := uint(row)*heads + head
		w := math.Float32frombits(published[at].Load())
		rows[i], ws[i], xs[i], touch[i] = row, w, 1, acc[at].n
		s += float64(w)
	}
	return s, top
}

// update takes the gradient of the logit to every coordinate in the scratch, in order.
func (h *Head) update(g float32) {
	published, acc, heads, head, r := h.table.w, h.table.acc, h.table.heads, h.index, &h.rates
	first := uint32(head) << (h.table.bits - pageBits)
	ws, xs := h.ws[:len(h.rows)], h.xs[:len(h.rows)]
	for i, row := range h.rows {
		gi := float32(g * xs[i])
		if gi == 0 {
			continue // leaves the coordinate as it is, and a blank page blank
		}
		h.set.Touch(first + row>>pageBits)
		at := uint(row)*heads + head
		c := &acc[at]
		root := c.absorb(gi, ws[i], r)
		published[at].Store(math.Float32bits(weight(c.z, root, r)))
	}
}

// Contribution is what one place of a vector adds to a logit.
type Contribution struct {
	Slot    uint32 // as in the vector, not masked
	Value   float32
	Weight  float32
	Product float64
}

// Explain appends the contributions of shared, then own, in the order of their slots, to dst. At weights that do not
// move meanwhile, they sum to the logit before clamping.
func (h *Head) Explain(dst []Contribution, shared, own Vector) []Contribution {
	for _, v := range [...]Vector{shared, own} {
		for i, slot := range v.Slots {
			x := float32(1)
			if i < len(v.Values) {
				x = v.Values[i]
			}
			w := h.table.weight(slot, h.index)
			dst = append(dst, Contribution{Slot: slot, Value: x, Weight: w, Product: float64(w) * float64(x)})
		}
	}
	return dst
}
