package engine

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"recsvc/internal/drift"
)

// healthCollector exports what Health tells, when it is asked for.
type healthCollector struct {
	engine                                       *Engine
	alarms, value, refused, entropy, loss, ratio *prometheus.Desc
}

// NewHealthCollector exports the detectors, the recent windows of the heads, and the samples that were refused.
func NewHealthCollector(e *Engine) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	watched := []string{"model", "head", "detector", "column"}
	return &healthCollector{
		engine:  e,
		alarms:  desc("recsvc_drift_alarms_total", "Shifts that a detector has called, over the life of the state, by direction.", append(watched, "direction")...),
		value:   desc("recsvc_drift_value", "How a detector stands: the mean loss of adwin's window, the share of its threshold that page_hinkley or mixture has gathered, deviations of label_rate, the index of psi.", watched...),
		refused: desc("recsvc_quarantine_samples_total", "Samples that were not learned, over the life of the state, by reason.", "reason"),
		entropy: desc("recsvc_health_normalized_entropy", "Mean log-loss over the entropy of the base rate, of the recent outcomes of a head; above 1 the base rate would do better.", "model", "head"),
		loss:    desc("recsvc_health_logloss", "Mean log-loss in nats, of the recent outcomes (span recent) or of the longer past (past).", "model", "head", "span"),
		ratio:   desc("recsvc_health_calibration", "Sum of predictions over sum of outcomes, of the recent outcomes of a head.", "model", "head"),
	}
}

// Describe implements prometheus.Collector.
func (c *healthCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.alarms, c.value, c.refused, c.entropy, c.loss, c.ratio} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *healthCollector) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, x float64, labels ...string) {
		if x == x {
			ch <- prometheus.MustNewConstMetric(d, kind, x, labels...)
		}
	}
	detector := func(model, head string, d drift.DetectorReport) {
		column := d.Column
		if m, h, ok := strings.Cut(column, "/"); ok { // a prediction
			model, head, column = m, h, "prediction"
		}
		send(c.value, prometheus.GaugeValue, d.Value, model, head, d.Name, column)
		send(c.alarms, prometheus.CounterValue, float64(d.Alarms.Up), model, head, d.Name, column, drift.Up.String())
		send(c.alarms, prometheus.CounterValue, float64(d.Alarms.Down), model, head, d.Name, column, drift.Down.String())
	}
	health := c.engine.Health()
	for _, h := range health.Heads {
		for _, d := range h.Detectors {
			detector(h.Model, h.Head, d)
		}
		send(c.entropy, prometheus.GaugeValue, h.Recent.NormalizedEntropy(), h.Model, h.Head)
		send(c.loss, prometheus.GaugeValue, h.Recent.LogLoss(), h.Model, h.Head, "recent")
		send(c.loss, prometheus.GaugeValue, h.Past.LogLoss(), h.Model, h.Head, "past")
		send(c.ratio, prometheus.GaugeValue, h.Recent.Calibration(), h.Model, h.Head)
	}
	for _, d := range health.Inputs {
		detector("", "", d)
	}
	for reason, n := range health.Refused {
		send(c.refused, prometheus.CounterValue, float64(n), reason)
	}
}
