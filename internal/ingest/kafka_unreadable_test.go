package ingest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"recsvc/internal/event"
)

func TestKafkaPutsOneDeadLetterInThePlaceOfABatchThatCannotBeRead(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		for _, tc := range []struct {
			name    string
			records int
			bytes   int
			codec   sarama.CompressionCodec
			from    int64 // where the state goes on
		}{
			{"a decompression bomb", 1, 70 << 20, sarama.CompressionZSTD, 0},
			{"a record of 50 MB", 1, 50e6, sarama.CompressionNone, 0},
			{"a state that goes on within it", 3, 22 << 20, sarama.CompressionZSTD, 6},
		} {
			t.Run(tc.name, func(t *testing.T) {
				o := testOptions(brokers, makeTopic(t, brokers, 2))
				withAdmin(t, brokers, func(admin sarama.ClusterAdmin) error {
					limit := "60000000"
					return admin.AlterConfig(sarama.TopicResource, o.Topic, map[string]*string{"max.message.bytes": &limit}, false)
				})
				log := openKafkaLog(t, o)
				mustAppend(t, log, ticks(0, 5)...)
				produceBatch(t, o, tc.records, make([]byte, tc.bytes), tc.codec)
				mustAppend(t, log, append(ticks(0, 5), ticks(1, 4)...)...)

				r := runKafka(t, o, event.Cursor{{Offset: tc.from}})
				last := int64(5 + tc.records - 1)
				var offsets, want []int64
				for i := tc.from; i < 5; i++ {
					want = append(want, i)
				}
				for i := last; i <= last+5; i++ {
					want = append(want, i)
				}
				var letter *event.DeadLetter
				for _, rec := range r.take(len(want) + 4) {
					if rec.Partition != 0 {
						continue
					}
					offsets = append(offsets, rec.Offset)
					if rec.Kind == event.KindDeadLetter {
						letter = rec.DeadLetter
						if rec.Received == 0 {
							t.Error("the letter has no time")
						}
					}
				}
				if !equal(offsets, want) {
					t.Errorf("offsets %v came, want %v", offsets, want)
				}
				if letter == nil || letter.Reason != reasonUnreadable || len(letter.Bytes) == 0 || len(letter.Bytes) > event.MaxDeadLetterBytes ||
					letter.Size < int64(len(letter.Bytes)) || !strings.Contains(letter.Detail, "offsets ") {
					t.Errorf("letter %.300v", letter)
				}
				if n := testutil.ToFloat64(r.source.metrics.unreadable); n != 1 {
					t.Errorf("%v unreadable batches are counted", n)
				}
				r.end()
			})
		}
	})
}

func equal(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// produceBatch writes one batch of equal values to partition 0, as a producer does that knows no measure.
func produceBatch(t *testing.T, o KafkaOptions, n int, value []byte, codec sarama.CompressionCodec) {
	t.Helper()
	c := o.logConfig()
	c.Producer.MaxMessageBytes, c.Producer.Compression = 99e6, codec
	c.Producer.Flush.Messages, c.Producer.Flush.Frequency = n, patience
	client, err := sarama.NewClient(o.Brokers, c)
	if err != nil {
		t.Fatal(err)
	}
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	msgs := make([]*sarama.ProducerMessage, n)
	for i := range msgs {
		msgs[i] = &sarama.ProducerMessage{Topic: o.Topic, Value: sarama.ByteEncoder(value)}
	}
	if err := errors.Join(producer.SendMessages(msgs), producer.Close(), client.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestKafkaReadsOnBehindBatchesThatAreDamaged(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t)
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 1))
	log := openKafkaLog(t, o)
	for range 3 {
		mustAppend(t, log, clicks(1, 0, 2)...)
		produceDamaged(t, o, 4)
		produceDamaged(t, o, 1)
	}
	mustAppend(t, log, clicks(1, 0, 1)...)
	var got []string
	for _, rec := range runKafka(t, o, nil).take(13) {
		got = append(got, rec.Kind.String())
	}
	if want := strings.Repeat("event event dead_letter dead_letter ", 3) + "event"; strings.Join(got, " ") != want {
		t.Errorf("%v came, want %s", got, want)
	}
}

// produceDamaged writes a batch whose checksum is right and whose compressed records are not.
func produceDamaged(t *testing.T, o KafkaOptions, records int32) {
	t.Helper()
	b := kmsg.RecordBatch{Magic: 2, Attributes: 1, LastOffsetDelta: records - 1, NumRecords: records, ProducerID: -1, ProducerEpoch: -1,
		FirstSequence: -1, FirstTimestamp: 1_700_000_000_000, MaxTimestamp: 1_700_000_000_000, Records: []byte("this is not gzip")}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	client, err := kgo.NewClient(kgo.SeedBrokers(o.Brokers...), kgo.MaxVersions(kversion.V2_8_0()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 5000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = o.Topic
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = raw
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	resp, err := client.Broker(0).Request(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if code := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("the broker refused the batch: code %d", code)
	}
}

func FuzzTheHeadOfAnUnknownBatchIsReadOrRefused(f *testing.F) {
	b := kmsg.RecordBatch{FirstOffset: 7, Magic: 2, LastOffsetDelta: 4, Records: []byte("abc")}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	answer := append(make([]byte, 22+1+35+8), raw...)
	answer[21], answer[22] = 1, 't'
	f.Add(answer)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readRawBatch(bufio.NewReader(bytes.NewReader(data)), "t", 100)
		if err != nil {
			return
		}
		if got.last < got.first || len(got.start) < batchHeadBytes || len(got.start) > 100 || int64(len(got.start)) > got.size {
			t.Errorf("%+v", got)
		}
	})
}
