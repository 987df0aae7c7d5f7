package main

import (
	"fmt"

	"recsvc/internal/config"
	"recsvc/internal/features"
)

// definitions translates the declared features.
func definitions(c *config.Config) []features.Definition {
	defs := make([]features.Definition, 0, len(c.Features))
	for i := range c.Features {
		defs = append(defs, definition(&c.Features[i]))
	}
	return defs
}

func definition(f *config.Feature) features.Definition {
	d := features.Definition{
		Name: f.Name, Kind: f.Kind, Scope: f.Scope,
		On: selection(f.On), Of: selection(f.Of), Over: selection(f.Over), Off: selection(f.Off), Outcomes: f.Outcomes, Value: f.Value,
		Windows: f.Windows, Window: f.Window, Slide: f.Slide, HalfLife: f.HalfLife, Gap: f.Gap, Timeout: f.Timeout, TTL: f.TTL,
		Prior: features.Prior{Strength: f.Prior.Strength, Mean: f.Prior.Mean}, As: f.As, N: f.N,
		Field: f.Field, Fields: f.Fields, Inputs: f.Inputs, Expr: f.Expr, Buckets: f.Buckets.Bounds, Base: f.Base, Values: f.Values,
		Size: f.Size, Reduce: f.Reduce, Quantile: f.Quantile, Accuracy: f.Accuracy, Precision: f.Precision, Phrases: f.Phrases,
		Lexicon: f.LexiconText(), TimeZone: f.TimeZone, Profile: f.Profile, Strength: f.Strength, Min: f.Min, Max: f.Max, Mean: f.Mean, Deviation: f.Deviation,
		Default: f.Default, Serve: f.Serve, Scale: f.Scale, Shift: f.Shift,
	}
	if f.Input != "" {
		d.Inputs = []string{f.Input}
	}
	return d
}

func selection(s config.Selection) features.Selection {
	return features.Selection{Types: s.Types, Where: s.Where}
}

// definitionError puts a mistake in a definition at its place in the file.
func definitionError(c *config.Config, e *features.DefinitionError) error {
	key := e.Key
	if key == "inputs" && c.Features[e.Index].Input != "" {
		key = "input"
	}
	return c.Errorf(fmt.Sprintf("features[%d].%s", e.Index, key), "feature %q: %s", e.Name, e.Reason())
}
