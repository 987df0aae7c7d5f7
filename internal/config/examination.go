package config

import (
	"slices"
	"strings"
	"time"
)

var examinationMethods = []string{"fixed", "swaps", "harvest", "em"}

// Examination says how it is estimated which positions are looked at.
type Examination struct {
	Head       string        `yaml:"head"`   // whose outcomes tell that an item was looked at: a head of the champion, or MODEL/HEAD; absent: nothing is estimated
	Method     string        `yaml:"method"` // what learning goes by: fixed (feedback.positions), swaps, harvest or em; fixed
	Layout     string        `yaml:"layout"` // a field of the context by which positions differ, such as context.device
	Query      string        `yaml:"query"`  // a field of the context on which relevance depends beside the item, such as context.query
	Randomised Randomised    `yaml:"randomised"`
	Positions  int           `yaml:"positions"`  // told apart: those below the last count as it; 20
	HalfLife   time.Duration `yaml:"half_life"`  // of what was seen; 168h
	Step       time.Duration `yaml:"step"`       // event time between two changes of what is in force; 10m
	MinWeight  float64       `yaml:"min_weight"` // effective outcomes that a position and the first one need to be in force; 300
	Floor      float64       `yaml:"floor"`      // least θ in force; 0.01
}

// Randomised tells lists ranked elsewhere whose order was drawn as a whole.
type Randomised struct {
	Field string `yaml:"field"` // of the context, such as context.randomised
	Is    string `yaml:"is"`    // its value then; true
}

// Popularity weighs items by how often they were shown.
type Popularity struct {
	Exponent float64 `yaml:"exponent"` // η in the weight (n/max n)^−η, 0 to 1; 0: off
	Clip     float64 `yaml:"clip"`     // the most that it weighs; 10
}

func defaultExamination() Examination {
	return Examination{
		Method: "fixed", Randomised: Randomised{Is: "true"}, Positions: 20, HalfLife: 7 * 24 * time.Hour, Step: 10 * time.Minute,
		MinWeight: 300, Floor: 0.01,
	}
}

// Flat is the head by its model's name and its own; empty: there is none.
func (e *Examination) Flat(c *Config) (model, head string) {
	model, head, both := strings.Cut(e.Head, "/")
	if both || e.Head == "" {
		return model, head
	}
	return c.Models[max(0, c.Champion())].Name, e.Head
}

// ContextKey is a field of the context without "context.".
func ContextKey(field string) string { return strings.TrimPrefix(field, "context.") }

func (k *checker) examination() {
	f := &k.c.Feedback
	e, path := &f.Examination, "feedback.examination"
	k.word(path+".method", e.Method, examinationMethods)
	k.that(e.Head != "" || e.Method == "fixed", path+".head", "method %s needs a head whose outcomes tell that an item was looked at, such as click", e.Method)
	if model, head := e.Flat(k.c); e.Head != "" {
		k.that(slices.ContainsFunc(k.c.Models, func(m Model) bool {
			return m.Name == model && slices.ContainsFunc(m.Heads, func(h Head) bool { return h.Name == head })
		}), path+".head", "no head %s in model %s: write the name of one of its heads, or MODEL/HEAD", quote(head), quote(model))
		k.blind(path+".method", model)
	}
	for _, field := range []struct{ key, value string }{{"layout", e.Layout}, {"query", e.Query}, {"randomised.field", e.Randomised.Field}} {
		_, ok := strings.CutPrefix(field.value, "context.")
		k.that(field.value == "" || ok && len(field.value) > len("context."), path+"."+field.key, "%s is no field of the context: write context.NAME", quote(field.value))
	}
	k.that(e.Randomised.Is != "", path+".randomised.is", "needs the value that tells a drawn list")
	k.within(path+".positions", e.Positions, 2, 100)
	k.that(e.HalfLife >= time.Minute, path+".half_life", "must be at least 1m")
	k.that(e.Step >= time.Second, path+".step", "must be at least 1s")
	k.that(e.MinWeight > 0 && e.MinWeight <= 1e12, path+".min_weight", "must be above 0")
	k.that(e.Floor > 0 && e.Floor <= 1, path+".floor", "must lie in (0, 1]")
	k.that(f.Popularity.Exponent >= 0 && f.Popularity.Exponent <= 1, "feedback.popularity.exponent", "must lie in [0, 1]; 0 is off")
	k.that(!f.NormaliseWeights || f.ShownClip > 0 || f.Popularity.Exponent > 0, "feedback.normalise_weights", "there are no weights: set feedback.shown_clip or feedback.popularity.exponent")
	k.that(f.Popularity.Clip >= 1 && f.Popularity.Clip <= 1e6, "feedback.popularity.clip", "must be at least 1")
}

// blind refuses em where the model sees the position: what it predicts is then not relevance.
func (k *checker) blind(path, model string) {
	for _, m := range k.c.Models {
		if m.Name != model || k.c.Feedback.Examination.Method != "em" {
			continue
		}
		for _, f := range k.c.Features {
			sees := f.Kind == "position" && (len(m.Features) == 0 || slices.Contains(m.Features, f.Name))
			k.that(!sees, path, "em takes what model %s predicts for relevance, but it is given the position by feature %s: leave that out of models[].features, or choose swaps",
				quote(m.Name), quote(f.Name))
		}
	}
}
