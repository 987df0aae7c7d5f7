package main

import (
	"strconv"
	"sync"

	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/model"
	"recsvc/internal/rank"
)

// scorers order candidates by the champion of the moment: a list is scored by one model, whatever is promoted meanwhile.
type scorers struct {
	engine *engine.Engine
	all    []*scorer // by model
	follow *follower // nil: by the models that learn here
}

func newScorers(a *app) *scorers {
	s := &scorers{engine: a.engine, follow: a.follow}
	for i, head := range scoreHeads(a.config) {
		s.all = append(s.all, newScorer(a.models[i], head, a.engine))
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

// scorer orders candidates by one head of a model, beside the learner.
type scorer struct {
	model  *model.Model
	head   *model.Head
	engine *engine.Engine

	version string // of weights that do not change; "": they are those of the engine

	scratch sync.Pool // of *[]float64, for Score: the sums of the shared part and of a candidate
}

func newScorer(m *model.Model, head int, e *engine.Engine) *scorer {
	s := &scorer{model: m, head: m.Head(head), engine: e}
	s.scratch.New = func() any { sums := make([]float64, 2*s.head.Sums()); return &sums }
	return s
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
	scratch := s.scratch.Get().(*[]float64)
	defer s.scratch.Put(scratch)
	n := s.head.Sums()
	base, sums := (*scratch)[:n:n], (*scratch)[n:]
	clear(base)
	s.head.Partial(base, model.Vector(shared))
	for i, own := range rows {
		copy(sums, base)
		s.head.Partial(sums, model.Vector(own))
		dst[i] = float32(model.Sigmoid(s.head.Clamp(sums)))
	}
}

// Explain implements rank.Explainer.
func (s *scorer) Explain(shared, own rank.Vector) (score float32, heads []rank.Head) {
	for _, h := range s.model.Heads() {
		logit := h.Logit(model.Vector(shared), model.Vector(own))
		out := rank.Head{Name: h.Name(), P: model.Sigmoid(logit)}
		for _, c := range h.Explain(nil, model.Vector(shared), model.Vector(own)) {
			out.Weights = append(out.Weights, c.Weight)
		}
		if h == s.head {
			score = float32(out.P)
		}
		heads = append(heads, out)
	}
	return score, heads
}
