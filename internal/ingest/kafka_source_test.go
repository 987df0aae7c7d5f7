package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"recsvc/internal/event"
)

func TestKafkaDeliversEachPartitionAndEachUserInOrder(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 2))
		log := openKafkaLog(t, o)
		var end event.Cursor
		for i := range 5 {
			end = mustAppend(t, log, clicks(7, i*100, 100)...)
		}
		if len(end) != 2 {
			t.Fatalf("cursor %v after appending to two partitions", end)
		}
		r := runKafka(t, o, nil)
		next, lastOf := map[int32]int64{}, map[string]int{}
		for _, rec := range r.take(500) {
			if rec.Offset != next[rec.Partition] {
				t.Fatalf("partition %d: offset %d, want %d", rec.Partition, rec.Offset, next[rec.Partition])
			}
			next[rec.Partition]++
			id, _ := strconv.Atoi(rec.Event.ID)
			if last, ok := lastOf[rec.Event.User]; ok && id != last+7 {
				t.Fatalf("user %s: event %d after %d", rec.Event.User, id, last)
			}
			lastOf[rec.Event.User] = id
			if rec.Received == 0 {
				t.Fatal("Received is not set")
			}
		}
		if got := end.String(); got != fmt.Sprintf("0-%d.1-%d", next[0], next[1]) {
			t.Errorf("the log's cursor is %s, delivered were %v", got, next)
		}
	})
}

func TestKafkaResumesAtOurCursorAndNotAtTheGroups(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		for _, tc := range []struct {
			name           string
			committed, our int64
		}{
			{"the group is ahead of us", 90, 40},
			{"the group is behind us", 10, 40},
			{"the group has committed nothing", -1, 40},
			{"our state is new and the group is not", 90, 0},
			{"we are at the end", 10, 100},
		} {
			t.Run(tc.name, func(t *testing.T) {
				o := testOptions(brokers, makeTopic(t, brokers, 1))
				log := openKafkaLog(t, o)
				mustAppend(t, log, clicks(3, 0, 100)...)
				if tc.committed >= 0 {
					commit(t, o, tc.committed)
				}
				var from event.Cursor
				if tc.our > 0 {
					from = from.Set(0, tc.our)
				}
				r := runKafka(t, o, from)
				if tc.our == 100 {
					mustAppend(t, log, clicks(3, 100, 5)...)
				}
				if got := r.take(5)[0].Offset; got != tc.our {
					t.Errorf("the first record is at %d, want %d", got, tc.our)
				}
			})
		}
	})
}

// commit sets the group's own idea of where it stands.
func commit(t *testing.T, o KafkaOptions, offset int64) {
	t.Helper()
	withClient(t, o, func(client sarama.Client) error {
		group, err := sarama.NewConsumerGroupFromClient(o.Group, client)
		if err != nil {
			return err
		}
		if err := group.Consume(t.Context(), []string{o.Topic}, committer(offset)); !errors.Is(err, errCommitted) {
			return err
		}
		return group.Close()
	})
}

// committer is a member of a group that commits an offset of partition 0 and wants no records.
type committer int64

var errCommitted = errors.New("committed")

func (c committer) Setup(session sarama.ConsumerGroupSession) error {
	for topic := range session.Claims() {
		session.MarkOffset(topic, 0, int64(c), "")
	}
	session.Commit()
	return errCommitted
}

func (committer) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (committer) ConsumeClaim(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error {
	return nil
}

func withClient(t *testing.T, o KafkaOptions, do func(sarama.Client) error) {
	t.Helper()
	client, err := sarama.NewClient(o.Brokers, o.logConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(client), client.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestKafkaTurnsPoisonIntoDeadLettersInPlace(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 1))
		o.MaxRecordBytes = 4 << 10
		o.Accept = func(rec *event.Record) error {
			if rec.Kind == event.KindEvent && rec.Event.Type == "forbidden" {
				return &event.Error{Reason: "forbidden_type", Pointer: "/type", Detail: "may not be"}
			}
			return nil
		}
		good := `{"type":"click","user":"u1","item":"i1"}`
		for _, m := range []struct{ kind, value, reason string }{
			{"", good, ""},
			{"", `{"type":"click"`, event.ReasonBadJSON},
			{"event", `{"type":"click","user":7,"item":"i1"}`, event.ReasonWrongType},
			{"item", `{"item":"i1","price":3}`, ""},
			{"nonsense", good, reasonUnknownKind},
			{"", "", reasonEmptyMessage},
			{"", `{"type":"forbidden","user":"u1","item":"i1"}`, "forbidden_type"},
			{"", `"` + strings.Repeat("x", 5000) + `"`, event.ReasonTooLarge},
			{"tick", `{"ts":"2026-01-02T03:04:05Z"}`, ""},
			{"control", `{"type":"shutdown"}`, event.ReasonUnknownControl},
			{"control", `{"type":"restore","attributes":{"snapshot":"s1"}}`, event.ReasonMissingField},
			{"control", `{"type":"restore","attributes":{"definitions":"00","sha256":"ab","snapshot":"s1"}}`, ""},
		} {
			produce(t, o, m.kind, m.value)
		}
		r := runKafka(t, o, nil)
		want := []string{"event", event.ReasonBadJSON, event.ReasonWrongType, "item", reasonUnknownKind, reasonEmptyMessage,
			"forbidden_type", event.ReasonTooLarge, "tick", event.ReasonUnknownControl, event.ReasonMissingField, "control"}
		marks := map[int]string{4: "#nonsense", 9: "#control", 10: "#control"} // for who retries them
		for i, rec := range r.take(len(want)) {
			got := rec.Kind.String()
			if rec.Kind == event.KindDeadLetter {
				got = rec.DeadLetter.Reason
				if place := fmt.Sprintf("%s/0/%d%s", o.Topic, i, marks[i]); rec.DeadLetter.Place != place || rec.DeadLetter.Source != "kafka:"+o.Topic {
					t.Errorf("record %d: place %q of %q, want %q", i, rec.DeadLetter.Place, rec.DeadLetter.Source, place)
				}
			}
			if got != want[i] || rec.Offset != int64(i) || rec.Received == 0 {
				t.Errorf("record %d: %s at offset %d, want %s", i, got, rec.Offset, want[i])
			}
		}
	})
}

// produce writes one message as a foreign producer would.
func produce(t *testing.T, o KafkaOptions, kind, value string) {
	t.Helper()
	withClient(t, o, func(client sarama.Client) error {
		producer, err := sarama.NewSyncProducerFromClient(client)
		if err != nil {
			return err
		}
		msg := &sarama.ProducerMessage{Topic: o.Topic}
		if value != "" {
			msg.Value = sarama.StringEncoder(value)
		}
		if kind != "" {
			msg.Headers = []sarama.RecordHeader{{Key: []byte(kindHeader), Value: []byte(kind)}}
		}
		_, _, err = producer.SendMessage(msg)
		return errors.Join(err, producer.Close())
	})
}

func TestKafkaWaitsForASlowReceiverAndEndsAtOnceWhenTold(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 1))
		o.BatchRecords = 10
		mustAppend(t, openKafkaLog(t, o), clicks(3, 0, 5000)...)
		r := runKafka(t, o, nil)
		first := r.take(10)
		// Nothing is received from here on: the source stands still, and says how far behind it is.
		if lag := r.source.Status().Lag(); lag < 4900 {
			t.Errorf("lag %d with %d of 5000 records taken", lag, len(first))
		}
		r.end()
		if st := r.source.Status(); st.Connected {
			t.Errorf("still connected after Run: %+v", st)
		}
	})
}

func TestKafkaFindsPartitionsThatAreAdded(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 1))
		o.Refresh = 50e6
		log := openKafkaLog(t, o)
		mustAppend(t, log, clicks(1, 0, 10)...)
		r := runKafka(t, o, nil)
		r.take(10)
		withAdmin(t, brokers, func(admin sarama.ClusterAdmin) error {
			return admin.CreatePartitions(o.Topic, 2, nil, false)
		})
		tick := event.Record{Kind: event.KindTick, Partition: 1, Tick: &event.Tick{Time: 1_700_000_000_000_000_000}}
		appendWhenReady(t, log, tick)
		if rec := r.take(1)[0]; rec.Partition != 1 || rec.Offset != 0 || rec.Kind != event.KindTick {
			t.Errorf("got %v %d-%d, want the tick in the new partition", rec.Kind, rec.Partition, rec.Offset)
		}
	})
}

// appendWhenReady appends as soon as the producer has heard of the record's partition.
func appendWhenReady(t *testing.T, log *KafkaLog, rec event.Record) {
	t.Helper()
	for {
		_, err := log.Append(t.Context(), []event.Record{rec})
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "which has 1") {
			t.Fatal(err)
		}
	}
}

func TestKafkaGivesUpPartitionsToASecondMemberAndLosesNothing(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 2))
		log := openKafkaLog(t, o)
		mustAppend(t, log, clicks(8, 0, 100)...)
		r := runKafka(t, o, nil)
		seen := map[string]int{}
		count := func(recs []event.Record) {
			for _, rec := range recs {
				seen[rec.Event.ID]++
			}
		}
		count(r.take(100))
		second := runKafka(t, o, nil)
		second.take(1) // it holds a partition now: the first has lost it
		second.end()
		mustAppend(t, log, clicks(8, 100, 100)...)
		count(r.take(100))
		if len(seen) != 200 {
			t.Errorf("%d of 200 records came", len(seen))
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("record %s came %d times", id, n)
			}
		}
	})
}
