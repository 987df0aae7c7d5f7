package main

import (
	"recsvc/internal/api"
	"recsvc/internal/config"
	"recsvc/internal/engine"
	"recsvc/internal/examination"
	"recsvc/internal/rank"
)

// newEstimates adds to the parts of an engine what is estimated of positions and weights, where that is configured.
func newEstimates(c *config.Config, parts *engine.Parts) (err error) {
	f := &c.Feedback
	if f.ShownClip > 0 || f.Popularity.Exponent > 0 {
		parts.Weights, err = examination.NewWeights(examination.WeightOptions{
			ShownClip: f.ShownClip, Popularity: f.Popularity.Exponent, PopularityClip: f.Popularity.Clip, Normalise: f.NormaliseWeights,
		})
		if err != nil {
			return c.Errorf("feedback.popularity", "%v", err)
		}
	}
	e := &f.Examination
	if e.Head == "" {
		return nil
	}
	method, err := examination.ParseMethod(e.Method)
	if err == nil {
		parts.Examination, err = examination.New(examination.Options{
			Method: method, Positions: e.Positions, HalfLife: e.HalfLife, Step: e.Step, MinWeight: e.MinWeight, Floor: e.Floor,
		})
	}
	if err != nil {
		return c.Errorf("feedback.examination", "%v", err)
	}
	return nil
}

// examinationOptions says where in records stands what the estimate of positions needs.
func examinationOptions(c *config.Config) engine.Examination {
	e := &c.Feedback.Examination
	o := engine.Examination{
		Layout: config.ContextKey(e.Layout), Query: config.ContextKey(e.Query), Drawn: config.ContextKey(e.Randomised.Field), Is: e.Randomised.Is,
	}
	o.Scenes = append(o.Scenes, rank.DefaultScene)
	for _, s := range scenes(c) {
		o.Scenes = append(o.Scenes, s.Name)
	}
	model, head := e.Flat(c)
	at := 0
	for _, m := range c.Models {
		for _, h := range m.Heads {
			if m.Name == model && h.Name == head {
				o.Head = at
			}
			at++
		}
	}
	return o
}

func weightStatus(e *engine.Engine) *api.WeightStatus {
	if e.Weights == nil {
		return nil
	}
	w := e.Weights.Report()
	return &api.WeightStatus{Impressions: int64(w.N), Mean: w.Mean, Effective: w.Effective}
}

func examinationStatus(e *engine.Engine) (out []api.ExaminationStatus) {
	for _, r := range e.Positions() {
		s := api.ExaminationStatus{Scene: r.Scene, Layout: r.Layout, Positions: []api.ExaminationPlaces{}}
		for k := range r.Force {
			p := api.ExaminationPlaces{
				Position: k + 1, Swaps: theta(&r.Of(examination.Swaps)[k]), Harvest: theta(&r.Of(examination.Harvest)[k]),
				EM: theta(&r.Of(examination.EM)[k]),
			}
			if r.Force[k] > 0 {
				inForce := float64(r.Force[k])
				p.InForce = &inForce
			}
			if p.Swaps != nil || p.Harvest != nil || p.EM != nil {
				s.Positions = append(s.Positions, p)
			}
		}
		out = append(out, s)
	}
	return out
}

// theta is an estimate as the API shows it; nil when it says nothing.
func theta(e *examination.Estimate) *api.Theta {
	if e.Effective == 0 {
		return nil
	}
	return &api.Theta{Theta: e.Theta, Low: e.Low, High: e.High, Effective: e.Effective, Rate: e.Rate}
}
