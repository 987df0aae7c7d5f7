package feedback

import "recsvc/internal/event"

// Place is where an impression stands. It may be read until the call that it was given to returns.
type Place struct {
	Scene    uint64 // HashScene; 0: not known
	Position int32  // from 1; 0: none
	Mate     int32  // the other position of the pair whose items were exchanged with probability ½; 0: none
	Item     uint64 // hash of the item; never 0

	context pack
}

// AppendContext appends the context in which the item was shown to dst, in the form that event.DecodeAttributes and
// event.LookupAttribute read; nothing when there is none.
func (p *Place) AppendContext(dst []byte) []byte {
	if len(p.context) == 0 {
		return dst
	}
	return p.context.appendContext(dst)
}

// Judgement is what came of an impression whose label window is over.
type Judgement struct {
	P        float32 // as captured
	Positive bool
	Exposed  event.Time
}

// Examiner knows how likely a position is to be looked at, and learns it from what comes of impressions. It is called on the
// writer's goroutine, and must not call the Joiner.
type Examiner interface {
	// Theta returns the probability that the position of an impression is examined, as it comes to be shown; false: not known.
	Theta(p *Place) (float32, bool)
	// Judge tells what came of an impression, in the order in which the windows close, whatever came of it: so that who is told
	// of one with an outcome is told of those without at the same time. What is known from its outcome alone is left out: of its like without an
	// outcome nobody knows.
	Judge(p *Place, j Judgement)
}

// Weigher says what impressions weigh. It is called as an Examiner is.
type Weigher interface {
	// Raw returns what an impression of an item weighs that was captured, or exposed, with the given propensity (outside (0, 1]:
	// not known), before it is normalised.
	Raw(item string, propensity float64) float32
	// Shown counts an impression that comes to be shown, and returns its weight.
	Shown(raw float32) float32
}

// placeOf returns where an impression stands.
func (j *Joiner) placeOf(s *impression) *Place {
	p := &j.placed
	*p = Place{Position: s.position, Mate: int32(s.mate), Item: s.item, context: j.contextPack(s)}
	if s.list != 0 {
		p.Scene = j.lists.at(s.list).scene
	}
	return p
}

// judge tells the Examiner what came of an impression.
func (j *Joiner) judge(id uint32) {
	s, st := j.at(id), j.state(id, j.judged)
	if s.position <= 0 || s.flags&isImplied != 0 {
		return
	}
	j.examiner.Judge(j.placeOf(s), Judgement{P: st.p, Positive: st.flags&isPositive != 0, Exposed: s.base})
}

// weigh returns what an impression of an item weighs before it is normalised, and whether its propensity is known.
func (j *Joiner) weigh(item string, propensity float64) (w float32, known bool) {
	known = propensity > 0 && propensity <= 1
	switch {
	case j.weigher != nil:
		return j.weigher.Raw(item, propensity), known
	case !known || j.clip == 0:
		return 1, known
	}
	return float32(min(1/propensity, j.clip)), known
}
