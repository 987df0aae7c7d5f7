package feedback

import "fmt"

// Counters tell what became of the impressions. They are part of the state: a restart does not reset them.
type Counters struct {
	Exposures          int64 // impressions that were shown, however it became known
	ImpliedExposures   int64 // of these: known from an outcome alone
	DuplicateExposures int64 // repeated, and ignored
	CapturedLate       int64 // of Exposures: not learned, since an outcome was applied before the served list
	Served             int64 // items of served lists that were parked
	Unexposed          int64 // of these: dropped when their window had passed without an exposure
	Forgotten          int64 // hashes of closed impressions, not impressions: forgotten before LateMemory was over, for LateMax
	Heads              []HeadCounters
}

// HeadCounters tell what became of the impressions under one head.
type HeadCounters struct {
	Name              string
	Pending           int64 // shown, outcome not final yet
	Positive          int64
	Negative          int64 // window closed without an outcome
	Erased            int64 // erased while pending
	LateOutcomes      int64 // outcomes, not impressions: outside the window, or after it was closed
	DuplicateOutcomes int64 // outcomes of what was positive already
}

// Check returns an error unless every exposure is accounted for, once, under every head.
func (c *Counters) Check() error {
	for _, h := range c.Heads {
		sum := h.Positive + h.Negative + h.Pending + h.Erased + c.CapturedLate
		if sum != c.Exposures {
			return fmt.Errorf("head %q: %d exposures, but %d positive + %d negative + %d pending + %d erased + %d captured late = %d",
				h.Name, c.Exposures, h.Positive, h.Negative, h.Pending, h.Erased, c.CapturedLate, sum)
		}
	}
	return nil
}

// fixed returns the counters that there is one of, in the order of their encoding. A number is only ever added
// at the end, with a new version of the encoding.
func (c *Counters) fixed() []*int64 {
	return []*int64{&c.Exposures, &c.ImpliedExposures, &c.DuplicateExposures, &c.CapturedLate, &c.Served, &c.Unexposed, &c.Forgotten}
}

// all returns the counters of a head in the order of their encoding.
func (h *HeadCounters) all() []*int64 {
	return []*int64{&h.Pending, &h.Positive, &h.Negative, &h.Erased, &h.LateOutcomes, &h.DuplicateOutcomes}
}
