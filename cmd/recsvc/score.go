package main

import (
	"fmt"

	"recsvc/internal/config"
	"recsvc/internal/engine"
	"recsvc/internal/score"
)

// scores compiles what lists are ranked by, by model.
func scores(c *config.Config) (out []*score.Formula, err error) {
	for i, m := range c.Models {
		var heads []string
		for _, h := range m.Heads {
			heads = append(heads, h.Name)
		}
		f, err := score.New(m.Score, heads)
		if err != nil {
			return nil, c.Errorf(fmt.Sprintf("models[%d].score", i), "model %q: %v", m.Name, err)
		}
		out = append(out, f)
	}
	return out, nil
}

// mustScores is scores of a configuration that was checked.
func mustScores(c *config.Config) []*score.Formula {
	out, err := scores(c)
	if err != nil {
		panic(err)
	}
	return out
}

// engineScores are the scores as the engine compares them with those that were served.
func engineScores(c *config.Config) (out []engine.Score) {
	for _, f := range mustScores(c) {
		out = append(out, f)
	}
	return out
}

// scoreHeads are, by model, the places of the heads that stand for its score.
func scoreHeads(c *config.Config) (heads []int) {
	for _, f := range mustScores(c) {
		heads = append(heads, f.Main())
	}
	return heads
}
