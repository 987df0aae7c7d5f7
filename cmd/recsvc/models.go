package main

import (
	"recsvc/internal/api"
	"recsvc/internal/model"
	"recsvc/internal/validation"
)

// champion is the model that serves at this moment.
func (a *app) champion() *model.Model {
	m, _ := a.engine.Champion()
	return m
}

// role is what a model does at this moment: a promote moves the champion, and leaves the one of before a challenger.
func (a *app) role(i int) string {
	_, champion := a.engine.Champion()
	role := a.config.Models[i].Role
	switch {
	case i == champion:
		return roleChampion
	case role == roleChampion:
		return roleChallenger
	}
	return role
}

// The roles of models, as in the configuration.
const (
	roleChampion   = "champion"
	roleChallenger = "challenger"
)

// modelStatuses describe all models: the champion first, then the others in the order of the configuration.
func (a *app) modelStatuses() []api.ModelStatus {
	_, champion := a.engine.Champion()
	out := []api.ModelStatus{a.modelStatus(champion)}
	for i := range a.models {
		if i != champion {
			out = append(out, a.modelStatus(i))
		}
	}
	return out
}

func (a *app) modelStatus(i int) api.ModelStatus {
	m := a.models[i]
	out := api.ModelStatus{
		Name: m.Name(), Role: a.role(i), Version: modelAt(m, a.engine.Applied()), Weights: a.weights.of(m),
		Heads: map[string]api.HeadMetrics{},
	}
	for _, h := range m.Heads() {
		window := apiMetrics(h.Validation().Recent())
		out.Heads[h.Name()] = api.HeadMetrics{Metrics: apiMetrics(h.Validation().Total()), Window: &window}
	}
	return out
}

func apiMetrics(m validation.Metrics) api.Metrics {
	return api.Metrics{
		N: int64(m.N), Positives: int64(m.Positives), AUC: defined(m.AUC), LogLoss: defined(m.LogLoss),
		NormalizedEntropy: defined(m.NormalizedEntropy), Calibration: defined(m.Calibration),
	}
}
