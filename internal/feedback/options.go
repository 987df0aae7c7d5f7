package feedback

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// Delay says when a head learns from an impression.
type Delay string

// The delay modes.
const (
	Correct      Delay = "correct"       // y = 0 when exposed; a later outcome corrects it
	Close        Delay = "close"         // once, when the head's window closes
	FakeNegative Delay = "fake_negative" // y = 0 when exposed, y = 1 when the outcome comes, with weights that make up for it

	// FakeCalibrated: likewise, without weights: who predicts makes p = b/(1−b) of what is learned.
	FakeCalibrated Delay = "fake_negative_calibrated"
)

func (d Delay) fakes() bool { return d == FakeNegative || d == FakeCalibrated }

// Examination says how a head treats the probability θ that a position is looked at.
type Examination string

// The examination models. Only the two latter are given θ; the former gets 1.
const (
	ExamineNone Examination = "none"
	ExaminePBM  Examination = "pbm"
	ExamineSoft Examination = "soft"
)

// Label names an event type that makes an impression positive.
type Label struct {
	Type string
	Min  *float64 // the least value that counts; nil: any, even none
}

// Sampling says which negatives a head learns. It is no matter of what is settled: every exposure is.
type Sampling struct {
	Keep float64 // the share that is learned, by a hash of the impression, in (0, 1]; 1
	// Odds: those that are kept weigh what they would without sampling, so that the head predicts odds that are 1/Keep times too
	// great; who predicts adds ln Keep to the logit. false: they weigh 1/Keep times as much.
	Odds bool
	// Pool is how many negatives are learned of each slice of event time, at its end: a priority sample of those that were kept. 0: all,
	// at once.
	Pool  int
	Slice time.Duration // 10m
}

// HeadOptions describe one objective. A zero field takes the default named beside it.
type HeadOptions struct {
	Name        string
	Positive    []Label       // any of them
	Window      time.Duration // how long after its exposure an outcome counts, both ends included; 30m
	Delay       Delay         // Correct
	Examination Examination   // ExamineNone
	Confirm     *Label        // an event that an outcome needs beside it to count, before it or after, in the same window; nil: none
	ValueCap    float64       // a positive weighs min(1 + ln(1 + the value of its event), this), from 1 to 255; 0: 1
	Sampling    Sampling
	Unseen      UnseenOptions
	Raw         bool // a second prediction is kept with each impression, of a head whose first one is corrected: see Captured
}

// Options configure a Joiner. A zero field takes the default named beside it.
type Options struct {
	Heads []HeadOptions

	// ExposureWait is how long, in event time, an outcome waits for its exposure before it implies it. A late
	// exposure in turn waits as long for its outcomes, whatever its own time; 5s.
	ExposureWait time.Duration
	// LateMemory is how long closed impressions are remembered, so that a later outcome is known to be late and
	// a repeated exposure to be a duplicate, at most 7 days. It is kept by the hour: the memory is up to an hour longer; 24h.
	LateMemory time.Duration

	// LateMax bounds how many hashes of closed impressions are remembered, two for each; about 11 bytes each. Above it the
	// oldest 64th is forgotten before its time, and what comes for it is taken for something new; 20 million.
	LateMax int

	// MinVisible is the least value, in seconds, of an exposure that says for how long the item could be seen: one below it is
	// no evidence that the item was seen. One that does not say is. 0: any is.
	MinVisible float64
	// MaxOutcomes is how many events of one user within a minute may be outcomes; those beyond have no effect. 0: any number.
	MaxOutcomes int
	// Stalls says when the outcomes of a head count as stopped.
	Stalls StallOptions

	// Watch follows every impression; nil: nobody does.
	Watch Watcher

	// Cold reads what the last committed checkpoint has of the join. With it, what is in there just as it is may leave
	// memory. It must answer from EndLoad on. nil: everything stays in memory.
	Cold dirty.Reader
	// Bytes is how much memory the Joiner may take, where Cold allows; see SetBytes. 0: any.
	Bytes int64

	// Positions holds the probability that a position is examined, in (0, 1], from position 1 on. Beyond its end
	// the last one holds; without it, and without a position, the probability is 1.
	Positions []float64
	// ScenePositions replaces Positions for lists served in the named scenes.
	ScenePositions map[string][]float64

	// Examiner knows better; nil: nobody does. It is told what comes of the head Judged.
	Examiner Examiner
	Judged   int

	// Weigher says what impressions weigh; nil: what ShownClip says.
	Weigher Weigher

	// ShownClip is M in the weight min(1/propensity, M) of what was shown; at least 1. 0: every weight is 1.
	ShownClip float64

	// ServedIsExposure names the scenes in which to serve an item is to show it.
	ServedIsExposure map[string]bool
}

// head is a HeadOptions, ready for use.
type head struct {
	name     string
	window   event.Time // length, in nanoseconds
	delay    Delay
	examined bool
	confirms bool    // an outcome needs a confirmation
	cap      float64 // of the weight of a positive; 0: none
	keep     uint64  // negatives whose hash is less are kept
	inverse  float32 // the weight of those
	odds     bool
	unseen   float32 // weight
	raw      int     // place among the raw predictions; -1: keeps none
}

// rule makes events of its type positive for a head, or confirm what is.
type rule struct {
	head     int
	any      bool // whatever the value
	min      float64
	confirms bool
}

func (r rule) holds(e *event.Event) bool {
	return r.any || (e.HasValue && e.Value >= r.min)
}

func (o *Options) setDefaults() {
	if o.ExposureWait == 0 {
		o.ExposureWait = 5 * time.Second
	}
	if o.LateMemory == 0 {
		o.LateMemory = 24 * time.Hour
	}
	if o.LateMax == 0 {
		o.LateMax = 20_000_000
	}
	if o.Watch == nil {
		o.Watch = unwatched{}
	}
	o.Stalls.setDefaults()
	o.Heads = slices.Clone(o.Heads)
	for i := range o.Heads {
		h := &o.Heads[i]
		if h.Window == 0 {
			h.Window = 30 * time.Minute
		}
		if h.Delay == "" {
			h.Delay = Correct
		}
		if h.Examination == "" {
			h.Examination = ExamineNone
		}
		if h.Sampling.Keep == 0 {
			h.Sampling.Keep = 1
		}
		if h.Unseen.Weight == 0 {
			h.Unseen.Weight = 1
		}
		if h.Sampling.Slice == 0 {
			h.Sampling.Slice = 10 * time.Minute
		}
	}
}

const (
	maxHeads  = 64
	maxWindow = 366 * 24 * time.Hour
	maxPool   = 1 << 20
	maxLate   = 7 * 24 * time.Hour // with its hours the set of prints tells them apart
)

func (o *Options) check() error {
	if len(o.Heads) == 0 || len(o.Heads) > maxHeads {
		return fmt.Errorf("heads: want 1 to %d, got %d", maxHeads, len(o.Heads))
	}
	seen := map[string]bool{}
	for i := range o.Heads {
		h := &o.Heads[i]
		if err := h.check(); err != nil {
			return fmt.Errorf("head %q: %w", h.Name, err)
		}
		if seen[h.Name] {
			return fmt.Errorf("head %q: defined twice", h.Name)
		}
		seen[h.Name] = true
	}
	if o.ExposureWait < 0 || o.ExposureWait > maxWindow {
		return fmt.Errorf("exposure wait %v: want more than 0, at most %v", o.ExposureWait, maxWindow)
	}
	if o.LateMemory < 0 || o.LateMemory > maxLate {
		return fmt.Errorf("late memory %v: want more than 0, at most %v", o.LateMemory, maxLate)
	}
	if o.LateMax < 0 {
		return fmt.Errorf("late max %d: want more than 0", o.LateMax)
	}
	if o.Bytes < 0 {
		return fmt.Errorf("bytes %d: want 0 (any) or more", o.Bytes)
	}
	if o.ShownClip != 0 && (!(o.ShownClip >= 1) || math.IsInf(o.ShownClip, 0)) {
		return fmt.Errorf("shown clip %v: want 0 (off) or a number from 1 on", o.ShownClip)
	}
	if !(o.MinVisible >= 0) || math.IsInf(o.MinVisible, 0) {
		return fmt.Errorf("min visible %v: want 0 (any) or seconds", o.MinVisible)
	}
	if o.MaxOutcomes < 0 || o.MaxOutcomes > math.MaxInt32 {
		return fmt.Errorf("max outcomes %d: want 0 (any) or more", o.MaxOutcomes)
	}
	if o.Judged < 0 || o.Judged >= len(o.Heads) {
		return fmt.Errorf("judged head %d: want one of %d", o.Judged, len(o.Heads))
	}
	if err := o.Stalls.check(); err != nil {
		return fmt.Errorf("stalls: %w", err)
	}
	if err := checkPositions(o.Positions); err != nil {
		return fmt.Errorf("positions: %w", err)
	}
	for scene, table := range o.ScenePositions {
		if err := checkPositions(table); err != nil {
			return fmt.Errorf("positions of scene %q: %w", scene, err)
		}
	}
	return nil
}

func (h *HeadOptions) check() error {
	if h.Name == "" {
		return errors.New("no name")
	}
	if h.Window < 0 || h.Window > maxWindow {
		return fmt.Errorf("window %v: want more than 0, at most %v", h.Window, maxWindow)
	}
	if h.Delay != Correct && h.Delay != Close && !h.Delay.fakes() {
		return fmt.Errorf("delay %q: want %q, %q, %q or %q", h.Delay, Correct, Close, FakeNegative, FakeCalibrated)
	}
	switch h.Examination {
	case ExamineNone, ExaminePBM, ExamineSoft:
	default:
		return fmt.Errorf("examination %q: want %q, %q or %q", h.Examination, ExamineNone, ExaminePBM, ExamineSoft)
	}
	if err := h.checkWeights(); err != nil {
		return err
	}
	if len(h.Positive) == 0 {
		return errors.New("no positive event type")
	}
	for _, l := range h.Positive {
		if l.Type == "" || l.Type == exposureType {
			return fmt.Errorf("positive event type %q: want the type of an outcome", l.Type)
		}
		if l.Min != nil && math.IsNaN(*l.Min) {
			return fmt.Errorf("least value of %q: not a number", l.Type)
		}
		if h.Confirm != nil && h.Confirm.Type == l.Type {
			return fmt.Errorf("confirmation by %q: an event cannot confirm itself", l.Type)
		}
	}
	if c := h.Confirm; c != nil && (c.Type == "" || c.Type == exposureType || c.Min != nil && math.IsNaN(*c.Min)) {
		return fmt.Errorf("confirmation by %q: want the type of an outcome, and a least value that is a number", c.Type)
	}
	return nil
}

// checkWeights refuses what would not add up: the weights of fake negatives and the odds of a sample are worked out for
// plain log-loss.
func (h *HeadOptions) checkWeights() error {
	s := h.Sampling
	switch {
	case h.ValueCap != 0 && !(h.ValueCap >= 1 && h.ValueCap <= maxGain):
		return fmt.Errorf("value cap %v: want 0 (off) or a number from 1 to %d", h.ValueCap, maxGain)
	case !(s.Keep > 0 && s.Keep <= 1):
		return fmt.Errorf("keep %v of the negatives: want a share in (0, 1]", s.Keep)
	case h.Unseen.N < 0 || h.Unseen.N > maxUnseen:
		return fmt.Errorf("%d unseen items for an exposure: want 0 to %d", h.Unseen.N, maxUnseen)
	case !(h.Unseen.Weight > 0 && h.Unseen.Weight <= maxGain):
		return fmt.Errorf("weight %v of an unseen item: want more than 0, at most %d", h.Unseen.Weight, maxGain)
	case s.Pool < 0 || s.Pool > maxPool:
		return fmt.Errorf("pool of %d negatives: want 0 (none) to %d", s.Pool, maxPool)
	case s.Slice < time.Second || s.Slice > maxWindow:
		return fmt.Errorf("slice %v of a pool: want a second or more, at most %v", s.Slice, maxWindow)
	case s.Pool > 0 && s.Odds:
		return errors.New("odds of sampled negatives: want no pool, whose negatives weigh what they stand for")
	case s.Odds && h.Delay.fakes():
		return errors.New("odds of sampled negatives: want delay correct or close")
	case s.Odds && h.Examination != ExamineNone:
		return errors.New("odds of sampled negatives: want examination none")
	case h.Delay.fakes() && h.Examination != ExamineNone:
		return fmt.Errorf("delay %s: want examination none", h.Delay)
	case h.Delay.fakes() && h.ValueCap != 0:
		return fmt.Errorf("delay %s: want no weight by value", h.Delay)
	}
	return nil
}

func checkPositions(table []float64) error {
	for i, p := range table {
		if !(p > 0 && p <= 1) {
			return fmt.Errorf("position %d: %v: want a probability in (0, 1]", i+1, p)
		}
	}
	return nil
}

// rulesOf returns the rules by event type, at most one for each head, in the order of the heads.
func rulesOf(heads []HeadOptions) map[string][]rule {
	rules := map[string][]rule{}
	for i, h := range heads {
		for _, l := range h.Positive {
			r := rule{head: i, any: l.Min == nil}
			if l.Min != nil {
				r.min = *l.Min
			}
			list := rules[l.Type]
			if n := len(list); n > 0 && list[n-1].head == i { // the same type twice: the wider holds
				list[n-1].any = list[n-1].any || r.any
				list[n-1].min = min(list[n-1].min, r.min)
				continue
			}
			rules[l.Type] = append(list, r)
		}
		if c := h.Confirm; c != nil {
			r := rule{head: i, any: c.Min == nil, confirms: true}
			if c.Min != nil {
				r.min = *c.Min
			}
			rules[c.Type] = append(rules[c.Type], r)
		}
	}
	return rules
}

func float32s(table []float64) []float32 {
	out := make([]float32, len(table))
	for i, p := range table {
		out[i] = float32(p)
	}
	return out
}
