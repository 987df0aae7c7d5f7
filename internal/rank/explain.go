package rank

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// Explanation says why an item stands where it does. Its scores and contributions come from the very pass
// that ranked the list.
type Explanation struct {
	Channels map[string]float64         `json:"channels"` // each channel's own score of the item
	Heads    map[string]HeadExplanation `json:"heads"`
	Formula  string                     `json:"formula,omitempty"` // that makes the score of them
	Rules    []string                   `json:"rules"`             // what moved it beside its score
}

// HeadExplanation is one objective's part.
type HeadExplanation struct {
	P             float64        `json:"p"`    // predicted probability
	Bias          float64        `json:"bias"` // the part of the sum that no feature explains
	Contributions []Contribution `json:"contributions"`
}

// Contribution is one feature's part in a head's sum; product = value × weight.
type Contribution struct {
	Feature string  `json:"feature"`
	Value   float64 `json:"value"`
	Weight  float64 `json:"weight"`
	Product float64 `json:"product"`
}

// The rules that an explanation can name.
const (
	RuleExplored = "explore"     // the slot was drawn over the whole pool
	RuleDemoted  = "seen:demote" // already seen, so after everything that is not
	RuleUnscored = "unscored"    // not scored by the model, so ordered by recall
)

// reason is what went into one candidate's score.
type reason struct {
	values []float32 // shared slots, then own
	names  []string
	heads  []Head
}

// explainer scores as the model does and keeps why. It allocates freely: explanations are for people.
type explainer struct {
	p      *pass
	by     Explainer
	shared []string // names of the shared slots
}

// explainer returns nil when no explanation was asked for, or the model cannot give one. It is called before
// the query makes a vector.
func (p *pass) explainer() *explainer {
	by, ok := p.scorer.(Explainer)
	ok = ok && p.req.Explain
	if namer, can := p.query.(SlotNamer); can {
		namer.Trace(ok)
	}
	if !ok {
		return nil
	}
	p.why = make([]reason, 0, len(p.candidates))
	return &explainer{p: p, by: by}
}

// slotNames returns the names of the vector that was made last, as far as the query knows them.
func (p *pass) slotNames() []string {
	if namer, ok := p.query.(SlotNamer); ok {
		return namer.SlotNames()
	}
	return nil
}

// score scores part, whose reasons are the last ones noted.
func (e *explainer) score(part []candidate, shared Vector, rows []Vector) {
	reasons := e.p.why[len(e.p.why)-len(part):]
	for i := range part {
		score, heads := e.explain(i, shared, rows[i])
		e.p.accept(&part[i], score)
		reasons[i] = reason{
			values: appendValues(appendValues(nil, shared), rows[i]),
			names:  appendNames(appendNames(nil, e.shared, shared), reasons[i].names, rows[i]),
			heads:  heads,
		}
	}
}

func (e *explainer) explain(i int, shared, own Vector) (float32, []Head) {
	if e.p.priced != nil {
		return e.p.priced.ExplainItem(shared, own, e.p.attrs[i])
	}
	return e.by.Explain(shared, own)
}

func appendValues(dst []float32, v Vector) []float32 {
	for i := range v.Slots {
		dst = append(dst, valueOf(v, i))
	}
	return dst
}

// appendNames appends one name per slot; a slot that has none shows its number.
func appendNames(dst, names []string, v Vector) []string {
	for i, slot := range v.Slots {
		if i < len(names) {
			dst = append(dst, names[i])
		} else {
			dst = append(dst, "#"+strconv.FormatUint(uint64(slot), 10))
		}
	}
	return dst
}

// explanation builds the answer's form for one choice.
func (p *pass) explanation(ch choice) *Explanation {
	c := &p.candidates[ch.index]
	out := &Explanation{
		Channels: make(map[string]float64),
		Heads:    make(map[string]HeadExplanation),
		Rules:    []string{},
	}
	for k := similar; k < numChannels; k++ {
		if c.channels.has(k) {
			out.Channels[channelNames[k]] = float64(c.by[k])
		}
	}
	if by, ok := p.scorer.(Formulated); ok && len(p.why) > 0 {
		out.Formula = by.Formula()
	}
	if int(ch.index) < len(p.why) {
		why := &p.why[ch.index]
		for _, h := range why.heads {
			out.Heads[h.Name] = why.head(h)
		}
	}
	if ch.explored {
		out.Rules = append(out.Rules, RuleExplored)
	}
	if c.demoted {
		out.Rules = append(out.Rules, RuleDemoted)
	}
	if !c.scored {
		out.Rules = append(out.Rules, RuleUnscored)
	}
	return out
}

// head lists the contributions to h, the weightiest first.
func (r *reason) head(h Head) HeadExplanation {
	n := min(len(h.Weights), len(r.values))
	out := HeadExplanation{P: h.P, Bias: h.Bias, Contributions: make([]Contribution, 0, n)}
	for i := range n {
		value, weight := float64(r.values[i]), float64(h.Weights[i])
		if r.names[i] == BiasName {
			out.Bias += value * weight
			continue
		}
		out.Contributions = append(out.Contributions, Contribution{r.names[i], value, weight, value * weight})
	}
	slices.SortStableFunc(out.Contributions, func(a, b Contribution) int {
		return cmp.Compare(math.Abs(b.Product), math.Abs(a.Product))
	})
	return out
}
