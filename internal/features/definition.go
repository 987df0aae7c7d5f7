package features

import (
	"fmt"
	"time"
)

// Definition declares one feature. Each kind reads some of the fields; the others must stay zero. What a kind reads, and
// what it makes of it, stands in its entry of the table of kinds ([Kinds]), from which docs/features.md is made.
//
// The JSON names are the keys of the YAML form.
type Definition struct {
	Name string `json:"name"`
	Kind string `json:"kind"`

	// Scope names the key that state is kept under: any tuple of "user", "item", "session", "item.FIELD", "user.FIELD" and
	// "context.FIELD"; FIELD may end in [N] for the N-th element of a list (a list without one means its first).
	// Empty: global.
	Scope []string `json:"scope,omitempty"`

	On       Selection `json:"on,omitzero"`        // events counted
	Of       Selection `json:"of,omitzero"`        // numerator
	Over     Selection `json:"over,omitzero"`      // denominator
	Off      Selection `json:"off,omitzero"`       // events that end what On began
	Outcomes []string  `json:"outcomes,omitempty"` // event types remembered as the outcome of an entry
	Value    string    `json:"value,omitempty"`    // what is added up or remembered: a field, or an expression

	Windows  []time.Duration `json:"windows,omitempty"`   // several windows: one feature NAME_WINDOW each
	Window   time.Duration   `json:"window,omitempty"`    // sliding window; a multiple of Slide
	Slide    time.Duration   `json:"slide,omitempty"`     // tile width; 0: Window/12
	HalfLife time.Duration   `json:"half_life,omitempty"` // exponential decay instead of a window; both 0: all time
	Gap      time.Duration   `json:"gap,omitempty"`       // silence that ends a session
	Timeout  time.Duration   `json:"timeout,omitempty"`   // silence that ends a presence
	TTL      time.Duration   `json:"ttl,omitempty"`       // state older than this, by event time, is nothing; 0: it stays

	Prior Prior  `json:"prior,omitzero"`
	As    string `json:"as,omitempty"` // form of the value
	N     int    `json:"n,omitempty"`  // entries kept or shown

	Field     string    `json:"field,omitempty"`     // "item.FIELD", "user.FIELD", "context.FIELD", "time.hour", …
	Fields    []string  `json:"fields,omitempty"`    // several of them
	Inputs    []string  `json:"inputs,omitempty"`    // names of features declared above
	Expr      string    `json:"expr,omitempty"`      // formula over features declared above
	Buckets   []float64 `json:"buckets,omitempty"`   // ascending bounds
	Base      float64   `json:"base,omitempty"`      // of buckets without bounds; 0: 2
	Values    []string  `json:"values,omitempty"`    // texts that are told apart
	Size      int       `json:"size,omitempty"`      // buckets of a hash, length of a vector
	Reduce    string    `json:"reduce,omitempty"`    // how a vector becomes fewer numbers
	Quantile  float64   `json:"quantile,omitempty"`  // in (0, 1)
	Accuracy  float64   `json:"accuracy,omitempty"`  // relative error of a sketch
	Precision int       `json:"precision,omitempty"` // 2^precision registers of a sketch
	Phrases   []string  `json:"phrases,omitempty"`   // words looked for in a text
	Lexicon   string    `json:"lexicon,omitempty"`   // words with their sentiment, a line each: the content, not a file's name
	TimeZone  string    `json:"time_zone,omitempty"` // IANA name; empty: UTC
	Profile   string    `json:"profile,omitempty"`   // field with an imported vector
	Strength  float64   `json:"strength,omitempty"`  // weight of the profile, in events
	Min       *float64  `json:"min,omitempty"`       // bounds of a scale
	Max       *float64  `json:"max,omitempty"`       //
	Mean      *float64  `json:"mean,omitempty"`      // of what is scaled
	Deviation float64   `json:"deviation,omitempty"` // standard deviation of what is scaled
	Default   *float64  `json:"default,omitempty"`   // number where there is none
	Serve     float64   `json:"serve,omitempty"`     // constant that takes the place of the value when serving

	Scale float64 `json:"scale,omitempty"` // numbers are multiplied by Scale (0: 1) after Shift is subtracted
	Shift float64 `json:"shift,omitempty"`
}

// Selection chooses events: by type ("*": all types), and by a condition on them (see docs/expressions.md).
type Selection struct {
	Types []string `json:"types,omitempty"`
	Where string   `json:"where,omitempty"` // empty: all of those types
}

// On selects events by type alone.
func On(types ...string) Selection { return Selection{Types: types} }

// AnyType in a Selection stands for every type of event.
const AnyType = "*"

// Prior smooths a ratio a/b to (a + Strength·mean)/(b + Strength).
type Prior struct {
	Strength float64  `json:"strength,omitempty"`
	Mean     *float64 `json:"mean,omitempty"` // nil: the running ratio over all keys (global scope), same selections and decay
}

// DefinitionError says which definition is wrong, and which of its keys.
type DefinitionError struct {
	Index        int    // in the list given to New
	Name         string // of the definition
	Key          string // the configuration key at fault, such as "window"
	Line, Column int    // in the text of an expression, from 1; 0: the whole of it
	Msg          string
}

func (e *DefinitionError) Error() string {
	return fmt.Sprintf("feature %q: %s: %s", e.Name, e.Key, e.Reason())
}

// Reason is what is wrong, with the place in the text of an expression.
func (e *DefinitionError) Reason() string {
	if e.Line > 0 {
		return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg)
	}
	return e.Msg
}

// UnknownFeatureError says which name in [Options].Emit is no feature's.
type UnknownFeatureError struct {
	Index int // in Emit
	Name  string
}

func (e *UnknownFeatureError) Error() string {
	return fmt.Sprintf("the model asks for feature %q, which is not defined", e.Name)
}
