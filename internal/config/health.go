package config

import "time"

// Health says what is watched for change, and what happens when a model goes bad.
type Health struct {
	Drift Drift `yaml:"drift"`
}

// Drift feeds the detectors. A change of it is one of the definitions: what the detectors know is learned anew with all else.
type Drift struct {
	Features Strings       `yaml:"features"` // numeric features that are watched, at most 8; absent: the first few of users and of items
	Sample   int           `yaml:"sample"`   // one capture in so many is given to the detectors of features and predictions; 16
	Slice    time.Duration `yaml:"slice"`    // event time whose distribution is compared with the past; 1h
	Window   int           `yaml:"window"`   // outcomes that count as recent; 2000
}

func defaultHealth() Health {
	return Health{Drift: Drift{Sample: 16, Slice: time.Hour, Window: 2000}}
}

// maxWatched is how many features may be watched.
const maxWatched = 8

func (k *checker) health() {
	h := k.c.Health
	k.that(len(h.Drift.Features) <= maxWatched, "health.drift.features", "names %d features; at most %d are watched", len(h.Drift.Features), maxWatched)
	k.within("health.drift.sample", h.Drift.Sample, 1, 1_000_000)
	k.that(h.Drift.Slice >= time.Second, "health.drift.slice", "must be at least 1s")
	k.within("health.drift.window", h.Drift.Window, 10, 50_000)
}
