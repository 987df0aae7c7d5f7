package state

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	checkpoints *prometheus.CounterVec // by outcome: committed, failed, aborted, overdue
	lingering   prometheus.Gauge       // 1: one that was given up has not ended
	seconds     prometheus.Histogram   // from Begin to durable
	bytes       prometheus.Counter     // of committed deltas
	entries     prometheus.Counter     // of committed deltas
	blocked     prometheus.Counter     // seconds for which Put waited for the disk
	folds       *prometheus.CounterVec // by outcome: done, failed, postponed
	foldSeconds prometheus.Histogram
	foldEntries prometheus.Counter // written to badger
	deltas      prometheus.Gauge   // delta files
	deltaBytes  prometheus.Gauge   // in delta files
	indexBytes  prometheus.Gauge   // of memory, to find entries in delta files

	scrubs       *prometheus.CounterVec // by result: ok, damaged, stopped, failed
	scrubBytes   prometheus.Counter
	scrubSeconds prometheus.Histogram
	scrubSuccess prometheus.Gauge // time of the last one that found no damage
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		checkpoints: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_state_checkpoints_total", Help: "Checkpoints, by outcome.",
		}, []string{"outcome"}),
		lingering: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_state_checkpoint_hanging", Help: "1 while the disk holds a step of a checkpoint that was given up.",
		}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "recsvc_state_checkpoint_seconds", Help: "Time from the cut to a durable checkpoint.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}),
		bytes: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_state_checkpoint_bytes_total", Help: "Bytes of committed checkpoints.",
		}),
		entries: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_state_checkpoint_entries_total", Help: "Entries and deletions in committed checkpoints.",
		}),
		blocked: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_state_blocked_seconds_total", Help: "Time for which the engine waited because the disk is slower than a cut.",
		}),
		folds: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_state_folds_total", Help: "Times that old checkpoints were folded into the database, by outcome.",
		}, []string{"outcome"}),
		foldSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "recsvc_state_fold_seconds", Help: "Time for which a fold took in the background.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 14),
		}),
		foldEntries: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_state_fold_entries_total", Help: "Entries and deletions that folds wrote to the database.",
		}),
		scrubs: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_scrub_runs_total", Help: "Times that the state on disk was read and checked, by result.",
		}, []string{"result"}),
		scrubBytes: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_scrub_bytes_total", Help: "Bytes that scrubs read.",
		}),
		scrubSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "recsvc_scrub_seconds", Help: "Time that one scrub took, pauses included.",
			Buckets: prometheus.ExponentialBuckets(0.1, 4, 10),
		}),
		scrubSuccess: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_scrub_last_success_timestamp_seconds",
			Help: "When a scrub last found everything whole, in seconds since 1970; 0: not since the start.",
		}),
		deltas: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_state_deltas", Help: "Checkpoints not yet folded into the database; each is an open file.",
		}),
		indexBytes: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_state_index_bytes", Help: "Memory in which entries of checkpoints not yet folded are found.",
		}),
		deltaBytes: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_state_delta_bytes", Help: "Bytes of checkpoints not yet folded into the database.",
		}),
	}
}

// scrubbed counts one pass.
func (m *metrics) scrubbed(r ScrubReport, err error, now time.Time) {
	m.scrubs.WithLabelValues(scrubResult(err)).Inc()
	m.scrubBytes.Add(float64(r.Bytes))
	m.scrubSeconds.Observe(r.Took.Seconds())
	if err == nil {
		m.scrubSuccess.Set(float64(now.UnixNano()) / 1e9)
	}
}

func scrubResult(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrCorrupt) || errors.Is(err, ErrFormat):
		return "damaged"
	case errors.Is(err, ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return "stopped"
	default:
		return "failed"
	}
}
