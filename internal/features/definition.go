package features

import (
	"fmt"
	"time"
)

// Definition declares one feature. Which fields a kind reads is said beside them; the others stay zero.
type Definition struct {
	Name string
	Kind string // count, sum, mean, rate, last, time_since, age, attribute, bucketize, cross

	// Scope names the key that state is kept under: any tuple of "user", "item", "item.FIELD", "user.FIELD" and
	// "context.FIELD"; FIELD may end in [N] for the N-th element of a list (a list without one means its first).
	// Empty: global.
	Scope []string

	On       []string // count, sum, mean, last, time_since: event types counted
	Of, Over []string // rate: event types of the numerator and of the denominator
	Outcomes []string // last: event types remembered as the outcome of an entry
	Value    string   // sum, mean: "value" (default), "context.FIELD" or "item.FIELD"

	Window   time.Duration // sliding window; a multiple of Slide
	Slide    time.Duration // tile width; 0: Window/12
	HalfLife time.Duration // exponential decay instead of a window; both 0: all time

	Prior Prior  // rate, mean: smoothing
	As    string // form of the value, by kind: see the reference in docs/configuration.md
	N     int    // last: entries kept

	Field   string    // attribute, age: "item.FIELD", "user.FIELD", "context.FIELD", "time.hour", "time.weekday"
	Inputs  []string  // bucketize (one), cross (two or more): names of features declared above
	Buckets []float64 // bucketize: ascending bounds; none: one bucket per power of Base
	Base    float64   // bucketize: see Buckets; 0: 2

	Scale float64 // numbers are multiplied by Scale (0: 1) after Shift is subtracted
	Shift float64
}

// Prior smooths a ratio a/b to (a + Strength·mean)/(b + Strength).
type Prior struct {
	Strength float64
	Mean     *float64 // nil: the running ratio over all keys (global scope), same selections and decay
}

// DefinitionError says which definition is wrong, and which of its keys.
type DefinitionError struct {
	Index int    // in the list given to New
	Name  string // of the definition
	Key   string // the configuration key at fault, such as "window"
	Msg   string
}

func (e *DefinitionError) Error() string {
	return fmt.Sprintf("feature %q: %s: %s", e.Name, e.Key, e.Msg)
}
