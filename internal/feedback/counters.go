package feedback

import (
	"fmt"

	"recsvc/internal/event"
)

// Counters tell what became of the impressions. They are part of the state: a restart does not reset them.
type Counters struct {
	Exposures          int64 // impressions that were shown, however it became known
	ImpliedExposures   int64 // of these: known from an outcome alone
	DuplicateExposures int64 // repeated, and ignored
	CapturedLate       int64 // of Exposures: not learned, since an outcome was applied before the served list
	Served             int64 // items of served lists that were parked
	Unexposed          int64 // of these: dropped when their window had passed without an exposure
	Forgotten          int64 // hashes of closed impressions, not impressions: forgotten before LateMemory was over, for LateMax
	BriefExposures     int64 // exposures for too short a time to be evidence
	Unseen             int64 // impressions: dropped when their window had passed without a longer exposure or an outcome
	OverQuota          int64 // outcomes, not impressions: without effect, for their user had too many within a minute
	Unseens            int64 // items, not impressions: drawn from those that were not shown, as negatives
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
	Unconfirmed       int64 // impressions with an outcome that nothing confirmed: of Negative, or Dropped
	LeftOut           int64 // negatives, not impressions alone: not learned, since only a sample is
	Stalls            int64 // times that outcomes were found to have stopped
	Dropped           int64 // shown while they had, and neither learned nor settled: too few of their outcomes came
	Absent            int64 // shown, but captured before the head was there: neither learned nor settled

	Stalled     bool       // outcomes have stopped
	StalledFrom event.Time // when that was found
}

// Check returns an error unless every exposure is accounted for, once, under every head.
func (c *Counters) Check() error {
	for _, h := range c.Heads {
		sum := h.Positive + h.Negative + h.Pending + h.Erased + h.Dropped + h.Absent + c.CapturedLate
		if sum != c.Exposures {
			return fmt.Errorf("head %q: %d exposures, but %d positive + %d negative + %d pending + %d erased + %d dropped + %d absent + %d captured late = %d",
				h.Name, c.Exposures, h.Positive, h.Negative, h.Pending, h.Erased, h.Dropped, h.Absent, c.CapturedLate, sum)
		}
	}
	return nil
}

// fixed returns the counters that there is one of, in the order of their encoding. A number is only ever added
// at the end, with a new version of the encoding.
func (c *Counters) fixed() []*int64 {
	return []*int64{
		&c.Exposures, &c.ImpliedExposures, &c.DuplicateExposures, &c.CapturedLate, &c.Served, &c.Unexposed, &c.Forgotten,
		&c.BriefExposures, &c.Unseen, &c.OverQuota, &c.Unseens,
	}
}

// headCountersV3 is how many of all there were in globals of version 3.
const headCountersV3 = 10

// all returns the counters of a head in the order of their encoding.
func (h *HeadCounters) all() []*int64 {
	return []*int64{
		&h.Pending, &h.Positive, &h.Negative, &h.Erased, &h.LateOutcomes, &h.DuplicateOutcomes,
		&h.Unconfirmed, &h.LeftOut, &h.Stalls, &h.Dropped, &h.Absent,
	}
}
