package model

import "fmt"

// Hyper returns the parameters that the head learns with.
func (h *Head) Hyper() Hyper { return h.hyper }

// Retune lets a head learn with other parameters from now on; what makes its shape stays (Factors, Spread and Seed). No prediction
// changes at this moment: a weight stays what it is until its next step, and its accumulators become those at which it is what it
// is under the new rates. It goes through the whole table: tens of milliseconds for 2^22 slots, whose pages all become dirty.
//
// A zero takes its default, as in Options. It belongs to the writer.
func (m *Model) Retune(head int, to Hyper) error {
	h := m.heads[head]
	if err := m.Resume(head, to); err != nil {
		return err
	}
	h.rebaseAll(rebasing{n: sameN})
	return nil
}

// Resume is Retune for a model whose weights were learned with these parameters already, as those of a checkpoint after a Retune.
func (m *Model) Resume(head int, to Hyper) error {
	h := m.heads[head]
	to.Factors, to.Spread, to.Seed = h.hyper.Factors, h.hyper.Spread, h.hyper.Seed
	to = to.withDefaults()
	if err := to.check(); err != nil {
		return fmt.Errorf("%s: %w", m.label(head), err)
	}
	h.setHyper(to)
	h.learner.tune(to)
	return nil
}

// WarmStart makes a head learn on from its present weights as if each had come of gradients whose squares sum to n0: a small n0 lets
// them move soon, a great one hardly. No prediction changes at this moment. It belongs to the writer.
func (m *Model) WarmStart(head int, n0 float64) error {
	if err := checkNumber("n0", n0, false); err != nil {
		return fmt.Errorf("%s: %w", m.label(head), err)
	}
	m.heads[head].rebaseAll(rebasing{n: func(float32) float32 { return float32(n0) }, fresh: true})
	return nil
}

// Freeze lets learning rest, or go on: Learn then predicts, changes nothing, is false and counts. It belongs to the writer.
func (m *Model) Freeze(frozen bool) {
	for _, h := range m.heads {
		h.frozen = frozen
	}
}

// Advance tells what time it is, in Unix nanoseconds: what upkeep measures by time goes by it. It never goes back. It belongs to the writer.
func (m *Model) Advance(now int64) { m.now = max(m.now, now) }
