package api

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	requests  *prometheus.HistogramVec // by route and code
	inFlight  prometheus.Gauge
	denied    *prometheus.CounterVec // by status
	bodyBytes prometheus.Counter
	unlogged  prometheus.Counter
	backups   *prometheus.CounterVec // by outcome
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		requests: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "recsvc_http_request_seconds",
			Help:    "Time from a request's header to the end of its answer.",
			Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}, []string{"route", "code"}),
		inFlight: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_http_in_flight",
			Help: "Requests being answered.",
		}),
		denied: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_http_denied_total",
			Help: "Requests refused for want of a key or role, by status.",
		}, []string{"code"}),
		bodyBytes: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_http_body_bytes_total",
			Help: "Bytes of request bodies, after decompression.",
		}),
		unlogged: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_http_served_unlogged_total",
			Help: "Lists that were answered although the log could not take them.",
		}),
		backups: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_http_backups_total",
			Help: "Backups that were asked for, by how they ended.",
		}, []string{"outcome"}),
	}
}

func (m *metrics) observe(route string, status int, d time.Duration) {
	m.requests.WithLabelValues(route, codeText(status)).Observe(d.Seconds())
}

// codeText is the label of a status; net/http answers 200 for a handler that says nothing.
func codeText(status int) string {
	switch status {
	case 0, 200:
		return "200"
	case 202:
		return "202"
	}
	return strconv.Itoa(status)
}
