package parity

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// Unknown is the name under which slots are counted of which no feature is known to make them.
const Unknown = "(unknown)"

// maxExamples bounds the examples of one feature.
const maxExamples = 3

// Options of a comparison. A zero field leaves nothing out.
type Options struct {
	Since, Until event.Time // when an impression was shown, or else captured: from Since on, before Until
}

// Report is what a comparison has found.
type Report struct {
	Compared    int64       `json:"compared"` // impressions
	Missing     int64       `json:"missing"`  // impressions that the replay has and the server had not
	Extra       int64       `json:"extra"`    // impressions that the server had and the replay has not
	Features    []Feature   `json:"features"`
	Predictions Predictions `json:"predictions"`
	Examples    []string    `json:"examples"` // of impressions on one side alone
}

// Feature counts the slots of one feature.
type Feature struct {
	Name     string   `json:"name"`
	Slots    int64    `json:"slots"`    // that the replay has
	Mismatch int64    `json:"mismatch"` // the server had another value, or another category
	Missing  int64    `json:"missing"`  // the replay has it, the server had not
	Extra    int64    `json:"extra"`    // the server had it, the replay has not
	Examples []string `json:"examples,omitempty"`
}

// Predictions compares what the model predicted at capture. It says something of the features only where both sides are the
// work of one binary: the weights are sums of floats in one order.
type Predictions struct {
	Compared  int64   `json:"compared"`
	Different int64   `json:"different"`
	Greatest  float64 `json:"greatest_difference"`
}

// Equal reports whether all vectors are the same. Predictions are another matter.
func (r *Report) Equal() bool {
	return r.Missing == 0 && r.Extra == 0 &&
		!slices.ContainsFunc(r.Features, func(f Feature) bool { return f.Mismatch+f.Missing+f.Extra > 0 })
}

// comparison is one under way.
type comparison struct {
	*Recorder
	report   *Report
	features map[string]*Feature
	rest     map[uint64]*capture // of the replay's: those not seen yet
}

// Compare holds what each calls its argument with, the impressions that a server had pending, against what the recorder has of the
// replay up to the same place of the log.
func Compare(r *Recorder, each func(func(*feedback.Pending) bool) error, opts Options) (*Report, error) {
	c := &comparison{Recorder: r, report: &Report{Features: []Feature{}, Examples: []string{}}, features: map[string]*Feature{}, rest: maps.Clone(r.waiting)}
	chosen := func(t event.Time) bool { return t >= opts.Since && (opts.Until == 0 || t < opts.Until) }
	err := each(func(p *feedback.Pending) bool {
		if chosen(p.Base) {
			c.impression(p)
		} else {
			delete(c.rest, p.ID)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(c.rest)) {
		if rest := c.rest[id]; chosen(rest.base) {
			c.report.Missing++
			c.lonely("the server had no impression of %s at %v", rest.what, rest.base.Time())
		}
	}
	c.finish()
	return c.report, nil
}

// finish puts the features into the order of their definitions, the others behind them.
func (c *comparison) finish() {
	add := func(name string) {
		if f := c.features[name]; f != nil {
			c.report.Features = append(c.report.Features, *f)
			delete(c.features, name)
		}
	}
	for _, column := range c.columns {
		add(column.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.features)) {
		add(name)
	}
}

func (c *comparison) lonely(format string, args ...any) {
	if len(c.report.Examples) < maxExamples {
		c.report.Examples = append(c.report.Examples, fmt.Sprintf(format, args...))
	}
}

// impression compares one that the server had.
func (c *comparison) impression(p *feedback.Pending) {
	own := c.rest[p.ID]
	if own == nil || own.shown != p.Exposed || own.shown && own.base != p.Base {
		c.report.Extra++
		c.lonely("the replay has no impression %d of %v", p.ID, p.Base.Time())
		return
	}
	delete(c.rest, p.ID)
	c.report.Compared++
	c.vector(own, own.shared, features.Vector(p.Vectors.Shared))
	c.vector(own, own.own, features.Vector(p.Vectors.Own))
	for h, was := range p.Vectors.P {
		c.report.Predictions.Compared++
		if is := own.p[h]; math.Float32bits(is) != math.Float32bits(was) {
			c.report.Predictions.Different++
			c.report.Predictions.Greatest = max(c.report.Predictions.Greatest, math.Abs(float64(is)-float64(was)))
		}
	}
}

// vector compares two vectors, slot by slot. Where slots differ, a number is missing or extra by its slot, and categories are
// paired in the order in which they stand: the features come in one order on both sides.
func (c *comparison) vector(of *capture, is []slot, was features.Vector) {
	var inIs, inWas map[uint32]int
	if !slices.EqualFunc(is, was.Slots, func(a slot, b uint32) bool { return a.slot == b }) {
		inIs, inWas = counts(is, nil), counts(nil, was.Slots)
	}
	i, j := 0, 0
	for i < len(is) || j < len(was.Slots) {
		var f *Feature
		if i < len(is) {
			f = c.feature(c.names[is[i].name])
		}
		switch {
		case i < len(is) && j < len(was.Slots) && is[i].slot == was.Slots[j]:
			if x, y := is[i].value, value(was, j); math.Float32bits(x) != math.Float32bits(y) {
				f.Mismatch++
				f.example("captured %v, recomputed %v: %s", y, x, of.what)
			}
			j++
		case i == len(is) || j < len(was.Slots) && inIs[was.Slots[j]] == 0 && (c.known(was.Slots[j]) || inWas[is[i].slot] > 0):
			f = c.feature(c.nameOf(was.Slots[j]))
			f.Extra++
			f.example("captured %v in slot %d, recomputed none: %s", value(was, j), was.Slots[j], of.what)
			j++
			continue
		case j == len(was.Slots) || inWas[is[i].slot] == 0 && (inIs[was.Slots[j]] > 0 || c.known(is[i].slot)):
			f.Missing++
			f.example("captured none, recomputed %v in slot %d: %s", is[i].value, is[i].slot, of.what)
		default:
			f.Mismatch++
			f.example("captured slot %d, recomputed slot %d: %s", was.Slots[j], is[i].slot, of.what)
			j++
		}
		f.Slots++
		i++
	}
}

func counts(is []slot, was []uint32) map[uint32]int {
	n := make(map[uint32]int, len(is)+len(was))
	for _, s := range is {
		n[s.slot]++
	}
	for _, s := range was {
		n[s]++
	}
	return n
}

// known reports whether a slot is a number's.
func (c *comparison) known(s uint32) bool { return c.numbers[c.slots[s]] }

// nameOf is the feature behind a slot, as far as it is known.
func (c *comparison) nameOf(s uint32) string {
	if name := c.slots[s]; name != "" {
		return name
	}
	return Unknown
}

func (c *comparison) feature(name string) *Feature {
	f := c.features[name]
	if f == nil {
		f = &Feature{Name: name}
		c.features[name] = f
	}
	return f
}

func (f *Feature) example(format string, args ...any) {
	if len(f.Examples) < maxExamples {
		f.Examples = append(f.Examples, fmt.Sprintf(format, args...))
	}
}
