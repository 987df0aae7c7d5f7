package main

import (
	"fmt"

	"recsvc/internal/config"
	"recsvc/internal/features"
)

// patterns translates the declared patterns.
func patterns(c *config.Config) []features.Pattern {
	var out []features.Pattern
	for i := range c.Patterns {
		out = append(out, pattern(&c.Patterns[i]))
	}
	return out
}

func pattern(p *config.Pattern) features.Pattern {
	out := features.Pattern{Name: p.Name, Scope: p.Scope, Within: p.Within, Order: p.Order, Skip: p.Skip, Runs: p.Runs}
	for _, s := range p.Steps {
		out.Steps = append(out.Steps, features.Step{
			Name: s.Name, On: selection(s.On), Next: selection(s.Next), FollowedBy: selection(s.FollowedBy),
			NotFollowedBy: selection(s.NotFollowedBy), Times: s.Times, Consecutive: s.Consecutive,
		})
	}
	if f := p.Emit.Feature; f != (config.EmitFeature{}) {
		out.Emit.Feature = &features.MatchFeature{TTL: f.TTL, As: f.As}
	}
	if e := p.Emit.Event; e != (config.EmitEvent{}) {
		out.Emit.Event = &features.MatchEvent{Type: e.Type, Value: e.Value, From: e.From}
	}
	out.Emit.Webhook = p.Emit.Webhook.Configured()
	return out
}

// patternError puts a mistake in a pattern at its place in the file.
func patternError(c *config.Config, e *features.PatternError) error {
	return c.Errorf(fmt.Sprintf("patterns[%d].%s", e.Index, e.Key), "pattern %q: %s", e.Name, e.Reason())
}
