package ingest

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// kafkaMetrics are those of a KafkaSource.
type kafkaMetrics struct {
	records        prometheus.Counter // delivered, dead letters among them
	failures       prometheus.Counter
	sessions       prometheus.Counter
	connected      prometheus.Gauge
	rejoins        prometheus.Counter
	lost           prometheus.Counter
	unreadable     prometheus.Counter
	letters        prometheus.Counter
	letterFailures prometheus.Counter
}

func newKafkaMetrics(reg prometheus.Registerer, s *KafkaSource) *kafkaMetrics {
	with := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return with.NewCounter(prometheus.CounterOpts{Name: "recsvc_kafka_" + name, Help: help})
	}
	gauge := func(name, help string, value func(KafkaStatus) int64) {
		with.NewGaugeFunc(prometheus.GaugeOpts{Name: "recsvc_kafka_" + name, Help: help}, func() float64 { return float64(value(s.Status())) })
	}
	gauge("lag_records", "Records of the topic that were not handed to the engine yet.", KafkaStatus.Lag)
	gauge("partitions", "Partitions that this instance reads.", func(st KafkaStatus) int64 {
		return st.count(func(p KafkaPartition) bool { return p.Claimed })
	})
	gauge("partitions_elsewhere", "Partitions that another member of the consumer group has.", func(st KafkaStatus) int64 { return int64(len(st.Elsewhere)) })
	gauge("partitions_halted", "Partitions that stand still until an operator does something.", KafkaStatus.halted)
	gauge("partitions_waiting", "Partitions that wait for the topic of dead letters.", func(st KafkaStatus) int64 {
		return st.count(func(p KafkaPartition) bool { return p.Waiting != nil })
	})
	gauge("held", "1 while consumption is held for want of disk or memory.", func(st KafkaStatus) int64 {
		if st.Held != nil {
			return 1
		}
		return 0
	})
	return &kafkaMetrics{
		records:  counter("records_total", "Messages read from the topic."),
		failures: counter("failures_total", "Errors of the consumer: brokers out of reach, lost sessions, bad answers."),
		sessions: counter("sessions_total", "Sessions with the consumer group; more than one means rebalances or lost brokers."),
		connected: with.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_kafka_connected",
			Help: "1 while a session with the consumer group is up.",
		}),
		rejoins:        counter("rejoins_total", "Times that the group was joined anew because records waited and none came."),
		lost:           counter("lost_records_total", "Offsets that retention removed before they were applied, and that were passed over as configured."),
		unreadable:     counter("unreadable_batches_total", "Batches that could not be taken apart; each became one dead letter."),
		letters:        counter("dead_letters_total", "Dead letters produced to their topic."),
		letterFailures: counter("dead_letter_failures_total", "Failed attempts to produce dead letters to their topic; they are repeated."),
	}
}

func (s KafkaStatus) count(is func(KafkaPartition) bool) (n int64) {
	for _, p := range s.Partitions {
		if is(p) {
			n++
		}
	}
	return n
}

// halted counts the partitions that stand still; a topic that cannot be read at all counts as one at least.
func (s KafkaStatus) halted() int64 {
	n := s.count(func(p KafkaPartition) bool { return p.Halted != nil })
	if n == 0 && errors.Is(s.Err, ErrKafkaTopic) {
		return 1
	}
	return n
}
