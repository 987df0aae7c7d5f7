package config

import "time"

// Health says what is watched for change, and what happens when a model goes bad.
type Health struct {
	Drift      Drift         `yaml:"drift"`
	Quality    Quality       `yaml:"quality"`
	Autosave   Autosave      `yaml:"autosave"`
	Rollback   Rollback      `yaml:"rollback"`
	Promotion  Promotion     `yaml:"promotion"`
	CheckEvery time.Duration `yaml:"check_every"` // time between two looks at the models; 10s
}

// Drift feeds the detectors. A change of it is one of the definitions: what the detectors know is learned anew with all else.
type Drift struct {
	Features Strings       `yaml:"features"` // numeric features that are watched, at most 8; absent: the first few of users and of items
	Sample   int           `yaml:"sample"`   // one capture in so many is given to the detectors of features and predictions; 16
	Slice    time.Duration `yaml:"slice"`    // event time whose distribution is compared with the past; 1h
	Window   int           `yaml:"window"`   // outcomes that count as recent; 2000
	Faster   Faster        `yaml:"faster"`
}

// Faster raises the learning rate of a head for a while when its loss has risen.
type Faster struct {
	Factor   float64 `yaml:"factor"`   // by which the rate is raised; 1: not at all; 1
	Outcomes int     `yaml:"outcomes"` // of the head, for which it lasts; 5000
}

// Quality says when a model is bad. Figures are those of a head's recent outcomes.
type Quality struct {
	MinOutcomes int     `yaml:"min_outcomes"` // before which nothing is said; 1000
	MinPositive int     `yaml:"min_positive"` // likewise, of positive ones; 50
	MaxEntropy  float64 `yaml:"max_entropy"`  // normalised entropy above which a model is bad: above 1 the base rate would do better; 1.1
	MaxLoss     float64 `yaml:"max_loss"`     // loss above so many times that of the longer past; 1.5
	Calibration float64 `yaml:"calibration"`  // predictions over outcomes beyond this, or below its inverse; 2
	MaxRefused  float64 `yaml:"max_refused"`  // share of samples that cannot be learned; 0.5
	MaxWeights  float64 `yaml:"max_weights"`  // size of the weights above so many times that of the last healthy snapshot; 3
}

// Autosave takes snapshots while the models are healthy.
type Autosave struct {
	Every time.Duration `yaml:"every"` // time between two; 0: none; 1h
	Keep  int           `yaml:"keep"`  // so many of the newest stay; 5
}

// Rollback goes back to the newest healthy snapshot when a model is bad.
type Rollback struct {
	Enabled bool          `yaml:"enabled"` // false: only an alarm; true
	Pause   time.Duration `yaml:"pause"`   // least time between two; 1h
}

// Promotion is the gate before a challenger may serve.
type Promotion struct {
	MinOutcomes int     `yaml:"min_outcomes"` // that a challenger must have been judged by; 5000
	Tolerance   float64 `yaml:"tolerance"`    // by which its loss may be above the champion's, as a share of that; 0.01
}

func defaultHealth() Health {
	return Health{
		Drift: Drift{Sample: 16, Slice: time.Hour, Window: 2000, Faster: Faster{Factor: 1, Outcomes: 5000}},
		Quality: Quality{
			MinOutcomes: 1000, MinPositive: 50, MaxEntropy: 1.1, MaxLoss: 1.5, Calibration: 2, MaxRefused: 0.5, MaxWeights: 3,
		},
		Autosave:   Autosave{Every: time.Hour, Keep: 5},
		Rollback:   Rollback{Enabled: true, Pause: time.Hour},
		Promotion:  Promotion{MinOutcomes: 5000, Tolerance: 0.01},
		CheckEvery: 10 * time.Second,
	}
}

// maxWatched is how many features may be watched.
const maxWatched = 8

func (k *checker) health() {
	h := k.c.Health
	k.that(len(h.Drift.Features) <= maxWatched, "health.drift.features", "names %d features; at most %d are watched", len(h.Drift.Features), maxWatched)
	k.within("health.drift.sample", h.Drift.Sample, 1, 1_000_000)
	k.that(h.Drift.Slice >= time.Second, "health.drift.slice", "must be at least 1s")
	k.within("health.drift.window", h.Drift.Window, 10, 50_000)
	k.that(h.Drift.Faster.Factor >= 1 && h.Drift.Faster.Factor <= 100, "health.drift.faster.factor", "must lie between 1 (off) and 100")
	k.within("health.drift.faster.outcomes", h.Drift.Faster.Outcomes, 1, 1<<30)
	q := h.Quality
	k.within("health.quality.min_outcomes", q.MinOutcomes, 1, 1<<30)
	k.within("health.quality.min_positive", q.MinPositive, 1, 1<<30)
	k.that(q.MinOutcomes <= h.Drift.Window, "health.quality.min_outcomes", "is beyond health.drift.window, %d: no head would ever be judged", h.Drift.Window)
	for _, f := range []struct {
		name string
		x    float64
	}{{"max_entropy", q.MaxEntropy}, {"max_loss", q.MaxLoss}, {"calibration", q.Calibration}, {"max_weights", q.MaxWeights}} {
		k.that(f.x > 1 && f.x <= 1e6, "health.quality."+f.name, "must be above 1, at most 1e6")
	}
	k.that(q.MaxRefused > 0 && q.MaxRefused <= 1, "health.quality.max_refused", "must be a share, above 0 and at most 1")
	k.that(h.Autosave.Every == 0 || h.Autosave.Every >= time.Second, "health.autosave.every", "must be 0 (off) or at least 1s")
	k.within("health.autosave.keep", h.Autosave.Keep, 1, 1000)
	k.that(!h.Rollback.Enabled || h.Rollback.Pause >= time.Second, "health.rollback.pause", "must be at least 1s")
	k.within("health.promotion.min_outcomes", h.Promotion.MinOutcomes, 0, 1<<30)
	k.that(h.Promotion.Tolerance >= 0 && h.Promotion.Tolerance <= 10, "health.promotion.tolerance", "must lie between 0 and 10")
	k.that(h.CheckEvery >= 100*time.Millisecond, "health.check_every", "must be at least 100ms")
}
