package ingest

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// kafkaMetrics are those of a KafkaSource.
type kafkaMetrics struct {
	records   prometheus.Counter // delivered, dead letters among them
	failures  prometheus.Counter
	sessions  prometheus.Counter
	connected prometheus.Gauge
}

func newKafkaMetrics(reg prometheus.Registerer, lag func() float64) *kafkaMetrics {
	with := promauto.With(reg)
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "recsvc_kafka_lag_records",
		Help: "Records of the topic that were not handed to the engine yet.",
	}, lag)
	return &kafkaMetrics{
		records: with.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_kafka_records_total",
			Help: "Messages read from the topic.",
		}),
		failures: with.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_kafka_failures_total",
			Help: "Errors of the consumer: brokers out of reach, lost sessions, bad answers.",
		}),
		sessions: with.NewCounter(prometheus.CounterOpts{
			Name: "recsvc_kafka_sessions_total",
			Help: "Sessions with the consumer group; more than one means rebalances or lost brokers.",
		}),
		connected: with.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_kafka_connected",
			Help: "1 while a session with the consumer group is up.",
		}),
	}
}
