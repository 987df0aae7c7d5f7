package engine

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"recsvc/internal/feedback"
)

// tellStalls logs what has become of the outcomes of each head since the last time: that they have stopped, or come again.
func (e *Engine) tellStalls(c *feedback.Counters) {
	for i := range c.Heads {
		h := &c.Heads[i]
		if h.Stalled == e.stalled[i] {
			continue
		}
		if e.stalled[i] = h.Stalled; h.Stalled {
			e.log.Warn("outcomes have stopped while exposures go on: what is shown is not learned until they come again",
				zap.String("head", h.Name), zap.Time("from", h.StalledFrom.Time()))
			continue
		}
		e.log.Info("outcomes come again", zap.String("head", h.Name), zap.Int64("dropped", h.Dropped))
	}
}

// feedbackCollector exports what the join has counted, over the life of the state, not of the process.
type feedbackCollector struct {
	engine                                 *Engine
	events, outcomes, stalled, stalls, gap *prometheus.Desc
}

// NewFeedbackCollector exports what became of exposures and outcomes, and whether outcomes have stopped.
func NewFeedbackCollector(e *Engine) prometheus.Collector {
	heads := []string{"model", "head"}
	return &feedbackCollector{
		engine: e,
		events: prometheus.NewDesc("recsvc_feedback_events",
			"Exposures, served items and outcomes that were more or less than plain evidence, over the life of the state.", []string{"what"}, nil),
		outcomes: prometheus.NewDesc("recsvc_feedback_outcomes",
			"Outcomes and negatives that a head did not learn as they came, over the life of the state.", append(heads, "what"), nil),
		stalled: prometheus.NewDesc("recsvc_feedback_stalled", "1 while the outcomes of a head have stopped and exposures go on.", heads, nil),
		stalls:  prometheus.NewDesc("recsvc_feedback_stalls", "Times that the outcomes of a head have stopped while exposures went on, over the life of the state.", heads, nil),
		gap: prometheus.NewDesc("recsvc_feedback_stalled_seconds",
			"Event time since it was found that the outcomes of a head have stopped; 0 while they come.", heads, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *feedbackCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.events, c.outcomes, c.stalled, c.stalls, c.gap} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *feedbackCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.engine.Status()
	gauge := func(d *prometheus.Desc, x float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, labels...)
	}
	f := &s.Feedback
	for what, n := range map[string]int64{
		"served": f.Served, "unexposed": f.Unexposed, "implied": f.ImpliedExposures, "duplicate": f.DuplicateExposures,
		"captured_late": f.CapturedLate, "brief": f.BriefExposures, "unseen": f.Unseen, "over_quota": f.OverQuota, "drawn": f.Unseens,
	} {
		gauge(c.events, float64(n), what)
	}
	for i := range f.Heads {
		h := &f.Heads[i]
		model, head, _ := strings.Cut(h.Name, "/")
		for what, n := range map[string]int64{
			"late": h.LateOutcomes, "duplicate": h.DuplicateOutcomes, "unconfirmed": h.Unconfirmed, "left_out": h.LeftOut, "dropped": h.Dropped,
			"absent": h.Absent,
		} {
			gauge(c.outcomes, float64(n), model, head, what)
		}
		stalled, since := 0.0, time.Duration(0)
		if h.Stalled {
			stalled, since = 1, max(0, time.Duration(s.Newest-h.StalledFrom))
		}
		gauge(c.stalled, stalled, model, head)
		gauge(c.stalls, float64(h.Stalls), model, head)
		gauge(c.gap, since.Seconds(), model, head)
	}
}
