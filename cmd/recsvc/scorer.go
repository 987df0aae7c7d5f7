package main

import (
	"math"
	"strconv"
	"sync"

	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/model"
	"recsvc/internal/rank"
	"recsvc/internal/score"
)

// scorers order candidates by the champion of the moment: a list is scored by one model, whatever is promoted meanwhile.
type scorers struct {
	engine *engine.Engine
	all    []*scorer // by model
	follow *follower // nil: by the models that learn here
}

func newScorers(a *app) *scorers {
	s := &scorers{engine: a.engine, follow: a.follow}
	for i, f := range mustScores(a.config) {
		s.all = append(s.all, newScorer(a.models[i], f, a.engine))
	}
	return s
}

// Choose implements rank.Chooser.
func (s *scorers) Choose() rank.Scorer {
	if s.follow != nil {
		return s.follow.choose()
	}
	_, i := s.engine.Champion()
	return s.all[i]
}

// Version implements rank.Scorer.
func (s *scorers) Version() string {
	if by := s.Choose(); by != nil {
		return by.Version()
	}
	return ""
}

// Score implements rank.Scorer.
func (s *scorers) Score(dst []float32, shared rank.Vector, rows []rank.Vector) {
	if by := s.Choose(); by != nil {
		by.Score(dst, shared, rows)
	}
}

// scorer orders candidates by the score of a model, beside the learner.
type scorer struct {
	model  *model.Model
	score  *score.Formula
	engine *engine.Engine

	version string // of weights that do not change; "": they are those of the engine

	free sync.Pool // of *scoring
}

// scoring is the memory of one call.
type scoring struct {
	base, sums []float64 // partial sums of the heads, of the shared part and of a candidate
	p          []float32 // by head
}

func newScorer(m *model.Model, f *score.Formula, e *engine.Engine) *scorer {
	s := &scorer{model: m, score: f, engine: e}
	s.free.New = func() any {
		n := s.width()
		return &scoring{base: make([]float64, n), sums: make([]float64, n), p: make([]float32, len(m.Heads()))}
	}
	return s
}

// width is how many numbers the sums that a score needs have.
func (s *scorer) width() int {
	if head, plain := s.score.Head(); plain {
		return s.model.Head(head).Sums()
	}
	return s.model.Sums()
}

// Version names the model by the place in the log that it has learned from.
func (s *scorer) Version() string {
	if s.version != "" {
		return s.version
	}
	return modelAt(s.model, s.engine.Applied())
}

// modelAt names a model by the place in the log up to which it has learned: the offset, where there is one partition.
func modelAt(m *model.Model, c event.Cursor) string {
	if len(c) == 1 && c[0].Partition == 0 {
		return m.Name() + "@" + strconv.FormatInt(c[0].Offset, 10)
	}
	return m.Name() + "@" + c.String()
}

// Score implements rank.Scorer. It adds in the order of the engine's own predictions, to the bit.
func (s *scorer) Score(dst []float32, shared rank.Vector, rows []rank.Vector) {
	s.ScoreItems(dst, shared, rows, nil)
}

// ReadsItems implements rank.ItemScorer.
func (s *scorer) ReadsItems() bool { return s.score.ReadsItem() }

// ScoreItems implements rank.ItemScorer.
func (s *scorer) ScoreItems(dst []float32, shared rank.Vector, rows []rank.Vector, items []event.Attributes) {
	c := s.free.Get().(*scoring)
	defer s.free.Put(c)
	clear(c.base)
	if head, plain := s.score.Head(); plain {
		h := s.model.Head(head)
		h.Partial(c.base, model.Vector(shared))
		for i, own := range rows {
			copy(c.sums, c.base)
			h.Partial(c.sums, model.Vector(own))
			dst[i] = h.Probability(h.Clamp(c.sums))
		}
		return
	}
	s.model.Partials(c.base, model.Vector(shared))
	for i, own := range rows {
		copy(c.sums, c.base)
		s.model.Partials(c.sums, model.Vector(own))
		s.model.Probabilities(c.p, c.sums)
		var item event.Attributes
		if items != nil {
			item = items[i]
		}
		dst[i] = s.of(c.p, item)
	}
}

// of is the score of what all heads say; not a number where it has none.
func (s *scorer) of(p []float32, item event.Attributes) float32 {
	if x, ok := s.score.Of(p, item); ok {
		return x
	}
	return float32(math.NaN())
}

// Formula implements rank.Formulated.
func (s *scorer) Formula() string { return s.score.String() }

// Explain implements rank.Explainer.
func (s *scorer) Explain(shared, own rank.Vector) (score float32, heads []rank.Head) {
	return s.ExplainItem(shared, own, nil)
}

// ExplainItem implements rank.ItemScorer.
func (s *scorer) ExplainItem(shared, own rank.Vector, item event.Attributes) (score float32, heads []rank.Head) {
	var p []float32
	for _, h := range s.model.Heads() {
		p = append(p, h.Probability(h.Logit(model.Vector(shared), model.Vector(own))))
		out := rank.Head{Name: h.Name(), P: float64(p[len(p)-1])}
		for _, c := range h.Explain(nil, model.Vector(shared), model.Vector(own)) {
			out.Weights = append(out.Weights, c.Weight)
		}
		heads = append(heads, out)
	}
	return s.of(p, item), heads
}
