package config

import (
	"strings"
	"time"
)

// Sample says which negatives a head learns.
type Sample struct {
	Negatives float64       `yaml:"negatives"` // share of them that is learned, each 1/share times as heavy; 1
	Odds      bool          `yaml:"odds"`      // none is heavier: the odds are put right when predicting; false
	Pool      int           `yaml:"pool"`      // learn so many of each slice of time, at its end; 0: all, at once
	Slice     time.Duration `yaml:"slice"`     // of a pool; 10m
	Unseen    Unseen        `yaml:"unseen"`
}

// Unseen asks for items that were not shown as further negatives.
type Unseen struct {
	PerExposure int     `yaml:"per_exposure"` // so many are drawn; 0
	By          string  `yaml:"by"`           // uniform or popularity; uniform
	Weight      float64 `yaml:"weight"`       // of each; 1
}

// Stalls says when the outcomes of a head count as stopped, so that its negatives wait.
type Stalls struct {
	Missing  float64       `yaml:"missing"`   // so many were to be expected since the last one; 0: never; 100
	After    time.Duration `yaml:"after"`     // and the last one is so long ago; 1m
	HalfLife time.Duration `yaml:"half_life"` // of the averages that the expectation rests upon; 6h
}

func defaultFeedback() Feedback {
	return Feedback{
		ExposureWait: 5 * time.Second, LateMemory: 24 * time.Hour,
		Stalls:     Stalls{Missing: 100, After: time.Minute, HalfLife: 6 * time.Hour},
		Popularity: Popularity{Clip: 10}, Examination: defaultExamination(),
	}
}

// evidence checks what counts as evidence for a head, and how much.
func (k *checker) evidence(path string, h *Head) {
	if h.Confirm.Type == "" {
		k.that(h.Confirm.Min == nil, path+".confirm.type", "needs an event type")
	}
	for _, o := range h.Positive {
		k.that(h.Confirm.Type == "" || h.Confirm.Type != o.Type, path+".confirm.type", "an event cannot confirm itself: name another type than those of positive")
	}
	k.that(h.Confirm.Type != "exposure", path+".confirm.type", "an exposure confirms nothing: name the type of an outcome, such as dwell")
	k.that(h.WeightBy == "" || h.WeightBy == "value", path+".weight_by", "unknown word %s; known is value", quote(h.WeightBy))
	k.that(h.WeightCap >= 1 && h.WeightCap <= 255, path+".weight_cap", "must lie between 1 and 255")
	s := h.Sample
	k.that(s.Negatives > 0 && s.Negatives <= 1, path+".sample.negatives", "must lie in (0, 1]")
	if strings.HasPrefix(h.Delay, "fake_negative") {
		k.that(h.Examination == "none", path+".delay", "%s needs examination none: its weights are those of plain log-loss; write correct or close", h.Delay)
		k.that(h.WeightBy == "", path+".delay", "%s cannot weigh by value; write correct or close", h.Delay)
		k.that(!s.Odds, path+".delay", "%s cannot have sample.odds; write correct or close", h.Delay)
	}
	k.that(!s.Odds || h.Examination == "none", path+".sample.odds", "needs examination none: only the odds of plain log-loss can be put right when predicting")
	k.that(!s.Odds || s.Pool == 0, path+".sample.odds", "cannot have a pool, whose negatives weigh what they stand for")
	k.within(path+".sample.unseen.per_exposure", s.Unseen.PerExposure, 0, 64)
	k.word(path+".sample.unseen.by", s.Unseen.By, []string{"uniform", "popularity"})
	k.that(s.Unseen.Weight > 0 && s.Unseen.Weight <= 255, path+".sample.unseen.weight", "must be above 0, and at most 255")
	k.within(path+".sample.pool", s.Pool, 0, 1<<20)
	k.that(s.Slice >= time.Second && s.Slice <= 366*24*time.Hour, path+".sample.slice", "must lie between 1s and 8784h")
}

func (k *checker) stalls() {
	f := k.c.Feedback
	k.within("feedback.max_outcomes", f.MaxOutcomes, 0, 1_000_000)
	k.that(f.Stalls.Missing == 0 || f.Stalls.Missing >= 1 && f.Stalls.Missing <= 1e9, "feedback.stalls.missing", "must be 0 (never) or lie between 1 and 1e9")
	k.positive("feedback.stalls.after", f.Stalls.After)
	k.that(f.Stalls.HalfLife >= time.Second && f.Stalls.HalfLife <= 366*24*time.Hour, "feedback.stalls.half_life", "must lie between 1s and 8784h")
}
