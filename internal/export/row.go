package export

import (
	"recsvc/internal/event"
	"recsvc/internal/features"
)

// Row is one exposure. What is missing is the zero value, or NaN, and is written as null.
type Row struct {
	Request, Scene, Variant string
	User, Item              string
	Position                int32 // 1-based
	Exposed                 event.Time
	Captured                event.Time // of what CapturedBy names
	CapturedBy              string     // served, exposure or outcome
	CapturedLate            bool       // an outcome came before the served list: nothing was learned from it
	Implied                 bool       // known from its outcome alone
	Propensity              float64    // with which it was shown, in (0, 1]
	Weight                  float32    // min(1/propensity, M), or 1
	Theta                   float32    // probability that its position was examined, in (0, 1]
	Heads                   []Outcome
	Features                []features.NamedValue // in the order of the schema
}

// Outcome is what became of an exposure under one head.
type Outcome struct {
	Label Label
	Time  event.Time // of the outcome; 0 unless positive
	Value float64    // of the outcome, NaN where it had none
	P     float32    // prediction at capture
}

// Label is the answer to whether a head's outcome came.
type Label uint8

// The labels. A row that was captured late may have a label that is not known, and so may one that was shown while outcomes had
// stopped.
const (
	Unknown Label = iota
	Negative
	Positive
)
