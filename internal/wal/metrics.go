package wal

import (
	"errors"

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
	full     prometheus.Gauge

	scrubSegments prometheus.Counter
	scrubRecords  prometheus.Counter
	scrubBytes    prometheus.Counter
	scrubDamage   prometheus.Counter
	scrubEnd      prometheus.Gauge
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
		full: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_wal_full", Help: "1 while the log waits for room on the disk, else 0.",
		}),
		scrubSegments: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_wal_scrub_segments_total", Help: "Segments of the log that were read through in the background and found whole.",
		}),
		scrubRecords: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_wal_scrub_records_total", Help: "Records of the log that were read in the background and found whole.",
		}),
		scrubBytes: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_wal_scrub_bytes_total", Help: "Bytes of the log that were read in the background.",
		}),
		scrubDamage: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_wal_scrub_damage_total", Help: "Times that reading the log in the background found damage.",
		}),
		scrubEnd: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_wal_scrub_last_seconds", Help: "When the log was last read through in the background without finding damage, in Unix time; 0: not yet.",
		}),
	}
}

// scrubbed counts what was read of one segment.
func (m *metrics) scrubbed(before, after Report, err error) {
	m.scrubSegments.Add(float64(after.Segments - before.Segments))
	m.scrubRecords.Add(float64(after.Records - before.Records))
	m.scrubBytes.Add(float64(after.Bytes - before.Bytes))
	if errors.Is(err, ErrCorrupt) {
		m.scrubDamage.Inc()
	}
}
