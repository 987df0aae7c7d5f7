package config

import (
	"fmt"
	"time"
)

// Pattern declares a sequence of events that is looked for under each key of its scope, and what comes of a match. See
// docs/patterns.md.
type Pattern struct {
	Name   string        `yaml:"name"`
	Scope  Strings       `yaml:"scope"`  // as of a feature: one matcher for each key
	Within time.Duration `yaml:"within"` // between the first event of a match and its last, exclusive
	Order  string        `yaml:"order"`  // arrival or event_time; arrival
	Skip   string        `yaml:"skip"`   // past_last, to_next or none; past_last
	Runs   int           `yaml:"runs"`   // unfinished matches of one key; 64
	Steps  []Step        `yaml:"steps"`
	Emit   Emit          `yaml:"emit"`
}

// Step is one step of a pattern. It has exactly one of the four selections.
type Step struct {
	Name          string    `yaml:"name"`            // by which expressions speak of it
	On            Selection `yaml:"on"`              // of the first step
	Next          Selection `yaml:"next"`            // the very next event of the key
	FollowedBy    Selection `yaml:"followed_by"`     // others may stand between
	NotFollowedBy Selection `yaml:"not_followed_by"` // must not come before the next step or, as the last, within the time
	Times         int       `yaml:"times"`           // so many events; 1
	Consecutive   bool      `yaml:"consecutive"`     // with times: with no other event of the key between them; false
}

// Emit is what comes of a match.
type Emit struct {
	Feature EmitFeature `yaml:"feature"`
	Event   EmitEvent   `yaml:"event"`
}

// EmitFeature is a number with the pattern's name; there is one where something is said.
type EmitFeature struct {
	TTL time.Duration `yaml:"ttl"` // how long a match shows
	As  string        `yaml:"as"`  // flag, time_since or count; flag
}

// EmitEvent is an event that only features and patterns see; there is one where something is said.
type EmitEvent struct {
	Type  string `yaml:"type"`  // of the event
	Value string `yaml:"value"` // expression over the last event and the steps; absent: none
	From  string `yaml:"from"`  // step whose event lends user, item, session and context; the last
}

func (k *checker) patterns() {
	names := map[string]bool{}
	for i := range k.c.Patterns {
		k.unique(fmt.Sprintf("patterns[%d].name", i), k.c.Patterns[i].Name, names)
	}
}
