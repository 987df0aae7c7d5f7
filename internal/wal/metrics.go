package wal

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	records  prometheus.Counter
	bytes    prometheus.Counter
	sync     prometheus.Histogram // its count is the number of groups
	pending  prometheus.Gauge
	segments prometheus.Gauge
	size     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		records: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_wal_records_total", Help: "Records written to the log.",
		}),
		bytes: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_wal_written_bytes_total", Help: "Bytes of records written to the log, frames included.",
		}),
		sync: f.NewHistogram(prometheus.HistogramOpts{
			Name: "recsvc_wal_sync_seconds", Help: "Duration of one sync of the log; one for each group of records.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 2, 15),
		}),
		pending: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_wal_pending_bytes", Help: "Bytes appended but not yet written.",
		}),
		segments: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_wal_segments", Help: "Segment files of the log.",
		}),
		size: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_wal_size_bytes", Help: "Size of the log on disk.",
		}),
	}
}
