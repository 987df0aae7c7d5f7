package features

import (
	"fmt"
	"time"

	"recsvc/internal/event"
)

// Pattern declares a sequence of events that is looked for under each key of a scope, and what comes of a match. What it means is
// told in docs/patterns.md.
//
// The JSON names are the keys of the YAML form.
type Pattern struct {
	Name   string        `json:"name"`
	Scope  []string      `json:"scope,omitempty"` // as of a Definition: one matcher for each key
	Within time.Duration `json:"within"`          // between the first event of a match and its last, exclusive
	Order  string        `json:"order,omitempty"` // OrderArrival (default) or OrderEventTime
	Skip   string        `json:"skip,omitempty"`  // SkipPastLast (default), SkipToNext or SkipNone
	Runs   int           `json:"runs,omitempty"`  // unfinished matches of one key, 1 to MaxRuns; 64. The oldest gives way
	Steps  []Step        `json:"steps"`
	Emit   Emit          `json:"emit"`
}

// Orders in which a pattern sees the events of a key.
const (
	OrderArrival   = "arrival"    // of the log: a match comes with the event that completes it
	OrderEventTime = "event_time" // of their own times: held until the watermark has passed them
)

// What a match leaves for the matches after it.
const (
	SkipPastLast = "past_last" // nothing: the next one begins after its last event
	SkipToNext   = "to_next"   // all but what began with its own first event
	SkipNone     = "none"      // all
)

// Bounds of a pattern.
const (
	MaxRuns  = 1024
	maxSteps = 32
	maxTimes = 1000
)

// Step is one step of a pattern: exactly one of On, Next, FollowedBy and NotFollowedBy is set, and On for the first alone.
type Step struct {
	Name          string    `json:"name,omitempty"`           // by which expressions speak of it
	On            Selection `json:"on,omitzero"`              // the first event
	Next          Selection `json:"next,omitzero"`            // the very next event of the key
	FollowedBy    Selection `json:"followed_by,omitzero"`     // the next that is selected; others may stand between
	NotFollowedBy Selection `json:"not_followed_by,omitzero"` // must not come before the next step or, as the last, within the time

	Times       int  `json:"times,omitempty"`       // so many events of it; 1
	Consecutive bool `json:"consecutive,omitempty"` // with Times: with no other event of the key between them
}

// Emit is what comes of a match; at least one of its fields is set.
type Emit struct {
	Feature *MatchFeature `json:"feature,omitempty"`
	Event   *MatchEvent   `json:"event,omitempty"`
	Webhook bool          `json:"webhook,omitempty"` // an Output in the outbox
}

// MatchFeature is a number with the pattern's name, under its scope.
type MatchFeature struct {
	TTL time.Duration `json:"ttl"`          // how long a match shows
	As  string        `json:"as,omitempty"` // "flag" (default), "time_since" or "count"
}

// MatchEvent is an event that features and patterns see in the same step as the match, and nothing else does.
type MatchEvent struct {
	Type  string `json:"type"`
	Value string `json:"value,omitempty"` // expression over the completing event and the steps; empty: none
	From  string `json:"from,omitempty"`  // step whose latest event lends user, item, session and context; empty: the last
}

// PatternError says which pattern is wrong, and which of its keys.
type PatternError struct {
	Index        int    // in Options.Patterns
	Name         string // of the pattern
	Key          string // the configuration key at fault, such as "steps[1].followed_by.where"
	Line, Column int    // in the text of an expression, from 1; 0: the whole of it
	Msg          string
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("pattern %q: %s: %s", e.Name, e.Key, e.Reason())
}

// Reason is what is wrong, with the place in the text of an expression.
func (e *PatternError) Reason() string {
	d := DefinitionError{Line: e.Line, Column: e.Column, Msg: e.Msg}
	return d.Reason()
}

// Position is where in the log an event stands: an event that a match has made stands where the record does with which it came,
// and has an ordinal above 0.
type Position struct {
	Partition int32
	Offset    int64
	Ordinal   uint32 // among the events that the record has brought to one pattern
}

// Match is one match of a pattern.
type Match struct {
	Pattern string
	ID      MatchID
	First   event.Time   // time of its earliest event
	Time    event.Time   // time of its latest; where it ends with what must not come, the end of that wait
	Event   *event.Event // the last that it took; nil where the pattern holds events back and needs no more than their times of them
}

// MatchID identifies a match for ever: it follows from the log, so that it is the same whenever the log is applied.
type MatchID struct {
	Pattern string
	Position
	N uint32 // among the matches that the event at the position has completed
}

// String is the form in which receivers see the id: partition-offset-pattern-n.
func (id MatchID) String() string {
	return fmt.Sprintf("%d-%d-%s-%d", id.Partition, id.Offset, id.Pattern, uint64(id.Ordinal)*MaxRuns+uint64(id.N))
}
