package config

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Feature declares one feature. Which keys a kind reads is told in docs/features.md; the others stay absent.
type Feature struct {
	Name  string  `yaml:"name"`
	Kind  string  `yaml:"kind"`  // see docs/features.md
	SQL   string  `yaml:"sql"`   // or one SELECT, see docs/sql.md; as, slide, ttl, prior, scale and shift may stand beside it
	Scope Strings `yaml:"scope"` // user, item, session, item.FIELD, item.FIELD[0], user.FIELD, context.FIELD; empty or global: one for all

	On       Selection `yaml:"on"`       // events that count
	Of       Selection `yaml:"of"`       // events of the numerator
	Over     Selection `yaml:"over"`     // events of the denominator
	Off      Selection `yaml:"off"`      // events that end what on began
	Outcomes Strings   `yaml:"outcomes"` // event types remembered as an entry's outcome
	Value    string    `yaml:"value"`    // what is added up or remembered: value, a field, or an expression

	Windows  Durations     `yaml:"windows"`   // several windows: one feature NAME_WINDOW each
	Window   time.Duration `yaml:"window"`    // sliding; absent, with no half_life: all time
	Slide    time.Duration `yaml:"slide"`     // tile width; absent: a twelfth of the window
	HalfLife time.Duration `yaml:"half_life"` // exponential decay, instead of a window
	Gap      time.Duration `yaml:"gap"`       // silence that ends a session
	Timeout  time.Duration `yaml:"timeout"`   // silence that ends a presence
	TTL      time.Duration `yaml:"ttl"`       // state that has not changed for so long, by event time, is forgotten; absent: it stays

	Prior Prior  `yaml:"prior"` // smoothing
	As    string `yaml:"as"`    // form of the value, by kind
	N     int    `yaml:"n"`     // entries kept or shown

	Field     string   `yaml:"field"`     // item.tags[0], user.age, context.device, time.hour …
	Fields    Strings  `yaml:"fields"`    // several of them
	Input     string   `yaml:"input"`     // a feature declared above
	Inputs    Strings  `yaml:"inputs"`    // features declared above
	Expr      string   `yaml:"expr"`      // formula over features declared above
	Buckets   Buckets  `yaml:"buckets"`   // ascending bounds, or log2
	Base      float64  `yaml:"base"`      // of buckets without bounds; 2
	Values    Strings  `yaml:"values"`    // texts that are told apart; the hosts of a site
	Size      int      `yaml:"size"`      // buckets of a hash, length of a vector
	Reduce    string   `yaml:"reduce"`    // how a vector becomes fewer numbers
	Quantile  float64  `yaml:"quantile"`  // above 0, below 1
	Accuracy  float64  `yaml:"accuracy"`  // relative error of a sketch
	Precision int      `yaml:"precision"` // 2^precision registers of a sketch
	Phrases   Strings  `yaml:"phrases"`   // words looked for in a text
	Lexicon   string   `yaml:"lexicon"`   // file of words with their sentiment; absent: the built-in one
	TimeZone  string   `yaml:"time_zone"` // such as Asia/Shanghai; UTC
	Profile   string   `yaml:"profile"`   // field with an imported vector
	Strength  float64  `yaml:"strength"`  // weight of the profile, in events
	Min       *float64 `yaml:"min"`       // bounds of a scale
	Max       *float64 `yaml:"max"`       //
	Mean      *float64 `yaml:"mean"`      // of what is scaled
	Deviation float64  `yaml:"deviation"` // standard deviation of what is scaled
	Default   *float64 `yaml:"default"`   // number where there is none
	Serve     float64  `yaml:"serve"`     // constant that takes the value's place when serving

	Scale float64 `yaml:"scale"` // numbers are multiplied by this after shift is subtracted; 1
	Shift float64 `yaml:"shift"`

	lexicon string // what the file holds
}

// LexiconText is the content of the lexicon's file; empty without one.
func (f *Feature) LexiconText() string { return f.lexicon }

// resolveLexicons reads the files of words, which stand beside the configuration.
func (c *Config) resolveLexicons() (errs Errors) {
	for i := range c.Features {
		f := &c.Features[i]
		if f.Lexicon == "" {
			continue
		}
		path := f.Lexicon
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(c.file), path)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, c.Errorf(fmt.Sprintf("features[%d].lexicon", i), "%v", err))
		}
		f.lexicon = string(text)
	}
	return errs
}

// Selection chooses events: a type, a list of types ("*": all), or types with a condition.
type Selection struct {
	Types Strings `yaml:"types"` // event types; * stands for all
	Where string  `yaml:"where"` // expression over the event, its item, user and context; absent: all of those types
}

// Prior smooths a ratio a/b to (a + strength·mean)/(b + strength).
type Prior struct {
	Strength float64  `yaml:"strength"` // pseudo-observations; 0: no smoothing
	Mean     *float64 `yaml:"mean"`     // absent: the running rate over everything
}

// Model is a set of heads that learn from the same features.
type Model struct {
	Name     string  `yaml:"name"`
	Role     string  `yaml:"role"` // champion, challenger or shadow; absent: the first is champion, the others challengers
	Heads    []Head  `yaml:"heads"`
	Refresh  Refresh `yaml:"refresh"`  // online, or the event time between two publications of what it has learned: 1m, 1h, 24h …; online
	Bits     int     `yaml:"bits"`     // the weight table has 2^bits slots; 22
	Features Strings `yaml:"features"` // names of those it sees; absent: all
	Score    string  `yaml:"score"`    // what lists are ranked by: a head, or a formula over p.HEAD and item.FIELD; absent: the first head
}

// Head predicts one outcome.
type Head struct {
	Name        string        `yaml:"name"`
	Positive    []Outcome     `yaml:"positive"`    // events that make the label 1
	Window      time.Duration `yaml:"window"`      // how long after its exposure an outcome counts; 30m
	Delay       string        `yaml:"delay"`       // correct, close, fake_negative or fake_negative_calibrated; correct
	Calibration string        `yaml:"calibration"` // none, platt or isotonic; none
	Examination string        `yaml:"examination"` // none, pbm or soft; none
	Alpha       float64       `yaml:"alpha"`       // learning rate, above 0; 0.03
	Beta        float64       `yaml:"beta"`        // above 0; 1
	L1          float64       `yaml:"l1"`          // 0
	L2          float64       `yaml:"l2"`          // 0
	Clip        float64       `yaml:"clip"`        // bound on |gradient| before it is squared; 100
	MinTheta    float64       `yaml:"min_theta"`   // floor under θ in the labels of examination soft; 0
	Confirm     Outcome       `yaml:"confirm"`     // an event that an outcome needs beside it, such as a dwell of 3 s; absent: none
	WeightBy    string        `yaml:"weight_by"`   // value: a positive weighs 1 + ln(1 + the value of its event); absent: 1
	WeightCap   float64       `yaml:"weight_cap"`  // the most that weight_by makes of it; 10
	Sample      Sample        `yaml:"sample"`
	Learner     string        `yaml:"learner"` // ftrl, fm or sgd; ftrl
	Factors     int           `yaml:"factors"` // of fm: length of a latent vector; 8
	Latent      Latent        `yaml:"latent"`  // of fm: the rates of latent vectors
	Spread      float64       `yaml:"spread"`  // of fm: latent vectors begin within ± half of it; 0.2
	Seed        uint64        `yaml:"seed"`    // of fm: of where latent vectors begin; 0
	Decay       float64       `yaml:"decay"`   // of sgd: examples after which the rate is down by √2; 0: it stays
	Admit       Admit         `yaml:"admit"`   // which slots of the weight table learn; all
	Evict       Span          `yaml:"evict"`   // slots not seen for so long are emptied; never
	Forget      Forget        `yaml:"forget"`  // rates rise again; never
	Scale       bool          `yaml:"scale"`   // learning does not depend on the unit of a number; false
}

// Admit says which slots learn. At most one is given.
type Admit struct {
	After int     `yaml:"after"` // a slot learns from its so many-th sighting on, 1 to 15; 1
	Share float64 `yaml:"share"` // or a slot that does not learn is admitted with this probability at each sighting; 1
}

// Span is a number of examples of a head, or a stretch of event time. At most one is given.
type Span struct {
	Examples int64         `yaml:"examples"` // at least 1000
	Time     time.Duration `yaml:"time"`
}

// Forget lets the sums that rates fall by fade.
type Forget struct {
	Examples int64         `yaml:"examples"` // half-life in examples of the head, at least 1000
	Time     time.Duration `yaml:"time"`     // or in event time
	To       float64       `yaml:"to"`       // what they fall towards; 0
}

// Latent are the rates of a factorization machine's latent vectors.
type Latent struct {
	Alpha float64 `yaml:"alpha"` // above 0; absent: the head's
	Beta  float64 `yaml:"beta"`  // above 0; absent: the head's
	L1    float64 `yaml:"l1"`    // 0
	L2    float64 `yaml:"l2"`    // 0
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

	MinVisible  time.Duration `yaml:"min_visible"`  // an exposure whose value, in seconds, is less is no evidence that the item was seen; 0: any is
	MaxOutcomes int           `yaml:"max_outcomes"` // outcomes of one user within a minute that are learned; 0: all
	Stalls      Stalls        `yaml:"stalls"`

	Popularity       Popularity  `yaml:"popularity"`
	NormaliseWeights bool        `yaml:"normalise_weights"` // divide what impressions weigh by the running mean; false
	Examination      Examination `yaml:"examination"`
}

func (m *Model) setDefaults() { m.Bits = 22 }

func (h *Head) setDefaults() {
	*h = Head{
		Window: 30 * time.Minute, Delay: "correct", Examination: "none", WeightCap: 10, Sample: Sample{Negatives: 1, Slice: 10 * time.Minute, Unseen: Unseen{By: "uniform", Weight: 1}},
		Learner: "ftrl", Alpha: 0.03, Beta: 1, Clip: 100, Factors: 8, Spread: 0.2, Admit: Admit{After: 1, Share: 1}, Calibration: "none",
	}
}

// lasting is a duration by its key.
func (f *Feature) lasting(key string) time.Duration {
	return map[string]time.Duration{
		"window": f.Window, "slide": f.Slide, "half_life": f.HalfLife, "gap": f.Gap, "timeout": f.Timeout, "ttl": f.TTL,
	}[key]
}
