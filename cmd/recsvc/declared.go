package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/dirty"
	"recsvc/internal/engine"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/state"
)

// declared is what a state depends on beside the log. Its JSON is kept with the state; the hash of that is the state's definitions.
type declared struct {
	Features features.Declaration
	Learning json.RawMessage // of a learning
}

// learning is what the state depends on beside the features. Where models differ, the state is moved to the others, see move; where
// anything else does, weights and joins are worth nothing.
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

// sameBeside reports whether the two differ in their features and models alone.
func (d declared) sameBeside(other declared) bool {
	was, is := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if json.Unmarshal(d.Learning, &was) != nil || json.Unmarshal(other.Learning, &is) != nil {
		return false
	}
	delete(was, "Models")
	delete(is, "Models")
	return maps.EqualFunc(was, is, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) })
}

// declaredModel is what a declaration says of a model.
type declaredModel struct {
	name string
	text string // all of it: two of the same text are the same model
	seat []feedback.Seat
}

// models are those of a declaration, in their order.
func (d declared) models() (models []declaredModel) {
	var l struct{ Models []json.RawMessage }
	_ = json.Unmarshal(d.Learning, &l) // of another version: there are none
	for _, text := range l.Models {
		var m struct {
			Name  string
			Heads []struct{ Name, Calibration string }
		}
		_ = json.Unmarshal(text, &m)
		out := declaredModel{name: m.Name, text: string(text)}
		for _, h := range m.Heads {
			out.seat = append(out.seat, feedback.Seat{Name: engine.FlatName(m.Name, h.Name), Raw: calibrated(h.Calibration)})
		}
		models = append(models, out)
	}
	return models
}

// changedModels names the models that are new, gone, or other than those of the state, sorted.
func (d declared) changedModels(to declared) []string {
	m := d.move(to)
	names := slices.Concat(m.added, m.changed, m.gone)
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
