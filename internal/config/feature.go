package config

import "time"

// Feature declares one feature. Which keys a kind reads is told in docs/configuration.md; the others stay absent.
type Feature struct {
	Name  string  `yaml:"name"`
	Kind  string  `yaml:"kind"`  // count, sum, mean, rate, last, time_since, age, attribute, bucketize, cross
	Scope Strings `yaml:"scope"` // user, item, item.FIELD, item.FIELD[0], user.FIELD, context.FIELD; empty or global: one for all

	On       Strings `yaml:"on"`       // count, sum, mean, last, time_since: event types that count
	Of       Strings `yaml:"of"`       // rate: event types of the numerator
	Over     Strings `yaml:"over"`     // rate: event types of the denominator
	Outcomes Strings `yaml:"outcomes"` // last: event types remembered as an entry's outcome
	Value    string  `yaml:"value"`    // sum, mean: what is added up: value (default), context.FIELD or item.FIELD

	Window   time.Duration `yaml:"window"`    // sliding; absent, with no half_life: all time
	Slide    time.Duration `yaml:"slide"`     // tile width; absent: a twelfth of the window
	HalfLife time.Duration `yaml:"half_life"` // exponential decay, instead of a window

	Prior Prior  `yaml:"prior"` // rate, mean: smoothing
	As    string `yaml:"as"`    // form of the value: raw, log, sqrt, ratio, log_odds, ids, outcomes, pattern, id, number
	N     int    `yaml:"n"`     // last: entries kept

	Field   string  `yaml:"field"`   // attribute, age: item.tags[0], user.age, context.device, time.hour …
	Input   string  `yaml:"input"`   // bucketize: a feature declared above
	Inputs  Strings `yaml:"inputs"`  // cross: two or more features declared above
	Buckets Buckets `yaml:"buckets"` // bucketize: ascending bounds, or log2
	Base    float64 `yaml:"base"`    // bucketize without bounds: one bucket per power of this; 2

	Scale float64 `yaml:"scale"` // numbers are multiplied by this after shift is subtracted; 1
	Shift float64 `yaml:"shift"`
}

// Prior smooths a ratio a/b to (a + strength·mean)/(b + strength).
type Prior struct {
	Strength float64  `yaml:"strength"` // pseudo-observations; 0: no smoothing
	Mean     *float64 `yaml:"mean"`     // absent: the running rate over everything
}

// Model is a set of heads that learn from the same features.
type Model struct {
	Name     string  `yaml:"name"`
	Heads    []Head  `yaml:"heads"`
	Bits     int     `yaml:"bits"`     // the weight table has 2^bits slots; 22
	Features Strings `yaml:"features"` // names of those it sees; absent: all
	Score    string  `yaml:"score"`    // the head that lists are ranked by; absent: the first
}

// Head predicts one outcome by FTRL-Proximal logistic regression.
type Head struct {
	Name        string        `yaml:"name"`
	Positive    []Outcome     `yaml:"positive"`    // events that make the label 1
	Window      time.Duration `yaml:"window"`      // how long after its exposure an outcome counts; 30m
	Delay       string        `yaml:"delay"`       // correct or close; correct
	Examination string        `yaml:"examination"` // none, pbm or soft; none
	Alpha       float64       `yaml:"alpha"`       // learning rate, above 0; 0.03
	Beta        float64       `yaml:"beta"`        // above 0; 1
	L1          float64       `yaml:"l1"`          // 0
	L2          float64       `yaml:"l2"`          // 0
	Clip        float64       `yaml:"clip"`        // bound on |gradient| before it is squared; 100
}

// Outcome selects events: those of a type, or only those with a value of at least Min.
type Outcome struct {
	Type string   `yaml:"type"`
	Min  *float64 `yaml:"min"` // absent: any
}

// Feedback rules the join of exposures and outcomes.
type Feedback struct {
	ExposureWait time.Duration `yaml:"exposure_wait"` // how long an outcome waits for its exposure before it implies one; 5s
	LateMemory   time.Duration `yaml:"late_memory"`   // how long a closed exposure is remembered, so that a late outcome is told from an unknown one; 24h
	Positions    []float64     `yaml:"positions"`     // probability that place 1, 2, … is looked at; the last serves for all below; empty: 1
	ShownClip    float64       `yaml:"shown_clip"`    // weigh outcomes by min(1/propensity, this); 0: off

	ScenePositions   map[string][]float64 `yaml:"scene_positions"`    // instead of Positions, for lists served in a scene
	ServedIsExposure Strings              `yaml:"served_is_exposure"` // scenes in which to serve an item is to show it
}

func (m *Model) setDefaults() { m.Bits = 22 }

func (h *Head) setDefaults() {
	*h = Head{Window: 30 * time.Minute, Delay: "correct", Examination: "none", Alpha: 0.03, Beta: 1, Clip: 100}
}
