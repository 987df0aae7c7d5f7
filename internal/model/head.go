package model

import (
	"math"
	"sync/atomic"

	"recsvc/internal/validation"
)

// HeadOptions describe one head of a model.
type HeadOptions struct {
	Name        string // unique in its model; part of the keys under which the head is stored
	Learner     string // one of Learners; the first
	Hyper       Hyper
	Examination Examination
	MinTheta    float64 // floor under θ in Soft labels, in [0, 1]; 0: none
	Calibration Calibration
	Link        Link // from what is learned to what is predicted
	Validation  validation.Options
	Upkeep      Upkeep
}

// Head is one objective: a learner over the slots that it shares with the other heads of its model.
//
// Learn belongs to the writer. The other methods may be called beside it by anyone.
type Head struct {
	name            string
	seat            seat
	shape           shape
	twin            bool // Partials walks once for this head and the next
	kind            int  // of the learner
	hyper           Hyper
	learner         learner
	views           *atomic.Pointer[view] // what predictions are made with
	index           int                   // in them
	line            *linear               // the learner's form, where it is this one
	clip            float64               // +Inf: none
	examination     Examination
	minTheta        float64
	link            Link
	calibrator      calibrator // nil: none
	calibration     uint32     // its id
	calibrationKind Calibration
	validation      *validation.Head
	counters        counters
	clock           clock
	configured      Hyper
	upkeep          Upkeep
	upkept          bool // whether there is anything to keep up
	frozen          bool
	now             *int64 // by Model.Advance

	notes notes     // of the example that is being learned
	sums  []float64 // its partial sums
}

func newHead(o HeadOptions, kind int, m *Model, v *validation.Head) *Head {
	h := &Head{
		name: o.Name, kind: kind, shape: learners[kind].shape(o.Hyper), validation: v, upkeep: o.Upkeep,
		examination: o.Examination, minTheta: o.MinTheta, link: o.Link, now: &m.now,
		calibrator: newCalibrator(o.Calibration), calibrationKind: o.Calibration,
	}
	h.configured = o.Hyper
	h.setHyper(o.Hyper)
	seated := h.shape
	if o.Upkeep.extra() {
		seated.coordinates++
	}
	h.seat = m.table.seat(seated)
	h.learner = learners[kind].make(o.Hyper, h.seat)
	h.line = straight(h.learner)
	h.notes.words, h.sums = h.shape.words, make([]float64, h.shape.sums)
	h.upkept = o.Upkeep.extra() || o.Upkeep.Forget.on()
	h.clock.evict, h.clock.forget = newSweep(o.Upkeep.Evict, epochs), newSweep(o.Upkeep.Forget, fadings)
	h.clock.kept = kind == sgdKind || o.Upkeep.Share > 0 || o.Upkeep.Evict.on() || o.Upkeep.Forget.on()
	return h
}

func (h *Head) setHyper(to Hyper) {
	h.hyper, h.clip = to, to.Clip
	if to.Clip == 0 {
		h.clip = math.Inf(1)
	}
}

// maxStep bounds |g·x|, so that neither z nor n can overflow a float32.
const maxStep = 1e9

// counters are written by the writer and read by anyone.
type counters struct {
	learned, corrected, clipped, refused, broken, frozen, evicted atomic.Int64
}

// Counters say what a head has done since the process started.
type Counters struct {
	Learned   int64 // examples learned, corrections included
	Corrected int64 // of these, corrections
	Clipped   int64 // of these, with a clipped gradient
	Refused   int64 // examples that changed nothing: a value, label, weight or θ not finite or out of range
	Broken    int64 // predictions from vectors with values that are not finite
	Frozen    int64 // examples that changed nothing, because learning rests
	Evicted   int64 // slots made blank because they were not seen for so long
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
		Frozen: c.frozen.Load(), Evicted: c.evicted.Load(),
	}
}

// Weights returns how many weights are not zero, of how many: a slot has one for each float that is published. It reads
// the whole table: milliseconds, not for every request.
func (h *Head) Weights() (nonZero, weights int) {
	rows := uint32(1) << h.seat.bits
	for row := range rows {
		words := h.seat.published(row)
		for i := range words {
			if words[i].Load()<<1 != 0 { // neither 0 nor −0
				nonZero++
			}
		}
	}
	return nonZero, int(rows) * h.shape.words
}

// Sums returns how many numbers a partial sum of the head has.
func (h *Head) Sums() int { return h.shape.sums }

// Partial adds v's contributions to partial sums, which begin at zero. A list that shares a part among its candidates
// sums that once; adding the candidate's own part to a copy then gives Logit's sums to the bit.
func (h *Head) Partial(sums []float64, v Vector) { h.views.Load().learners[h.index].add(sums, v) }

// Clamp turns complete sums into a logit, through the head's Link and clamped to ±35; −35 and a count when it is not a number.
func (h *Head) Clamp(sums []float64) float64 { return h.clampSum(h.learner.logit(sums)) }

func (h *Head) clampSum(s float64) float64 {
	if !finite(s) {
		h.counters.broken.Add(1)
		return -maxLogit
	}
	return h.link.apply(clampLogit(s))
}

// Probability is what the head says of a logit.
func (h *Head) Probability(logit float64) float32 {
	if h.calibrator != nil {
		logit = h.calibrator.logit(logit)
	}
	return float32(Sigmoid(logit))
}

// Logit returns the logit of the vector of both parts: what Clamp makes of their sums.
func (h *Head) Logit(shared, own Vector) float64 {
	if line := h.views.Load().lines[h.index]; line != nil {
		word := h.seat.firstWord
		return h.clampSum(line.dot(line.dot(0, word, shared), word, own))
	}
	sums := make([]float64, h.shape.sums)
	h.Partial(sums, shared)
	h.Partial(sums, own)
	return h.Clamp(sums)
}

// Learn takes one step and returns what the weights said before it, without the Link. It is false, and nothing is changed, when
// the example is refused or learning rests: see [Counters].
func (h *Head) Learn(ex *Example) (p float64, ok bool) {
	s := h.read(ex.Shared, ex.Own)
	if !finite(s) || !ex.valid() {
		h.counters.refused.Add(1)
		return 0, false
	}
	p, g := h.examination.gradient(clampLogit(s), ex, h.minTheta)
	if h.frozen {
		h.counters.frozen.Add(1)
		return p, false
	}
	clipped := math.Abs(g) > h.clip
	if clipped {
		g = math.Copysign(h.clip, g)
	}
	if !(math.Abs(g)*h.learner.reach(h.sums, greatest(ex)) <= maxStep) {
		h.counters.refused.Add(1)
		return p, false
	}
	h.count(ex, clipped)
	if g := float32(g); g != 0 {
		h.notes.steps = h.clock.tick(h.notes.set, *h.now)
		if h.upkept {
			h.upkeepStep(ex.Correction)
		}
		h.learner.step(&h.notes, h.sums, g)
		h.notes.set.changedRows(h.notes.rows)
	}
	return p, true
}

func (h *Head) count(ex *Example, clipped bool) {
	h.counters.learned.Add(1)
	if clipped {
		h.counters.clipped.Add(1)
	}
	if ex.Correction {
		h.counters.corrected.Add(1)
	}
}

// greatest returns the greatest |x| of an example, at least 1. It compares bits: of non-negative floats they are in the order of
// the floats, and NaN is above all.
func greatest(ex *Example) float64 {
	top := math.Float32bits(1)
	for _, v := range [...]Vector{ex.Shared, ex.Own} {
		_, values, _ := v.split()
		for _, x := range values {
			top = max(top, math.Float32bits(x)&^(1<<31))
		}
	}
	return float64(math.Float32frombits(top))
}

func (ex *Example) valid() bool {
	return finite(float64(ex.Y)) && finite(float64(ex.Weight)) && ex.Weight >= 0 && ex.Theta >= 0 && ex.Theta <= 1
}

// read notes all weights of an example before any of them is updated (a slot may occur twice) and returns the logit.
func (h *Head) read(shared, own Vector) float64 {
	h.notes.reset(len(shared.Slots) + len(own.Slots))
	clear(h.sums)
	h.learner.read(&h.notes, 0, h.sums, shared)
	h.learner.read(&h.notes, len(shared.Slots), h.sums, own)
	return h.learner.logit(h.sums)
}

// Contribution is what one place of a vector adds to a logit.
type Contribution struct {
	Slot    uint32 // as in the vector, not masked
	Value   float32
	Weight  float32 // by which the value counts; of a factorization machine half of what it has with each other feature is in it
	Product float64
}

// Explain appends the contributions of shared, then own, in the order of their slots, to dst. At weights that do not
// move meanwhile, they sum to the logit before its Link and clamping; exactly so where it is w·x, else by rounding.
func (h *Head) Explain(dst []Contribution, shared, own Vector) []Contribution {
	sums, learner := make([]float64, h.shape.sums), h.views.Load().learners[h.index]
	learner.add(sums, shared)
	learner.add(sums, own)
	for _, v := range [...]Vector{shared, own} {
		for i, slot := range v.Slots {
			x := float32(1)
			if i < len(v.Values) {
				x = v.Values[i]
			}
			w := learner.effect(sums, slot, x)
			dst = append(dst, Contribution{Slot: slot, Value: x, Weight: w, Product: float64(w) * float64(x)})
		}
	}
	return dst
}
