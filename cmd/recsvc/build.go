package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/dirty"
	"recsvc/internal/engine"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
	"recsvc/internal/rank"
	"recsvc/internal/validation"
)

// newFeatures compiles the declared features; a wrong one is reported at its place in the file. Users that memory has no
// room for are read from cold.
func newFeatures(c *config.Config, cold dirty.Reader) (*features.Store, error) {
	defs, origin, err := translate(c)
	if err != nil {
		return nil, err
	}
	opts := featureOptions(c)
	opts.Cold = cold
	s, err := features.New(defs, opts)
	var wrong *features.DefinitionError
	var unknown *features.UnknownFeatureError
	var amiss *features.PatternError
	switch {
	case errors.As(err, &amiss):
		return nil, patternError(c, amiss)
	case errors.As(err, &wrong):
		return nil, definitionError(c, origin, wrong)
	case errors.As(err, &unknown):
		return nil, c.Errorf(fmt.Sprintf("models[0].features[%d]", unknown.Index), "%v", err)
	case err != nil:
		return nil, err
	}
	return s, nil
}

func featureOptions(c *config.Config) features.Options {
	return features.Options{
		Emit: c.Models[0].Features, SubRows: c.Recall.SubRows, Weights: c.Recall.Weights,
		TrendingHalfLives: c.Recall.HalfLives, RecentEvents: c.Recall.Recent, SeenItems: c.Recall.Seen,
		CovisitWindow: c.Recall.History, Neighbours: c.Recall.Neighbours, NoRecall: !c.Recall.Enabled, Patterns: patterns(c),
	}
}

func feedbackOptions(c *config.Config) feedback.Options {
	o := feedback.Options{
		ExposureWait: c.Feedback.ExposureWait, LateMemory: c.Feedback.LateMemory, Positions: c.Feedback.Positions,
		ScenePositions: c.Feedback.ScenePositions, ShownClip: c.Feedback.ShownClip,
		ServedIsExposure: make(map[string]bool),
		MinVisible:       c.Feedback.MinVisible.Seconds(), MaxOutcomes: c.Feedback.MaxOutcomes,
		Stalls: feedback.StallOptions(c.Feedback.Stalls),
	}
	for _, scene := range c.Feedback.ServedIsExposure {
		o.ServedIsExposure[scene] = true
	}
	for _, m := range c.Models {
		for _, h := range m.Heads {
			o.Heads = append(o.Heads, joinedHead(m.Name, &h))
		}
	}
	return o
}

// joinedHead is a head of a model as the join knows it.
func joinedHead(model string, h *config.Head) feedback.HeadOptions {
	head := feedback.HeadOptions{
		Name: engine.FlatName(model, h.Name), Window: h.Window, Delay: feedback.Delay(h.Delay),
		Examination: feedback.Examination(h.Examination), Raw: calibrated(h.Calibration),
	}
	for _, p := range h.Positive {
		head.Positive = append(head.Positive, feedback.Label{Type: p.Type, Min: p.Min})
	}
	if h.Confirm.Type != "" {
		head.Confirm = &feedback.Label{Type: h.Confirm.Type, Min: h.Confirm.Min}
	}
	if h.WeightBy != "" {
		head.ValueCap = h.WeightCap
	}
	u := h.Sample.Unseen
	head.Unseen = feedback.UnseenOptions{N: u.PerExposure, ByPopularity: u.By == "popularity", Weight: u.Weight}
	head.Sampling = feedback.Sampling{Keep: h.Sample.Negatives, Odds: h.Sample.Odds, Pool: h.Sample.Pool, Slice: h.Sample.Slice}
	return head
}

// calibrated reports whether a kind of calibration is one.
func calibrated(kind string) bool { return kind != "none" }

// scenes translates the ranking policies, in the order of their names.
func scenes(c *config.Config) []rank.Scene {
	var out []rank.Scene
	for name, s := range c.Rank.Scenes {
		scene := rank.Scene{
			Name: name, MinPool: s.MinPool, Seeds: s.Seeds, Categories: s.Categories, Window: s.Window,
			ScanLimit: s.ScanLimit, Epsilon: s.Epsilon, Budget: s.Budget,
			Swap: rank.Swap{Share: s.Swap.Share, Positions: s.Swap.Positions},
			Seen: rank.SeenPolicy{Mode: rank.SeenMode(s.Seen.Policy), Times: s.Seen.Times, Within: s.Seen.Within, Acted: s.Seen.Acted},
		}
		for _, ch := range s.Channels {
			scene.Recall = append(scene.Recall, rank.Quota{Channel: ch.Name, N: ch.Quota})
		}
		out = append(out, scene)
	}
	slices.SortFunc(out, func(a, b rank.Scene) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// newSlicer numbers the values that progressive metrics are sliced by.
func newSlicer(c *config.Config) (*validation.Slicer, error) {
	return validation.NewSlicer(validation.SlicerOptions{Dimensions: c.Validation.Slices, Values: c.Validation.Values})
}

// newModels builds all models with their heads. Their metrics are sliced by slicer; nil: by nothing.
func newModels(c *config.Config, slicer *validation.Slicer) (models []*model.Model, err error) {
	for i := range c.Models {
		m, err := newModel(c, i, slicer)
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	return models, nil
}

// nameModels builds models that are never learned by or asked: an engine that makes features alone wants to know of their heads.
func nameModels(c *config.Config) ([]*model.Model, error) {
	small := *c
	small.Models = slices.Clone(c.Models)
	for i := range small.Models {
		small.Models[i].Bits = 10
	}
	return newModels(&small, nil)
}

func newModel(c *config.Config, at int, slicer *validation.Slicer) (*model.Model, error) {
	m, path := &c.Models[at], fmt.Sprintf("models[%d]", at)
	opts := model.Options{Name: m.Name, Bits: m.Bits}
	for i, h := range m.Heads {
		calibration, err := model.ParseCalibration(h.Calibration)
		if err != nil {
			return nil, c.Errorf(fmt.Sprintf("%s.heads[%d].calibration", path, i), "%v", err)
		}
		exam, err := model.ParseExamination(h.Examination)
		if err != nil {
			return nil, c.Errorf(fmt.Sprintf("%s.heads[%d].examination", path, i), "%v", err)
		}
		opts.Heads = append(opts.Heads, model.HeadOptions{
			Name: h.Name, Examination: exam, Calibration: calibration, Link: linkOf(&h), MinTheta: h.MinTheta, Learner: h.Learner, Hyper: hyperOf(&h), Upkeep: upkeep(&h),
			Validation: validation.Options{Wait: h.Window, Spans: c.Validation.Windows, Slicer: slicer},
		})
	}
	out, err := model.New(opts)
	if err != nil {
		return nil, c.Errorf(path, "%v", err)
	}
	return out, nil
}

// linkOf is what a head's predictions need beside what it has learned.
func linkOf(h *config.Head) model.Link {
	link := model.Link{FakeNegatives: h.Delay == string(feedback.FakeCalibrated)}
	if h.Sample.Odds {
		link.Shift = math.Log(h.Sample.Negatives)
	}
	return link
}

// hyperOf translates the parameters of a head's learner.
func hyperOf(h *config.Head) model.Hyper {
	return model.Hyper{
		Alpha: h.Alpha, Beta: h.Beta, L1: h.L1, L2: h.L2, Clip: h.Clip, Decay: h.Decay,
		Factors: h.Factors, Spread: h.Spread, Seed: h.Seed, Latent: model.Rates(h.Latent),
	}
}

// refreshes are, by model, how often it publishes what it has learned.
func refreshes(c *config.Config) (out []time.Duration) {
	for _, m := range c.Models {
		out = append(out, time.Duration(m.Refresh))
	}
	return out
}

// clockOptions translates the bounds of lateness; none at all is a negative one there.
func clockOptions(c *config.Config) ingest.ClockOptions {
	o := ingest.ClockOptions{Lateness: c.Lateness, Horizon: c.Horizon}
	if o.Lateness == 0 {
		o.Lateness = -1
	}
	return o
}

// checkWatched refuses a feature under health that is none, or no number.
func checkWatched(c *config.Config, store *features.Store) error {
	numbers := store.Numbers()
	for i, name := range c.Health.Drift.Features {
		if !slices.ContainsFunc(numbers, func(n features.Number) bool { return n.Name == name }) {
			return c.Errorf(fmt.Sprintf("health.drift.features[%d]", i), "%q is no numeric feature that a model sees: name one with a single number, such as a count or a rate", name)
		}
	}
	return nil
}

func healthOptions(c *config.Config) engine.HealthOptions {
	d := c.Health.Drift
	return engine.HealthOptions{
		Features: d.Features, Sample: d.Sample, Slice: d.Slice, Window: d.Window,
		Hurry: engine.Hurry{Factor: d.Faster.Factor, Outcomes: d.Faster.Outcomes},
	}
}
