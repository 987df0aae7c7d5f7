package engine

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// lawCollector exports the two conservation laws, both sides of each: who distrusts the check can add up for himself. It reads
// what the engine publishes, and counts over the life of the state, not of the process.
type lawCollector struct {
	engine                       *Engine
	records, exposures, violated *prometheus.Desc
}

// NewLawCollector exports the conservation laws of an engine.
func NewLawCollector(e *Engine) prometheus.Collector {
	return &lawCollector{
		engine: e,
		records: prometheus.NewDesc("recsvc_law_records",
			"Records of the log over the life of the state: received = applied + duplicate + late + dead_lettered.", []string{"part"}, nil),
		exposures: prometheus.NewDesc("recsvc_law_exposures",
			"Exposures over the life of the state, by model and head: exposures = positive + negative + expired + pending.", []string{"model", "head", "part"}, nil),
		violated: prometheus.NewDesc("recsvc_law_violated",
			"1 while a conservation law does not hold, which is a defect of the server.", []string{"law"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *lawCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.records, c.exposures, c.violated} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *lawCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.engine.Status()
	gauge := func(d *prometheus.Desc, x float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, labels...)
	}
	for part, n := range map[string]uint64{
		"received": s.Records, "applied": s.Applied, "duplicate": s.Duplicate, "late": s.Late, "dead_lettered": s.DeadLettered,
	} {
		gauge(c.records, float64(n), part)
	}
	for _, h := range s.Feedback.Heads {
		model, head, _ := strings.Cut(h.Name, "/")
		for part, n := range map[string]int64{
			"exposures": s.Feedback.Exposures, "positive": h.Positive, "negative": h.Negative, "pending": h.Pending,
			"expired": h.Erased + h.Dropped + h.Absent + s.Feedback.CapturedLate,
		} {
			gauge(c.exposures, float64(n), model, head, part)
		}
	}
	for law, err := range map[string]error{"records": s.RecordsLaw, "exposures": s.Feedback.Check()} {
		violation := 0.0
		if err != nil {
			violation = 1
		}
		gauge(c.violated, violation, law)
	}
}
