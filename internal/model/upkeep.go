package model

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Upkeep is what a head does to its slots beside learning. All of it is off by default, and costs nothing then.
type Upkeep struct {
	// Sights admits a slot with its n-th sighting, 2 to 15: up to then it is counted and does not learn. Every feature in an example whose
	// gradient is not 0 is a sighting, corrections are none. Features that share a slot are counted together. 0 and 1: at once.
	Sights int
	// Share admits a slot that has not learned with this probability at each sighting, in (0, 1), by a hash of the slot and of
	// how much the head has learned. 0: at once. Not together with Sights.
	Share float64

	// Evict makes slots blank again that have not been seen for at least this long, and at most a quarter longer as long as
	// examples come.
	Evict Span

	// Forget lets each n fall towards ForgetTo with this half-life: rates rise again, and predictions stay as they are. n falls in
	// sixteenths of the half-life. Of no use to "sgd", whose rate does not depend on it.
	Forget   Span
	ForgetTo float64 // not below 0

	// Scale divides each value by the greatest of its slot so far (of absolute values), as far as learning goes: rates do not depend on the
	// unit of a number. Weights are published for values as they are, and when a greatest value grows no prediction changes.
	Scale bool
}

// Span is a number of examples that the head learns, or a time by [Model.Advance]. At most one is not 0.
type Span struct {
	Examples int64
	Time     time.Duration
}

func (s Span) on() bool { return s != Span{} }

func (s Span) check(name string) error {
	switch {
	case s.Examples < 0 || s.Time < 0:
		return fmt.Errorf("%s must not be negative", name)
	case s.Examples > 0 && s.Time > 0:
		return fmt.Errorf("%s is either a number of examples or a time", name)
	case s.on() && s.length() < 1000:
		return fmt.Errorf("%s must be at least 1000 examples, or a microsecond", name)
	}
	return nil
}

func (s Span) length() float64 { return float64(max(s.Examples, int64(s.Time))) }

const maxSights = 15

func (u Upkeep) check(learner string) error {
	switch {
	case u.Sights < 0 || u.Sights > maxSights:
		return fmt.Errorf("sights %d is not within 0 and %d", u.Sights, maxSights)
	case !(u.Share >= 0 && u.Share < 1):
		return fmt.Errorf("share %v is not within 0 and 1", u.Share)
	case u.Share > 0 && u.Sights > 1:
		return errors.New("a slot is admitted by sights or by share, not by both")
	case u.Forget.on() && learner == learners[sgdKind].name:
		return errors.New(`"sgd" has nothing to forget: its rate is the same for all coordinates`)
	}
	return errors.Join(u.Evict.check("evict"), u.Forget.check("forget"), checkNumber("forget_to", u.ForgetTo, false))
}

// extra says whether a slot needs a coordinate beside the learner's: z holds the slot's life, n the greatest absolute value.
func (u Upkeep) extra() bool { return u.counts() || u.Scale }

func (u Upkeep) counts() bool { return u.Sights > 1 || u.Share > 0 || u.Evict.on() }

// A life is epoch<<lifeBits | sightings, as a float32 that is an exact integer: sightings go up to where the slot is admitted, and the
// epoch is that of the last one.
const (
	lifeBits  = 4
	epochBits = 20
	epochs    = 8  // of an eviction's span
	fadings   = 16 // of a half-life
)

// soundLife says whether a stored life can be one.
func soundLife(z float32) bool {
	return z >= 0 && z < 1<<(lifeBits+epochBits) && z == float32(math.Trunc(float64(z))) && math.Float32bits(z) != 1<<31
}

// sweep visits the pages of a head in turns, all of them once in a cycle.
type sweep struct {
	span   Span
	cycle  float64
	visits uint64 // of pages, in all
}

func newSweep(s Span, parts float64) sweep { return sweep{span: s, cycle: s.length() / parts} }

// at is how far the sweep's span has gone.
func (s *sweep) at(c *clock) float64 {
	if s.span.Time > 0 {
		return float64(c.now - c.origin)
	}
	return float64(c.steps)
}

// visitsPerStep bounds what an example may cost: after a pause in event time a sweep catches up.
const visitsPerStep = 4

// run visits the pages that are due.
func (s *sweep) run(c *clock, pages int, visit func(page uint32)) {
	if s.cycle == 0 {
		return
	}
	due := uint64(max(0, s.at(c)/s.cycle) * float64(pages))
	for n := 0; n < visitsPerStep && s.visits < due; n++ {
		visit(uint32(s.visits % uint64(pages)))
		s.visits++
	}
}

// upkeep runs what is due before an example is learned, and takes those features from the notes that must not learn.
func (h *Head) upkeepStep(correction bool) {
	c, pages := &h.clock, 1<<(h.seat.bits-pageBits)
	c.forget.run(c, pages, h.fadePage)
	c.evict.run(c, pages, h.evictPage)
	if !h.upkeep.extra() {
		return
	}
	if h.upkeep.counts() {
		h.admit(correction)
	}
	if h.upkeep.Scale {
		h.rescale()
	}
}

// extra is the coordinate of a row that is not the learner's.
func (h *Head) extra(row uint32) *coordinate[float32] {
	return &h.seat.acc[uint(row)*h.seat.depth+h.seat.firstCoordinate+h.seat.coordinates-1]
}

// epoch is the present one of eviction.
func (h *Head) epoch() uint32 {
	if h.clock.evict.cycle == 0 {
		return 0
	}
	return uint32(uint64(max(0, h.clock.evict.at(&h.clock)/h.clock.evict.cycle)) & (1<<epochBits - 1))
}

// admit counts sightings, and gives the value 0 to features whose slots do not learn yet. A slot that occurs twice in an example is
// sighted once.
func (h *Head) admit(correction bool) {
	n, epoch := &h.notes, h.epoch()
	for i, row := range n.rows {
		n.touched[i] = h.extra(row).z
	}
	for i, row := range n.rows {
		if n.xs[i] == 0 {
			continue
		}
		old := uint32(n.touched[i])
		sights := h.sighted(old&(1<<lifeBits-1), row, correction)
		if !h.admitted(sights) {
			n.xs[i] = 0
		}
		if life := epoch<<lifeBits | sights; sights > 0 && life != old {
			n.set.Touch(n.set.first + row>>pageBits)
			h.extra(row).z = float32(life)
		}
	}
}

// sighted returns the sightings of a slot with one more.
func (h *Head) sighted(sights, row uint32, correction bool) uint32 {
	switch {
	case h.admitted(sights) || correction:
		return sights
	case h.upkeep.Share > 0:
		if float64(mix(mix(h.clock.steps)+uint64(row))>>11)*0x1p-53 >= h.upkeep.Share {
			return 0
		}
		return 1
	}
	return sights + 1
}

func (h *Head) admitted(sights uint32) bool { return sights >= uint32(max(1, h.upkeep.Sights)) }

// leastScale keeps published weights in bounds: they are divided by the scale.
const leastScale = 0x1p-20

// rescale divides the values in the notes by the greatest of their slots, and multiplies the weights by it. Where a value is the
// greatest, the slot's accumulators follow.
func (h *Head) rescale() {
	n := &h.notes
	for i, row := range n.rows {
		if x := max(n.xs[i], -n.xs[i]); x > h.extra(row).n {
			h.grow(row, max(x, leastScale))
		}
	}
	n.scales = n.scales[:0]
	for i, row := range n.rows {
		scale := h.extra(row).n
		if scale == 0 {
			scale = 1 // the value is 0: the feature is passed over
		}
		n.xs[i] /= scale
		ws := n.ws[i*n.words:][:n.words]
		for j := range ws {
			ws[j] *= scale
		}
		n.scales = append(n.scales, scale)
	}
}

// grow raises the greatest value of a slot.
func (h *Head) grow(row uint32, scale float32) {
	h.notes.set.Touch(h.notes.set.first + row>>pageBits)
	h.extra(row).n = scale
	if h.seat.learned(row, h.shape.coordinates) {
		h.learner.rebase(row, rebasing{n: sameN, scale: scale})
	}
}

// fadePage lets the n of a page fall by a sixteenth of the half-life.
func (h *Head) fadePage(page uint32) {
	keep, floor := float32(math.Exp2(-1.0/fadings)), float32(h.upkeep.ForgetTo)
	h.rebasePage(page, rebasing{n: func(n float32) float32 {
		if n <= floor {
			return n
		}
		return floor + float32((n-floor)*keep)
	}})
}

// evictPage makes those rows of a page blank that were not seen for a whole span.
func (h *Head) evictPage(page uint32) {
	epoch, touched := h.epoch(), false
	blank := make([]float32, 0, 3*(1+maxFactors)+2)[:h.seat.cellWords()]
	for row := page << pageBits; row < (page+1)<<pageBits; row++ {
		life := uint32(h.extra(row).z)
		if life == 0 || (epoch-life>>lifeBits)&(1<<epochBits-1) <= epochs {
			continue
		}
		if !touched {
			h.notes.set.Touch(h.notes.set.first + page)
			touched = true
		}
		h.seat.setCell(row, blank)
		h.counters.evicted.Add(1)
	}
	if touched && h.blankPage(page) {
		h.notes.set.Remove(h.notes.set.first + page)
	}
}

// rebasePage gives new accumulators to all rows of a page that have learned. Predictions stay.
func (h *Head) rebasePage(page uint32, to rebasing) {
	touched := false
	for row := page << pageBits; row < (page+1)<<pageBits; row++ {
		if !h.seat.learned(row, h.shape.coordinates) {
			continue
		}
		if !touched {
			h.notes.set.Touch(h.notes.set.first + page)
			touched = true
		}
		to.scale = 1
		if h.upkeep.Scale && h.extra(row).n > 0 {
			to.scale = h.extra(row).n
		}
		h.learner.rebase(row, to)
	}
}

func (h *Head) rebaseAll(to rebasing) {
	for page := range uint32(1) << (h.seat.bits - pageBits) {
		h.rebasePage(page, to)
	}
}
