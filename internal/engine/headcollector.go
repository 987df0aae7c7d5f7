package engine

import (
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"recsvc/internal/event"
	"recsvc/internal/model"
	"recsvc/internal/validation"
)

// headCollector exports the progressive metrics of the heads when they are asked for: they cost too much to keep up
// to date.
type headCollector struct {
	models []*model.Model

	// By model, head and span.
	auc, loss, entropy, calibration, bias, n, positive, ess *prometheus.Desc
	// By model and head.
	userAUC, userGAUC, users *prometheus.Desc
	// By model, head, slice and value.
	sliceN, slicePositive, sliceP, sliceLoss, sliceAUC *prometheus.Desc
}

// NewModelCollector exports the progressive metrics of every head: over everything, over the last 10,000, over spans of event time, by
// user, and by slice. What slices add up to is exported as counters, so that whoever reads them makes windows of his own.
func NewModelCollector(models []*model.Model) prometheus.Collector {
	desc := func(labels []string, name, help string) *prometheus.Desc {
		return prometheus.NewDesc("recsvc_model_"+name, help, append([]string{"model", "head"}, labels...), nil)
	}
	span, slice := []string{"span"}, []string{"slice", "value"}
	return &headCollector{
		models:      models,
		auc:         desc(span, "auc", "Progressive AUC; span is total, recent (the last 10,000 outcomes) or a stretch of event time whose outcomes are final."),
		loss:        desc(span, "logloss", "Progressive mean log-loss in nats."),
		entropy:     desc(span, "normalized_entropy", "Log-loss over the entropy of the rate of positives: below 1 beats guessing that rate."),
		calibration: desc(span, "calibration", "Sum of predictions over sum of outcomes."),
		bias:        desc(span, "bias", "Mean prediction less mean outcome."),
		n:           desc(span, "observations", "Predictions whose outcome is final."),
		positive:    desc(span, "positives", "Predictions whose outcome is final and positive."),
		ess:         desc(span, "effective_observations", "Effective sample size of the weights of what was shown; the observations where every weight is 1."),

		userAUC:  desc(nil, "user_auc", "Mean AUC of the latest 64 outcomes of each user with both outcomes."),
		userGAUC: desc(nil, "user_gauc", "AUC of the latest 64 outcomes of each user with both outcomes, each user counting as often as something was shown to them."),
		users:    desc(nil, "rated_users", "Users with both outcomes, whom user_auc and user_gauc are made of."),

		sliceN:        desc(slice, "slice_observations_total", "Predictions whose outcome is final, by slice."),
		slicePositive: desc(slice, "slice_positives_total", "Predictions whose outcome is final and positive, by slice."),
		sliceP:        desc(slice, "slice_predicted_total", "Sum of the predictions whose outcome is final, by slice."),
		sliceLoss:     desc(slice, "slice_logloss_total", "Sum of the log-losses of predictions whose outcome is final, by slice, in nats."),
		sliceAUC:      desc(slice, "slice_auc", "Progressive AUC by slice."),
	}
}

// Describe implements prometheus.Collector.
func (c *headCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.auc, c.loss, c.entropy, c.calibration, c.bias, c.n, c.positive, c.ess, c.userAUC, c.userGAUC, c.users,
		c.sliceN, c.slicePositive, c.sliceP, c.sliceLoss, c.sliceAUC,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *headCollector) Collect(ch chan<- prometheus.Metric) {
	for _, m := range c.models {
		for _, h := range m.Heads() {
			out := headMetrics{ch: ch, model: m.Name(), head: h.Name()}
			c.spans(&out, h.Validation())
			c.byUser(&out, h.Validation())
			c.slices(&out, h.Validation())
		}
	}
}

// headMetrics is where the metrics of one head go.
type headMetrics struct {
	ch          chan<- prometheus.Metric
	model, head string
}

// put exports a value that is defined.
func (o *headMetrics) put(d *prometheus.Desc, kind prometheus.ValueType, x float64, labels ...string) {
	if !math.IsNaN(x) {
		o.ch <- prometheus.MustNewConstMetric(d, kind, x, append([]string{o.model, o.head}, labels...)...)
	}
}

func (c *headCollector) spans(out *headMetrics, v *validation.Head) {
	put := func(name string, m *validation.Metrics) {
		gauge := func(d *prometheus.Desc, x float64) { out.put(d, prometheus.GaugeValue, x, name) }
		gauge(c.auc, m.AUC)
		gauge(c.loss, m.LogLoss)
		gauge(c.entropy, m.NormalizedEntropy)
		gauge(c.calibration, m.Calibration)
		gauge(c.bias, m.Bias())
		gauge(c.n, float64(m.N))
		gauge(c.positive, float64(m.Positives))
		gauge(c.ess, m.ESS)
	}
	total, recent := v.Total(), v.Recent()
	put("total", &total)
	put("recent", &recent)
	for _, s := range v.Spans() {
		put(SpanName(s.Length), &s.Metrics)
	}
}

func (c *headCollector) byUser(out *headMetrics, v *validation.Head) {
	u := v.Users()
	out.put(c.userAUC, prometheus.GaugeValue, u.AUC)
	out.put(c.userGAUC, prometheus.GaugeValue, u.GAUC)
	out.put(c.users, prometheus.GaugeValue, float64(u.Rated))
}

func (c *headCollector) slices(out *headMetrics, v *validation.Head) {
	for _, s := range v.Slices() {
		n := float64(s.N)
		put := func(d *prometheus.Desc, kind prometheus.ValueType, x float64) {
			out.put(d, kind, x, s.Dimension, strings.ToValidUTF8(s.Value, "\uFFFD"))
		}
		put(c.sliceN, prometheus.CounterValue, n)
		put(c.slicePositive, prometheus.CounterValue, float64(s.Positives))
		put(c.sliceP, prometheus.CounterValue, s.MeanP*n)
		put(c.sliceLoss, prometheus.CounterValue, s.LogLoss*n)
		put(c.sliceAUC, prometheus.GaugeValue, s.AUC)
	}
}

// SpanName is how a span of event time is called: 1h, 24h, 1h30m.
func SpanName(d time.Duration) string { return event.RefreshText(d) }
