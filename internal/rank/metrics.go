package rank

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	stages   [numStages]prometheus.Observer
	pool     prometheus.Histogram
	slots    prometheus.Counter
	explored prometheus.Counter
	degraded *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	seconds := f.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "recsvc_rank_stage_seconds",
		Help:    "Time that one list spent in a stage of ranking.",
		Buckets: prometheus.ExponentialBuckets(10e-6, 2, 16), // 10 µs … 0.33 s
	}, []string{"stage"})
	return &metrics{
		stages: [numStages]prometheus.Observer{
			seconds.WithLabelValues("recall"),
			seconds.WithLabelValues("score"),
			seconds.WithLabelValues("pick"),
		},
		pool: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "recsvc_rank_pool_items",
			Help:    "Candidates from which one list was picked.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}),
		slots: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_rank_slots_total",
			Help: "Slots filled, of all lists.",
		}),
		explored: f.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_rank_explored_slots_total",
			Help: "Slots drawn over the whole pool.",
		}),
		degraded: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_rank_degraded_total",
			Help: "Lists that skipped something or fell back, by what.",
		}, []string{"what"}),
	}
}

// observe counts one finished list.
func (m *metrics) observe(p *pass, l *List) {
	for i, stage := range m.stages {
		stage.Observe(p.marked[i+1].Sub(p.marked[i]).Seconds())
	}
	m.pool.Observe(float64(len(p.candidates)))
	m.slots.Add(float64(len(l.Items)))
	explored := 0
	for _, ch := range p.choices {
		if ch.explored {
			explored++
		}
	}
	m.explored.Add(float64(explored))
	for _, what := range l.Degraded {
		m.degraded.WithLabelValues(what).Inc()
	}
}
