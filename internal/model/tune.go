package model

import "fmt"

// Hyper returns the parameters that the head learns with.
func (h *Head) Hyper() Hyper { return h.hyper }

// AtRate returns the head's configured parameters with another learning rate; a factorization machine's latent vectors keep theirs in
// proportion. 0 is the configured rate.
func (h *Head) AtRate(alpha float64) Hyper {
	to := h.configured
	if alpha != 0 {
		to.Latent.Alpha *= alpha / to.Alpha
		to.Alpha = alpha
	}
	return to
}

// Retune lets a head learn with other parameters from now on; what makes its shape stays (Factors, Spread and Seed). No prediction
// changes at this moment: a weight stays what it is until its next step, and its accumulators become those at which it is what it
// is under the new rates. The rates are part of what the model stores. It goes through the whole table: tens of milliseconds for 2^22
// slots, whose pages all become dirty.
//
// A zero takes its default, as in Options. It belongs to the writer.
func (m *Model) Retune(head int, to Hyper) error {
	h := m.heads[head]
	to.Factors, to.Spread, to.Seed = h.hyper.Factors, h.hyper.Spread, h.hyper.Seed
	to = to.withDefaults()
	if err := to.check(); err != nil {
		return fmt.Errorf("%s: %w", m.label(head), err)
	}
	if to == h.hyper {
		return nil
	}
	m.set.Touch(h.clock.id)
	h.tune(to)
	if h.clock.blank() {
		m.set.Remove(h.clock.id)
	}
	h.rebaseAll(rebasing{n: sameN})
	return nil
}

func (h *Head) tune(to Hyper) {
	h.setHyper(to)
	h.learner.tune(to)
	c := &h.clock
	c.linear, c.latent = to.linear(), to.Latent
	c.tuned = c.linear != h.configured.linear() || c.latent != h.configured.Latent
}

// learnedAt lets a head go on at the rates that a stored clock tells: its weights were learned at them.
func (h *Head) learnedAt(c *clock) {
	if !c.tuned {
		return
	}
	to := h.hyper
	to.Alpha, to.Beta, to.L1, to.L2, to.Latent = c.linear.Alpha, c.linear.Beta, c.linear.L1, c.linear.L2, c.latent
	h.tune(to)
}

// sameRates reports whether weights stored with a clock were learned at the head's rates.
func (h *Head) sameRates(c *clock) bool {
	linear, latent := h.configured.linear(), h.configured.Latent
	if c.tuned {
		linear, latent = c.linear, c.latent
	}
	return linear == h.hyper.linear() && latent == h.hyper.Latent
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
