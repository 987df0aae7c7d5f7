package main

import (
	"recsvc/internal/api"
	"recsvc/internal/event"
	"recsvc/internal/features"
)

// featureRoom shows the definitions of features to the API.
type featureRoom struct{ *app }

// Features implements api.Features: those in force, and those that are to take over from them.
func (f *featureRoom) Features() []api.FeatureVersion {
	s, _ := f.backfill.state()
	if s == stageDone {
		return versions(definitions(f.config), patterns(f.config), "live", 1)
	}
	from, to := f.backfill.from.Features, f.backfill.to.Features
	out := versions(from.Definitions, from.Options.Patterns, "live", 1)
	live := make(map[string]bool)
	for i := range out {
		live[out[i].Version] = true
	}
	state := "backfilling"
	if s == stageFailed {
		state = "failed"
	}
	for _, v := range versions(to.Definitions, to.Options.Patterns, state, f.backfill.progress()) {
		if !live[v.Version] {
			out = append(out, v)
		}
	}
	return out
}

// Readout implements api.Features.
func (f *featureRoom) Readout(names []string) (api.Readout, error) {
	r, err := f.features.Readout(names)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Entity implements api.Features.
func (f *featureRoom) Entity(scope, key []string, now event.Time) ([]features.EntityFeature, error) {
	return f.features.Entity(scope, key, now)
}

// versions describes definitions and, behind them, patterns.
func versions(defs []features.Definition, patterns []features.Pattern, state string, progress float64) []api.FeatureVersion {
	out := make([]api.FeatureVersion, 0, len(defs)+len(patterns))
	for _, d := range defs {
		out = append(out, api.FeatureVersion{Name: d.Name, Kind: d.Kind, Scope: d.Scope, Version: d.Version(), Definition: d.Keys()})
	}
	for _, p := range patterns {
		out = append(out, api.FeatureVersion{Name: p.Name, Kind: "pattern", Scope: p.Scope, Version: p.Version(), Definition: p.Keys()})
	}
	for i := range out {
		out[i].State, out[i].Progress = state, progress
	}
	return out
}

// status is what GET /admin/v1/status tells of a backfill; nil: there is none.
func (b *backfill) status() *api.BackfillStatus {
	if b == nil {
		return nil
	}
	s, err := b.state()
	out := &api.BackfillStatus{State: string(s), Records: b.place.Load(), Progress: b.progress()}
	if err != nil {
		out.Reason = err.Error()
	}
	return out
}
