package engine

import (
	"github.com/prometheus/client_golang/prometheus"

	"recsvc/internal/features"
)

// patternCollector exports the figures of patterns. It reads them under the store's read lock.
type patternCollector struct {
	store                          *features.Store
	matches, givenUp, late, inHand *prometheus.Desc
	waiting, overflow, open        *prometheus.Desc
}

// NewPatternCollector exports what the patterns of a store find, and what they had to let go.
func NewPatternCollector(s *features.Store) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"pattern"}, nil)
	}
	whole := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &patternCollector{
		waiting:  whole("recsvc_outbox_waiting", "Outputs that are not delivered."),
		overflow: whole("recsvc_outbox_overflow_total", "Outputs that were not taken in, since the outbox was full."),
		open:     whole("recsvc_outbox_open", "Patterns whose matches are sent from now on."),

		store:   s,
		matches: desc("recsvc_patterns_matches_total", "Matches, those found while the log is caught up with included."),
		givenUp: desc("recsvc_patterns_given_up_total", "Unfinished matches that gave way because their key had too many."),
		late:    desc("recsvc_patterns_late_total", "Events that a pattern in event time did not see, since they came after the watermark."),
		inHand:  desc("recsvc_patterns_keys", "Keys that something is remembered of."),
	}
}

// Describe implements prometheus.Collector.
func (c *patternCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.matches, c.givenUp, c.late, c.inHand, c.waiting, c.overflow, c.open} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *patternCollector) Collect(ch chan<- prometheus.Metric) {
	c.store.RLock()
	stats := c.store.PatternStats()
	out := c.store.OutboxStats()
	c.store.RUnlock()
	ch <- prometheus.MustNewConstMetric(c.waiting, prometheus.GaugeValue, float64(out.Waiting))
	ch <- prometheus.MustNewConstMetric(c.overflow, prometheus.CounterValue, float64(out.Overflow))
	ch <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, float64(len(out.Open)))
	for _, s := range stats {
		for d, n := range map[*prometheus.Desc]uint64{c.matches: s.Matches, c.givenUp: s.GivenUp, c.late: s.Late} {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), s.Name)
		}
		ch <- prometheus.MustNewConstMetric(c.inHand, prometheus.GaugeValue, float64(s.Keys), s.Name)
	}
}
