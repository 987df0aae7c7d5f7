package main

import (
	"cmp"
	"fmt"

	"recsvc/internal/config"
	"recsvc/internal/features"
	"recsvc/internal/sql"
)

// definitions translates the declared features of a configuration that was checked when it was loaded.
func definitions(c *config.Config) []features.Definition {
	defs, _, err := translate(c)
	if err != nil {
		panic(err) // newFeatures has refused it
	}
	return defs
}

// translate makes definitions of the declared features; origin is the place of the feature in the configuration that each comes from.
func translate(c *config.Config) (defs []features.Definition, origin []int, err error) {
	for i := range c.Features {
		f := &c.Features[i]
		made := []features.Definition{definition(f)}
		if f.SQL != "" {
			if made, err = fromSQL(c, i, made[0]); err != nil {
				return nil, nil, err
			}
		}
		for _, d := range made {
			defs, origin = append(defs, d), append(origin, i)
		}
	}
	return defs, origin, nil
}

// fromSQL compiles a feature that is declared by a statement. beside is what else stands in its definition.
func fromSQL(c *config.Config, i int, beside features.Definition) ([]features.Definition, error) {
	path, name := fmt.Sprintf("features[%d].", i), c.Features[i].Name
	extra := beside
	extra.Name, extra.As, extra.Slide, extra.TTL, extra.Prior, extra.Scale, extra.Shift = "", "", 0, 0, features.Prior{}, 0, 0
	if given := extra.Given(); len(given) > 0 {
		return nil, c.Errorf(path+given[0], "feature %q: is said by sql already: only as, slide, ttl, prior, scale and shift may stand beside it", name)
	}
	defs, err := sql.Compile(name, c.Features[i].SQL)
	if err != nil {
		return nil, c.Errorf(path+"sql", "feature %q: %v", name, err)
	}
	for j := range defs {
		d := &defs[j]
		d.As, d.TTL, d.Prior, d.Scale, d.Shift = cmp.Or(beside.As, d.As), beside.TTL, beside.Prior, beside.Scale, beside.Shift
		d.Slide = cmp.Or(beside.Slide, d.Slide)
	}
	return defs, nil
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
func definitionError(c *config.Config, origin []int, e *features.DefinitionError) error {
	i, key := origin[e.Index], e.Key
	switch {
	case c.Features[i].SQL != "":
		return c.Errorf(fmt.Sprintf("features[%d].sql", i), "feature %q: %s: %s", e.Name, key, e.Reason())
	case key == "inputs" && c.Features[i].Input != "":
		key = "input"
	}
	return c.Errorf(fmt.Sprintf("features[%d].%s", i, key), "feature %q: %s", e.Name, e.Reason())
}
