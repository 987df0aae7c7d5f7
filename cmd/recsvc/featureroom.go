package main

import (
	"recsvc/internal/api"
	"recsvc/internal/features"
)

// featureRoom shows the definitions of features to the API.
type featureRoom struct{ *app }

// Features implements api.Features: those in force, and those that are to take over from them.
func (f *featureRoom) Features() (out []api.FeatureVersion) {
	s, _ := f.backfill.state()
	if s == stageDone {
		return versions(definitions(f.config), "live", 1)
	}
	live := make(map[string]bool)
	for _, d := range f.backfill.from.Features.Definitions {
		live[d.Version()] = true
	}
	var next []features.Definition
	for _, d := range f.backfill.to.Features.Definitions {
		if !live[d.Version()] {
			next = append(next, d)
		}
	}
	state := "backfilling"
	if s == stageFailed {
		state = "failed"
	}
	return append(versions(f.backfill.from.Features.Definitions, "live", 1), versions(next, state, f.backfill.progress())...)
}

func versions(defs []features.Definition, state string, progress float64) (out []api.FeatureVersion) {
	for _, d := range defs {
		out = append(out, api.FeatureVersion{
			Name: d.Name, Kind: d.Kind, Scope: d.Scope, Version: d.Version(), State: state, Progress: progress,
		})
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
