package main

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/features"
)

// declared is what a state depends on beside the log. Its JSON is kept with the state; the hash of that is the state's definitions.
type declared struct {
	Features features.Declaration
	Learning json.RawMessage // of a learning
}

// learning is what the state depends on beside the features: where it differs, the weights and joins are worth nothing.
type learning struct {
	Model             config.Model
	Feedback          config.Feedback
	Lateness, Horizon time.Duration
}

func declare(c *config.Config) declared {
	m := c.Models[0]
	m.Score = ""     // which head lists are ranked by is no matter of state
	m.Features = nil // among those of the features
	text, err := json.Marshal(learning{m, c.Feedback, c.Lateness, c.Horizon})
	if err != nil {
		panic(err) // plain numbers and texts, all finite
	}
	return declared{features.Declare(definitions(c), featureOptions(c)), text}
}

// text is what is kept with a state.
func (d declared) text() []byte {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // as above
	}
	return text
}

// definitionsHash identifies what the state depends on beside the log.
func definitionsHash(c *config.Config) [32]byte { return sha256.Sum256(declare(c).text()) }
