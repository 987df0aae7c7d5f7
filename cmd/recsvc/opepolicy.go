package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"recsvc/internal/config"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
	"recsvc/internal/ope"
)

// Names of policies that are no models.
const (
	policyUniform     = "uniform"
	policyServed      = "served"
	policyFrequencies = "frequencies"
)

// parsePolicy reads NAME[:SETTING…]: uniform, served, frequencies, MODEL or MODEL/HEAD; settings are greedy, epsilon=E and softmax=T.
func parsePolicy(c *config.Config, text string, table *ope.Frequencies) (p ope.Policy, err error) {
	name, settings, _ := strings.Cut(text, ":")
	p = ope.Policy{Name: text, Rule: ope.Rule{Epsilon: -1}}
	switch name {
	case policyUniform:
		p.Kind = ope.Uniform
	case policyServed:
		p.Kind = ope.Served
	case policyFrequencies:
		if p.Kind, p.Table = ope.ByFrequency, table; table == nil {
			return p, fmt.Errorf("policy %q: name the log that has them with -frequencies", text)
		}
	default:
		flat, err := flatHead(c, name)
		if err != nil {
			return p, fmt.Errorf("policy %q: %w", text, err)
		}
		p.Kind, p.Score = ope.ByModel, func(of []float32) float64 { return float64(of[flat]) }
	}
	if settings != "" {
		if p.Kind != ope.Served && p.Kind != ope.ByModel {
			return p, fmt.Errorf("policy %q: %s has no settings", text, name)
		}
		if p.Rule, err = parseRule(settings); err != nil {
			return p, fmt.Errorf("policy %q: %w", text, err)
		}
	}
	return p, p.Rule.Check()
}

func parseRule(text string) (r ope.Rule, err error) {
	r.Epsilon = -1
	for _, setting := range strings.Split(text, ":") {
		key, value, _ := strings.Cut(setting, "=")
		switch key {
		case "greedy":
			r.Epsilon = 0
			if value != "" {
				err = fmt.Errorf("greedy has no value")
			}
		case "epsilon":
			if r.Epsilon, err = strconv.ParseFloat(value, 64); err == nil && !(r.Epsilon >= 0 && r.Epsilon <= 1) {
				err = fmt.Errorf("epsilon %v: want a probability", r.Epsilon)
			}
		case "softmax":
			if r.Temperature, err = strconv.ParseFloat(value, 64); err == nil && !(r.Temperature > 0) {
				err = fmt.Errorf("softmax %v: want a temperature above 0", r.Temperature)
			}
		default:
			err = fmt.Errorf("setting %q: want greedy, epsilon=E or softmax=T", setting)
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// flatHead is the place of MODEL/HEAD among all heads, or of the head that lists of MODEL are ranked by.
func flatHead(c *config.Config, name string) (int, error) {
	flat, known := 0, []string{policyUniform, policyServed, policyFrequencies}
	for i := range c.Models {
		m := &c.Models[i]
		if name == m.Name {
			return flat + scoreHeads(c)[i], nil
		}
		known = append(known, m.Name)
		for j := range m.Heads {
			full := engine.FlatName(m.Name, m.Heads[j].Name)
			if name == full {
				return flat + j, nil
			}
			known = append(known, full)
		}
		flat += len(m.Heads)
	}
	return 0, fmt.Errorf("there is no %q; there are %s", name, strings.Join(known, ", "))
}

// rewardHead finds the head whose outcome is the reward: MODEL/HEAD, or HEAD of the champion; "": what the champion ranks by.
func rewardHead(c *config.Config, name string) (flat int, full string, err error) {
	m := &c.Models[c.Champion()]
	switch {
	case name == "":
		name = engine.FlatName(m.Name, m.Heads[scoreHeads(c)[c.Champion()]].Name)
	case slices.ContainsFunc(m.Heads, func(h config.Head) bool { return h.Name == name }):
		name = engine.FlatName(m.Name, name)
	}
	all := allHeads(c)
	flat, ok := all[name]
	if !ok {
		return 0, name, fmt.Errorf("there is no head %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	return flat, name, nil
}

// allHeads finds each head by MODEL/HEAD in the order in which the engine counts them.
func allHeads(c *config.Config) map[string]int {
	all := map[string]int{}
	for i := range c.Models {
		for j := range c.Models[i].Heads {
			all[engine.FlatName(c.Models[i].Name, c.Models[i].Heads[j].Name)] = len(all)
		}
	}
	return all
}

// epsilons is how scenes explore.
func epsilons(c *config.Config) func(scene string) (float64, bool) {
	of := map[string]float64{}
	for _, s := range scenes(c) {
		of[s.Name] = s.Epsilon
	}
	return func(scene string) (float64, bool) {
		e, ok := of[scene]
		return e, ok
	}
}

// chosenFrom is the whole catalogue as what an exposure was chosen from, as long as it is small.
type chosenFrom struct {
	store  *features.Store
	models []*model.Model
	most   int // items
	items  []ope.Candidate
}

// Items implements ope.Candidates.
func (c *chosenFrom) Items() []ope.Candidate {
	c.items = c.items[:0]
	for ref := range c.store.Items() {
		if it := c.store.Item(features.ItemRef(ref)); it.Available {
			if len(c.items) == c.most {
				return nil
			}
			c.items = append(c.items, ope.Candidate{ID: it.ID, Ref: features.ItemRef(ref)})
		}
	}
	return c.items
}

// Predict implements ope.Candidates.
func (c *chosenFrom) Predict(dst []float32, shared, own feedback.Vector) {
	for _, m := range c.models {
		n := len(m.Heads())
		m.Predict(dst[:n], model.Vector(shared), model.Vector(own))
		dst = dst[n:]
	}
}

// contextIs reports whether a context has a value under a key, written as the log does: text as it is, else in JSON.
func contextIs(pair string) (func(event.Attributes) bool, error) {
	key, want, ok := strings.Cut(pair, "=")
	if !ok || key == "" {
		return nil, fmt.Errorf("%q: want KEY=VALUE, of a context", pair)
	}
	return func(context event.Attributes) bool {
		v, ok := context.Get(key)
		if !ok {
			return false
		}
		if v.Kind == event.String {
			return v.Str == want
		}
		return string(v.AppendJSON(nil)) == want
	}, nil
}
