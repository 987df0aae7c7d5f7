package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"recsvc/internal/feedback"
	"recsvc/internal/ingest"
)

type metrics struct {
	records            [outcomes]prometheus.Counter
	steps              prometheus.Counter
	appliedDelay       prometheus.Histogram
	learnedDelay       prometheus.Histogram
	outcomeDelay       prometheus.Histogram
	prediction         []prometheus.Observer // by flat head
	busy               prometheus.Counter
	queue              prometheus.Gauge
	skew               prometheus.Counter
	oversize           prometheus.Counter
	checkpoints        *prometheus.CounterVec // by outcome
	checkpointAt       prometheus.Gauge
	memory             *prometheus.GaugeVec // by room
	memoryLive         prometheus.Gauge
	held               prometheus.Gauge
	pause              *prometheus.HistogramVec // by what
	entities           *prometheus.GaugeVec     // by room and where
	coldReads, evicted *prometheus.CounterVec   // by room
	forgotten          *prometheus.GaugeVec     // by room
}

var (
	delayBuckets = []float64{.0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 60, 600}
	joinBuckets  = []float64{.1, .5, 1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 86400}
)

func newMetrics(reg prometheus.Registerer, l *lineup) *metrics {
	f := promauto.With(reg)
	records := f.NewCounterVec(prometheus.CounterOpts{
		Name: "recsvc_engine_records_total", Help: "Records of the log by what became of them, since the process started.",
	}, []string{"outcome"})
	predictions := f.NewHistogramVec(prometheus.HistogramOpts{
		Name: "recsvc_model_prediction", Help: "Predictions made at capture whose outcome is final, by model and head.",
		Buckets: prometheus.LinearBuckets(.05, .05, 19),
	}, []string{"model", "head"})
	out := &metrics{
		steps: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_engine_steps_total", Help: "Learning steps taken, corrections included.",
		}),
		appliedDelay: f.NewHistogram(prometheus.HistogramOpts{
			Name: "recsvc_engine_applied_delay_seconds", Help: "Receipt of a live record to its application.", Buckets: delayBuckets,
		}),
		learnedDelay: f.NewHistogram(prometheus.HistogramOpts{
			Name: "recsvc_engine_learned_delay_seconds", Help: "Receipt of a live record to the end of the learning that it set off.",
			Buckets: delayBuckets,
		}),
		outcomeDelay: f.NewHistogram(prometheus.HistogramOpts{
			Name: "recsvc_feedback_outcome_delay_seconds", Help: "Exposure to its outcome, in event time.", Buckets: joinBuckets,
		}),
		busy: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_engine_busy_seconds_total", Help: "Time that the writer spent applying records.",
		}),
		queue: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_engine_queue_batches", Help: "Decoded batches that wait for the writer; at most 8.",
		}),
		skew: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_engine_serving_skew_total", Help: "Served scores that differed from the score at capture by more than rounding.",
		}),
		checkpoints: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_engine_checkpoints_total",
			Help: "Checkpoints by outcome: written, failed, overdue (given up after the timeout), skipped (the disk is nearly full, or still busy with the one before).",
		}, []string{"outcome"}),
		oversize: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_engine_oversize_upserts_total", Help: "Upserts passed over, because the item or user would have more than 384 KiB of attributes.",
		}),
		memory: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "recsvc_memory_bytes", Help: "Estimated memory in use, by room: users, joins (pending impressions), dedup (ids of events).",
		}, []string{"room"}),
		memoryLive: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_memory_live_bytes", Help: "Heap in use when garbage was collected last; what the budget governs.",
		}),
		entities: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "recsvc_memory_entities", Help: "Users and pending impressions (joins): all, and those in memory.",
		}, []string{"room", "where"}),
		coldReads: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_memory_cold_reads_total", Help: "Entities that the writer has read back from the state, by room.",
		}, []string{"room"}),
		evicted: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_memory_evicted_total", Help: "Entities that have left memory, by room.",
		}, []string{"room"}),
		forgotten: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "recsvc_memory_forgotten", Help: "Forgotten before their time, because there were too many: ids of events (dedup), closed impressions (late).",
		}, []string{"room"}),
		pause: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "recsvc_engine_pause_seconds", Help: "What kept the writer from applying, between two batches: cut, stored (a checkpoint), govern (memory), command (an administrator's).",
			Buckets: []float64{.00001, .0001, .0005, .001, .002, .005, .01, .05, .1, .5, 1},
		}, []string{"what"}),
		held: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_engine_held", Help: "1 while the writer applies nothing, because memory is full and waits for a checkpoint.",
		}),
		checkpointAt: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_engine_checkpoint_time_seconds", Help: "Unix time of the last checkpoint that was written; 0: none since the start.",
		}),
	}
	for _, outcome := range []string{"written", "failed", "overdue", "skipped"} {
		out.checkpoints.WithLabelValues(outcome)
	}
	for i, name := range outcomeNames {
		out.records[i] = records.WithLabelValues(name)
	}
	for _, s := range l.seats {
		out.prediction = append(out.prediction, predictions.WithLabelValues(s.model.Name(), s.name()))
	}
	return out
}

// liveWithin tells live records from history: delays are measured for records received lately only.
const liveWithin = 10 * time.Minute

// observe measures a batch. Each metric is touched once a batch, save for the delays of small ones.
func (e *Engine) observe(b *ingest.Batch, start time.Time) {
	now := e.opts.Clock()
	m := e.metrics
	m.busy.Add(now.Sub(start).Seconds())
	m.queue.Set(float64(len(e.queue)))
	last := b.Records[len(b.Records)-1].Received
	e.publishDelay(last, now.Sub(last.Time()))
	steps := e.steps - e.stepsSeen
	e.stepsSeen = e.steps
	m.steps.Add(float64(steps))
	for i := 0; i < len(b.Records); i += 1 + len(b.Records)/16 {
		delay := now.Sub(b.Records[i].Received.Time())
		if b.Records[i].Received == 0 || delay > liveWithin {
			continue
		}
		m.appliedDelay.Observe(delay.Seconds())
		if steps > 0 {
			m.learnedDelay.Observe(delay.Seconds())
		}
	}
}

// settled measures what is final.
func (e *Engine) settled(s feedback.Settled) {
	e.metrics.prediction[s.Head].Observe(float64(s.P))
	if s.Positive {
		e.metrics.outcomeDelay.Observe(s.Delay.Seconds())
	}
}
