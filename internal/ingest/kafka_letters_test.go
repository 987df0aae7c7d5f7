package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kgo"

	"recsvc/internal/event"
)

func TestKafkaDeadLettersGoToTheirTopicWithAllThatIsKnown(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 1))
		o.DeadLetterTopic = makeTopic(t, brokers, 2)
		o.MaxRecordBytes = 128 << 10
		big := `"` + strings.Repeat("x", 200<<10) + `"`
		for _, value := range []string{"{bad", `{"type":"click","user":"u1","item":"i1"}`, big} {
			produceLong(t, o, value)
		}
		mustAppend(t, openKafkaLog(t, o), event.Record{Kind: event.KindDeadLetter, Received: 1_700_000_000_000_000_000,
			DeadLetter: &event.DeadLetter{Source: "http", Reason: "wrong_type", Place: "/v1/events[3]", Bytes: []byte{0xff, 0}, Size: 2}})
		r := runKafka(t, o, nil)
		recs := r.take(4)

		want := map[string]struct{ value, reason, source string }{
			"0": {"{bad", event.ReasonBadJSON, "kafka:" + o.Topic},
			"2": {big[:event.MaxDeadLetterBytes], event.ReasonTooLarge, "kafka:" + o.Topic},
			"3": {"\xff\x00", "wrong_type", "http"},
		}
		for _, rec := range consume(t, o.Brokers, o.DeadLetterTopic, len(want)) {
			h := map[string]string{}
			for _, x := range rec.Headers {
				h[x.Key] = string(x.Value)
			}
			w, ok := want[h["offset"]]
			if !ok {
				t.Errorf("a letter of offset %q", h["offset"])
				continue
			}
			if !bytes.Equal(rec.Value, []byte(w.value)) || h["reason"] != w.reason || h["source"] != w.source || h["topic"] != o.Topic ||
				h["partition"] != "0" || h["received"] == "" || h["size"] == "" || string(rec.Key) != o.Topic+"/0/"+h["offset"] {
				t.Errorf("letter %s: %v, %.50q", rec.Key, h, rec.Value)
			}
		}
		if recs[1].Kind != event.KindEvent || recs[2].Kind != event.KindDeadLetter {
			t.Errorf("the records came as %v, %v", recs[1].Kind, recs[2].Kind)
		}
		if n := testutil.ToFloat64(r.source.metrics.letters); n != 3 {
			t.Errorf("%v letters are counted", n)
		}
		r.end()
	})
}

// produceLong writes one message of any length.
func produceLong(t *testing.T, o KafkaOptions, value string) {
	t.Helper()
	c := o.logConfig()
	c.Producer.MaxMessageBytes = 10e6
	producer, err := sarama.NewSyncProducer(o.Brokers, c)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: o.Topic, Value: sarama.StringEncoder(value)})
	if err := errors.Join(err, producer.Close()); err != nil {
		t.Fatal(err)
	}
}

// consume reads n records of a topic with another client.
func consume(t *testing.T, brokers []string, topic string, n int) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var recs []*kgo.Record
	for len(recs) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d of %d records: %v", len(recs), n, err)
		}
		recs = append(recs, fetches.Records()...)
	}
	return recs
}

func TestKafkaPartitionWaitsForTheTopicOfDeadLettersAndTheOthersGoOn(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 2))
		o.DeadLetterTopic = "letters-of-" + o.Topic // nobody has made it yet
		log := openKafkaLog(t, o)
		mustAppend(t, log, ticks(0, 3)...)
		bad := event.Record{Kind: event.KindDeadLetter, DeadLetter: &event.DeadLetter{Source: "http", Reason: "bad_json", Bytes: []byte("{")}}
		for i := 0; ; i++ { // a letter's key is its place: find one that lies in partition 0
			bad.DeadLetter.Place = fmt.Sprint(i)
			msg, err := message(o.Topic, &bad)
			if err != nil {
				t.Fatal(err)
			}
			if p, err := (keyPartitioner{}).Partition(msg, 2); err == nil && p == 0 {
				break
			}
		}
		mustAppend(t, log, bad)
		mustAppend(t, log, ticks(0, 3)...)
		r := runKafka(t, o, nil)
		waiting := func(st KafkaStatus) bool { return len(st.Partitions) > 0 && st.Partitions[0].Waiting != nil }
		var recs []event.Record
		for !waiting(r.source.Status()) {
			select {
			case batch := <-r.out:
				recs = append(recs, batch.Records...)
			case <-time.After(time.Millisecond):
			}
		}
		if err := r.source.Status().Problem(); !errors.Is(err, ErrKafkaTopic) || !strings.Contains(err.Error(), o.DeadLetterTopic) {
			t.Errorf("the status says %v", err)
		}
		mustAppend(t, log, ticks(1, 5)...)
		for _, rec := range r.take(5) {
			if rec.Partition != 1 {
				t.Fatalf("a record of the partition that waits came: %d-%d", rec.Partition, rec.Offset)
			}
		}
		withAdmin(t, brokers, func(admin sarama.ClusterAdmin) error {
			return admin.CreateTopic(o.DeadLetterTopic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false)
		})
		recs = append(recs, r.take(7-len(recs))...)
		for i, rec := range recs {
			if rec.Partition != 0 || rec.Offset != int64(i) {
				t.Errorf("record %d is %d-%d", i, rec.Partition, rec.Offset)
			}
		}
		consume(t, brokers, o.DeadLetterTopic, 1)
		r.until("no problem", func(st KafkaStatus) bool { return st.Problem() == nil })
		r.end()
	})
}
