package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/dirty"
	"recsvc/internal/features"
	"recsvc/internal/state"
)

// declared is what a state depends on beside the log. Its JSON is kept with the state; the hash of that is the state's definitions.
type declared struct {
	Features features.Declaration
	Learning json.RawMessage // of a learning
}

// learning is what the state depends on beside the features: where it differs, the weights and joins are worth nothing.
type learning struct {
	Models            []config.Model
	Feedback          config.Feedback
	Drift             config.Drift
	Lateness, Horizon time.Duration

	ServesOnly bool `json:",omitempty"` // there are no weights and no joins
}

func declare(c *config.Config) declared {
	models := slices.Clone(c.Models)
	for i := range models {
		m := &models[i]
		m.Score, m.Role = "", "" // which head of which model lists are ranked by is no matter of state
		m.Refresh = 0            // what is learned does not depend on it, and the engine comes to terms with another one
		m.Features = nil         // among those of the features
	}
	text, err := json.Marshal(learning{models, c.Feedback, c.Health.Drift, c.Lateness, c.Horizon, c.Role == config.RoleServer})
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

// hash identifies what a state depends on beside the log.
func (d declared) hash() [32]byte { return sha256.Sum256(d.text()) }

// definitionsHash is that of a configuration.
func definitionsHash(c *config.Config) [32]byte { return declare(c).hash() }

// errUndeclared reports a state that does not say what it was made under, or not in terms that mean the same to this version.
var errUndeclared = errors.New("the state does not say under which definitions it was made, or in terms of another version of recsvc")

// declaredBy returns what a checkpoint says that it was made under.
func declaredBy(m state.Meta) (d declared, err error) {
	if len(m.Root) == 0 || sha256.Sum256(m.Root) != m.Definitions {
		return d, errUndeclared
	}
	if err := json.Unmarshal(m.Root, &d); err != nil || !d.Features.Usable() || d.hash() != m.Definitions {
		return d, errUndeclared
	}
	return d, nil
}

// sameLearning reports whether the two differ in their features alone.
func (d declared) sameLearning(other declared) bool { return bytes.Equal(d.Learning, other.Learning) }

// newStore makes an empty store for the features. Users that memory has no room for are read from cold; nil: all are in memory.
func (d declared) newStore(cold dirty.Reader) (*features.Store, error) {
	opts := d.Features.Options
	opts.Cold = cold
	return features.New(d.Features.Definitions, opts)
}

// models are the definitions of the models in a declaration, by name.
func (d declared) models() map[string]string {
	var l struct{ Models []json.RawMessage }
	_ = json.Unmarshal(d.Learning, &l) // of another version: there are none
	out := map[string]string{}
	for _, text := range l.Models {
		var m struct{ Name string }
		_ = json.Unmarshal(text, &m)
		out[m.Name] = string(text)
	}
	return out
}

// changedModels names the models that are new, gone, or other than those of the state, sorted.
func (d declared) changedModels(to declared) (names []string) {
	was, is := d.models(), to.models()
	for name, text := range is {
		if was[name] != text {
			names = append(names, name)
		}
	}
	for name := range was {
		if _, ok := is[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// changedModels is that of the state at hand; nil where it does not say.
func (a *app) changedModels() []string {
	meta, _ := a.state.Latest()
	from, err := declaredBy(meta)
	if err != nil {
		return nil
	}
	return from.changedModels(declare(a.config))
}
