package ingest

import (
	"os"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"recsvc/internal/event"
)

func BenchmarkKafkaDecode(b *testing.B) {
	o := testOptions([]string{"localhost:1"}, "t")
	decoder := &kafkaDecoder{opts: &o}
	recs := clicks(100, 0, 1024)
	msgs := make([]*sarama.ConsumerMessage, len(recs))
	for i := range recs {
		msgs[i] = &sarama.ConsumerMessage{Topic: "t", Offset: int64(i), Value: event.AppendJSON(nil, &recs[i])}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decoder.batch(msgs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(msgs))/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkKafkaSource reads a topic of 100,000 records from its start: through the broker that KAFKA_BROKERS names, or
// one in this process, whose own work is then in the figure.
func BenchmarkKafkaSource(b *testing.B) {
	const records = 100_000
	o := benchTopic(b)
	log := openKafkaLog(b, o)
	for i := 0; i < records; i += 1000 {
		mustAppend(b, log, clicks(1000, i, 1000)...)
	}
	b.ReportAllocs()
	for b.Loop() {
		r := runKafka(b, o, nil)
		r.take(records)
		if err := r.end(); err == nil {
			b.Fatal("Run ended by itself")
		}
	}
	b.ReportMetric(float64(b.N)*records/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkKafkaAppend(b *testing.B) {
	for name, n := range map[string]int{"one": 1, "batch of 1000": 1000} {
		b.Run(name, func(b *testing.B) {
			log := openKafkaLog(b, benchTopic(b))
			recs := clicks(1000, 0, n)
			mustAppend(b, log, recs...) // connects
			for b.Loop() {
				mustAppend(b, log, recs...)
			}
			b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func benchTopic(b *testing.B) KafkaOptions {
	b.Helper()
	brokers := strings.Split(os.Getenv("KAFKA_BROKERS"), ",")
	if brokers[0] == "" {
		brokers = fakeKafka(b).ListenAddrs()
	}
	return testOptions(brokers, makeTopic(b, brokers, 4))
}
