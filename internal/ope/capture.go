package ope

import (
	"slices"

	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// list makes what each policy makes of a served list.
func (c *Collector) list() {
	s, n := c.record.Served, len(c.opts.Policies)
	slots := len(c.drafts)
	c.made = sized(c.made, slots*n)
	c.propensities, c.scores = sized(c.propensities, slots), sized(c.scores, slots)
	c.predicted, c.by = sized(c.predicted, slots), sized(c.by, slots)
	c.scratch = sized(c.scratch, 2*slots)
	for i := range c.drafts {
		c.propensities[i], c.scores[i] = s.Items[i].Propensity, s.Items[i].Score
		c.predicted[i] = float64(c.drafts[i].p[c.opts.Reward])
	}
	epsilon, known := c.opts.Epsilon(s.Scene)
	if !known || c.slate.Read(c.propensities, c.scores, epsilon) != nil {
		c.refuse()
		return
	}
	for i := range c.drafts {
		c.drafts[i].outside = c.slate.slots[i].Outside
	}
	for i := range c.opts.Policies {
		c.follow(i, epsilon)
	}
}

// refuse marks all choices of a list that cannot be read.
func (c *Collector) refuse() {
	why := NotTheRule
	if slices.Contains(c.propensities, 0) {
		why = NoPropensity
	}
	for i := range c.made {
		c.made[i] = Choice{Skip: why}
	}
}

// follow goes down the list with one policy.
func (c *Collector) follow(i int, epsilon float64) {
	p, n := &c.opts.Policies[i], len(c.opts.Policies)
	if p.Kind == ByFrequency {
		for k := range c.drafts {
			c.made[k*n+i] = Choice{Skip: ListsNotInTable}
		}
		return
	}
	rule := p.rule()
	c.rankBy(p)
	product, whole := 1.0, p.Kind == Uniform || c.slate.Whole()
	for k := range c.drafts {
		slot := &c.slate.slots[k]
		got := rule.choose(slot, k, c.by, c.predicted, epsilon, c.scratch)
		w := got.shown / slot.Propensity
		product *= w
		made := Choice{Direct: got.direct, Outside: got.outside, Products: whole}
		made.Weights[Independent], made.Weights[Cascade] = w, product
		if slot.Certain {
			made.Missing = max(0, 1-got.shown)
		}
		c.made[k*n+i] = made
	}
	for k := range c.drafts {
		c.made[k*n+i].Weights[Whole] = product
	}
}

// rankBy sets by to what a policy ranks the items of a list by. What the server took to be the best of what remained it took so for
// more reasons than scores: seen items are put behind others.
func (c *Collector) rankBy(p *Policy) {
	for k := range c.drafts {
		switch {
		case p.Kind == ByModel:
			c.by[k] = p.Score(c.drafts[k].p)
		case p.Rule.Temperature > 0:
			c.by[k] = c.scores[k]
		case c.slate.slots[k].Top:
			c.by[k] = float64(len(c.drafts) - k)
		default:
			c.by[k] = -1
		}
	}
}

// alone makes what each policy makes of an exposure without a served list. Its weights hold πₑ until its propensity is known.
func (c *Collector) alone(q *features.Query, captured feedback.Captured) {
	c.made = sized(c.made, len(c.opts.Policies))
	var items []Candidate
	if c.opts.Candidates != nil {
		items = c.opts.Candidates.Items()
	}
	e := c.record.Event
	at := slices.IndexFunc(items, func(i Candidate) bool { return i.ID == e.Item })
	if at < 0 {
		for i := range c.made {
			c.made[i] = Choice{Skip: NoCandidates}
		}
		return
	}
	c.predictAll(q, items, captured)
	q.Item(&c.vector, items[at].Ref) // where it was
	for i := range c.made {
		c.made[i] = c.single(i, items, at, e.Position)
	}
}

// predictAll sets predicted, and by for each policy of a model, for all candidates.
func (c *Collector) predictAll(q *features.Query, items []Candidate, captured feedback.Captured) {
	n := len(items)
	c.predicted, c.by = sized(c.predicted, n), sized(c.by, n*len(c.opts.Policies))
	c.p = sized(c.p, len(captured.P))
	for j := range items {
		q.Item(&c.vector, items[j].Ref)
		c.opts.Candidates.Predict(c.p, captured.Shared, feedback.Vector(c.vector))
		c.predicted[j] = float64(c.p[c.opts.Reward])
		for i := range c.opts.Policies {
			if p := &c.opts.Policies[i]; p.Kind == ByModel {
				c.by[i*n+j] = p.Score(c.p)
			}
		}
	}
}

// single is what the i-th policy makes of a choice among items, of which the one at a place was shown.
func (c *Collector) single(i int, items []Candidate, at int, position int32) (made Choice) {
	p, n := &c.opts.Policies[i], len(items)
	pi := sized(c.scratch, n)
	c.scratch = pi
	switch rule := p.rule(); p.Kind {
	case Served: // there are no scores
		return Choice{Skip: NoCandidates}
	case ByFrequency:
		for j := range items {
			share, ok := p.Table.P(position, items[j].ID)
			if !ok {
				return Choice{Skip: NotInTable}
			}
			pi[j] = share
		}
	case Uniform:
		for j := range pi {
			pi[j] = 1 / float64(n)
		}
	case ByModel:
		if rule.exploit(pi, c.by[i*n:(i+1)*n]); rule.Epsilon > 0 {
			for j := range pi {
				pi[j] = float64((1-rule.Epsilon)*pi[j]) + rule.Epsilon/float64(n)
			}
		}
	}
	for j, share := range pi {
		made.Direct += float64(share * c.predicted[j])
	}
	made.Weights[Independent] = pi[at]
	return made
}

// sized returns a slice of a length, with the memory of another where that suffices.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
