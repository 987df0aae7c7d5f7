package rank

import (
	"cmp"
	"math"
	"slices"
)

// chunk is the number of candidates whose vectors are built under one read lock.
const chunk = 32

// score gives every candidate its score, as far as the time allows.
func (p *pass) score() {
	p.scorer = p.r.scorer
	if c, ok := p.scorer.(Chooser); ok {
		p.scorer = c.Choose()
	}
	if p.scorer != nil {
		p.model = p.scorer.Version()
	}
	switch {
	case len(p.candidates) == 0:
	case p.model == "":
		p.degrade(degradedModel)
		p.scoreByPopularity()
	default:
		p.scoreByModel()
	}
}

// scoreByModel builds the vectors chunk by chunk under the read lock and scores them outside it.
func (p *pass) scoreByModel() {
	if p.priced, _ = p.scorer.(ItemScorer); p.priced != nil && !p.priced.ReadsItems() {
		p.priced = nil
	}
	explainer := p.explainer()
	shared := p.shared()
	if explainer != nil {
		explainer.shared = p.slotNames()
	}
	for lo := 0; lo < len(p.candidates); lo += chunk {
		if !p.r.clock().Before(p.scoreBy) {
			p.degrade(degradedDeadline)
			p.scoreByRecall(p.candidates[lo:])
			return
		}
		part := p.candidates[lo:min(lo+chunk, len(p.candidates))]
		p.build(part)
		if explainer != nil {
			explainer.score(part, shared, p.rows[:len(part)])
			continue
		}
		if p.priced != nil {
			p.priced.ScoreItems(p.scores[:len(part)], shared, p.rows[:len(part)], p.attrs[:len(part)])
		} else {
			p.scorer.Score(p.scores[:len(part)], shared, p.rows[:len(part)])
		}
		for i := range part {
			p.accept(&part[i], p.scores[i])
		}
	}
}

// shared is the part of the vectors that depends on the user, the context and the list as a whole.
func (p *pass) shared() Vector {
	p.refs = p.refs[:0]
	for i := range p.candidates {
		p.refs = append(p.refs, p.candidates[i].ref)
	}
	p.query.List(p.refs)
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	return p.query.Shared()
}

// build sets the rows to the vectors of part.
func (p *pass) build(part []candidate) {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	for i := range part {
		p.query.Item(&p.rows[i], part[i].ref)
		if p.priced != nil {
			p.attrs[i] = p.r.store.Item(part[i].ref).Attrs
		}
		if p.why != nil {
			p.why = append(p.why, reason{names: p.slotNames()})
		}
	}
}

// accept takes a candidate's score by the model; one that is not finite leaves the candidate to its recall.
func (p *pass) accept(c *candidate, score float32) {
	if s := float64(score); math.IsNaN(s) || math.IsInf(s, 0) {
		c.score = c.recall
		p.degrade(degradedScore)
		return
	}
	c.score, c.scored = score, true
}

// scoreByRecall stands in where there was no time.
func (p *pass) scoreByRecall(rest []candidate) {
	for i := range rest {
		rest[i].score = rest[i].recall
	}
}

// scoreByPopularity stands in for a model: the share of the most popular item's activity.
func (p *pass) scoreByPopularity() {
	top := float32(0)
	for i := range p.candidates {
		top = max(top, p.candidates[i].by[trending])
	}
	for i := range p.candidates {
		c := &p.candidates[i]
		if c.scored = true; top > 0 {
			c.score = max(0, c.by[trending]) / top
		}
	}
}

// entry is what a candidate is ordered by.
type entry struct {
	tier          uint8
	score, recall float32
	index         int32
}

// sorted returns the candidates' indices best first: what is fresh before what was demoted, what was scored
// before what was not, then by score; the strength of recall breaks ties, such as those of an empty model,
// and then the order in which they were found.
func (p *pass) sorted() []int32 {
	p.order, p.indices = p.order[:0], p.indices[:0]
	for i := range p.candidates {
		c := &p.candidates[i]
		e := entry{score: c.score, recall: c.recall, index: int32(i)}
		if !c.scored {
			e.tier++
		}
		if c.demoted {
			e.tier += 2
		}
		p.order = append(p.order, e)
	}
	slices.SortFunc(p.order, byTier)
	for _, e := range p.order {
		p.indices = append(p.indices, e.index)
	}
	return p.indices
}

func byTier(a, b entry) int {
	switch {
	case a.tier != b.tier:
		return cmp.Compare(a.tier, b.tier)
	case a.score != b.score:
		return cmp.Compare(b.score, a.score)
	case a.recall != b.recall:
		return cmp.Compare(b.recall, a.recall)
	}
	return cmp.Compare(a.index, b.index)
}
