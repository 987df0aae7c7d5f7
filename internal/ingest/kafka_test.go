package ingest

import (
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"recsvc/internal/event"
)

func TestKafkaOptionsNameWhatIsWrong(t *testing.T) {
	good := KafkaOptions{Brokers: []string{"localhost:9092"}, Topic: "events"}
	if _, err := NewKafkaSource(good); err != nil {
		t.Errorf("the least that must be given: %v", err)
	}
	for _, tc := range []struct {
		name   string
		change func(*KafkaOptions)
		want   string
	}{
		{"no brokers", func(o *KafkaOptions) { o.Brokers = nil }, "Brokers"},
		{"no topic", func(o *KafkaOptions) { o.Topic = "" }, "Topic"},
		{"a topic that Kafka does not allow", func(o *KafkaOptions) { o.Topic = "a/b" }, `Topic "a/b"`},
		{"a strange group", func(o *KafkaOptions) { o.Group = "a b" }, "Group"},
		{"records too small to hold anything", func(o *KafkaOptions) { o.MaxRecordBytes = 10 }, "MaxRecordBytes"},
		{"records larger than a response", func(o *KafkaOptions) { o.MaxRecordBytes = 1 << 30 }, "MaxRecordBytes"},
		{"negative workers", func(o *KafkaOptions) { o.Workers = -1 }, "Workers"},
		{"a negative pause", func(o *KafkaOptions) { o.MaxBackoff = -1 }, "MaxBackoff"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := good
			tc.change(&o)
			if _, err := NewKafkaSource(o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("source: got %v, want %q", err, tc.want)
			}
			if _, err := NewKafkaLog(o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("log: got %v, want %q", err, tc.want)
			}
		})
	}
}

// The values are those of the Java client's own tests (UtilsTest.testMurmur2).
func TestKafkaKeysAreHashedAsTheJavaClientDoes(t *testing.T) {
	for key, want := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
	}
}

func FuzzKafkaKeysGoWhereAnotherClientPutsThem(f *testing.F) {
	f.Add([]byte("u1"), uint8(4))
	f.Add([]byte("Łódź"), uint8(7))
	f.Fuzz(func(t *testing.T, key []byte, n uint8) {
		if len(key) == 0 || n == 0 {
			return
		}
		theirs := kgo.StickyKeyPartitioner(nil).ForTopic("t").Partition(&kgo.Record{Key: key}, int(n))
		ours, err := keyPartitioner{}.Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(key)}, int32(n))
		if err != nil || int(ours) != theirs {
			t.Errorf("key %q of %d partitions: %d (%v), another client %d", key, n, ours, err, theirs)
		}
	})
}

func FuzzAKafkaMessageBecomesARecordOrADeadLetter(f *testing.F) {
	f.Add("", []byte(`{"type":"click","user":"u1","item":"i1"}`))
	f.Add("served", []byte(`{"request":"r1","ts":"2026-01-02T03:04:05Z","items":[]}`))
	f.Add("dead_letter", []byte(`{"bytes":"//8="}`))
	f.Add("control", []byte("\xff"))
	opts := testOptions([]string{"localhost:1"}, "t")
	decoder := &kafkaDecoder{opts: &opts}
	f.Fuzz(func(t *testing.T, kind string, value []byte) {
		msg := &sarama.ConsumerMessage{Topic: "t", Partition: 3, Offset: 9, Value: value,
			Headers: []*sarama.RecordHeader{{Key: []byte(kindHeader), Value: []byte(kind)}}}
		var rec event.Record
		decoder.decode(msg, &rec)
		if rec.Partition != 3 || rec.Offset != 9 {
			t.Fatalf("the record stands at %d-%d", rec.Partition, rec.Offset)
		}
		want, _ := event.ParseKind(kind)
		if rec.Kind != want && rec.Kind != event.KindDeadLetter {
			t.Fatalf("kind %q became %v", kind, rec.Kind)
		}
		if rec.Kind == event.KindDeadLetter && want != event.KindDeadLetter {
			if rec.DeadLetter.Reason == "" || rec.DeadLetter.Size != int64(len(value)) {
				t.Fatalf("letter %+v", rec.DeadLetter)
			}
		}
		if _, err := message("t", &rec); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}
