package ingest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"

	"recsvc/internal/event"
)

// everyKind holds a record of each kind.
func everyKind() []event.Record {
	const ts = event.Time(1_767_323_045_000_000_000)
	recs := []event.Record{
		{Kind: event.KindEvent, Event: &event.Event{Type: "click", User: "u1", Item: "i1", Time: ts, Position: 3, Propensity: 0.25}},
		{Kind: event.KindItem, Item: &event.Item{ID: "i1", Attrs: event.Attributes{{Key: "price", Value: event.Value{Kind: event.Number, Num: 9.5}}}}},
		{Kind: event.KindItem, Item: &event.Item{ID: "i1", Deleted: true}},
		{Kind: event.KindUser, User: &event.User{ID: "u1", Attrs: event.Attributes{{Key: "city", Value: event.Value{Kind: event.String, Str: "Łódź"}}}}},
		{Kind: event.KindServed, Served: &event.Served{Request: "r1", User: "u1", Scene: "home", Time: ts, Model: "ctr@1",
			Items: []event.ServedItem{{Item: "i1", Score: 0.1, Propensity: 0.9}}}},
		{Kind: event.KindServed, Served: &event.Served{Request: "r2", Time: ts}},
		{Kind: event.KindControl, Control: &event.Control{Type: event.RestoreControl, Attrs: event.Attributes{
			{Key: "definitions", Value: event.Value{Kind: event.String, Str: "00"}},
			{Key: "sha256", Value: event.Value{Kind: event.String, Str: "ab"}},
			{Key: "snapshot", Value: event.Value{Kind: event.String, Str: "s1"}},
		}}},
		{Kind: event.KindTick, Tick: &event.Tick{Time: ts}},
		{Kind: event.KindDeadLetter, DeadLetter: &event.DeadLetter{Source: "http", Reason: "bad_json", Detail: "no", Place: "/v1/events[3]", Bytes: []byte("{\xff"), Size: 2}},
	}
	for i := range recs {
		recs[i].Received = ts
	}
	return recs
}

func TestKafkaLogCarriesEveryKindOfRecord(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 3))
		o.MaxRecordBytes = 64 << 10
		log := openKafkaLog(t, o)
		sent := everyKind()
		sent[7].Partition = 2
		end := mustAppend(t, log, sent...)
		if !end.Covers(event.Cursor{{Partition: 2, Offset: 1}}) {
			t.Errorf("cursor %s: the tick for partition 2 is not in it", end)
		}
		type place struct {
			partition int32
			offset    int64
		}
		got := map[place]event.Record{}
		r := runKafka(t, o, nil)
		for _, rec := range r.take(len(sent)) {
			got[place{rec.Partition, rec.Offset}] = rec
		}
		for i, want := range sent {
			rec := got[place{want.Partition, want.Offset}]
			if rec.Kind != want.Kind || string(event.AppendJSON(nil, &rec)) != string(event.AppendJSON(nil, &want)) {
				t.Errorf("record %d: at %d-%d came %s, appended was %s", i, want.Partition, want.Offset,
					event.AppendJSON(nil, &rec), event.AppendJSON(nil, &want))
			}
			if rec.Received != want.Received {
				t.Errorf("record %d: received %v, want %v", i, rec.Received.Time(), want.Received.Time())
			}
		}
		if sent[0].Partition != sent[4].Partition || sent[0].Partition != sent[3].Partition {
			t.Errorf("what belongs to one user stands in partitions %d, %d and %d", sent[0].Partition, sent[3].Partition, sent[4].Partition)
		}
	})
}

func TestKafkaLogTakesManyWritersAtOnce(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 2))
		log := openKafkaLog(t, o)
		var writers sync.WaitGroup
		for w := range 16 {
			writers.Go(func() {
				for i := range 10 {
					if _, err := log.Append(t.Context(), clicks(5, (w*10+i)*3, 3)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		onceEach(t, runKafka(t, o, nil).take(480), 480)
	})
}

func TestKafkaLogRefusesWhatItCannotWrite(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t)
	brokers := cluster.ListenAddrs()
	o := testOptions(brokers, makeTopic(t, brokers, 1))
	o.MaxRecordBytes = 1 << 10
	log := openKafkaLog(t, o)

	big := clicks(1, 0, 2)
	big[1].Event.Text = strings.Repeat("x", 2000)
	var refusal *event.Error
	if _, err := log.Append(t.Context(), big); !errors.As(err, &refusal) || refusal.Reason != event.ReasonTooLarge {
		t.Errorf("a record over the limit: got %v", err)
	}
	if _, err := log.Append(t.Context(), []event.Record{{}}); err == nil {
		t.Error("a record without a kind was accepted")
	}
	if _, err := log.Append(t.Context(), []event.Record{{Kind: event.KindTick, Partition: 7, Tick: &event.Tick{Time: 1}}}); err == nil {
		t.Error("a tick for a partition that does not exist was accepted")
	}
	if next, err := log.Append(t.Context(), nil); next != nil || err != nil {
		t.Errorf("appending nothing: %v, %v", next, err)
	}
	if end := mustAppend(t, log, clicks(1, 0, 1)...); end.String() != "0-1" {
		t.Errorf("cursor %s after refusals, want 0-1: nothing of them may be in the log", end)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), clicks(1, 0, 1)); !errors.Is(err, ErrKafkaClosed) {
		t.Errorf("after Close: got %v", err)
	}
}

func TestKafkaLogReturnsWhenItsCallerGivesUp(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t)
	brokers := cluster.ListenAddrs()
	o := testOptions(brokers, "nobody-made-this")
	log := openKafkaLog(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Append(ctx, clicks(1, 0, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has gone: got %v", err)
	}
	if _, err := log.Append(t.Context(), clicks(1, 0, 1)); !errors.Is(err, ErrKafkaTopic) || !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		t.Errorf("a topic that does not exist: got %v", err)
	}
}

func TestKafkaLogSaysThatNoBrokerAnswers(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t)
	brokers := cluster.ListenAddrs()
	cluster.Close()
	log := openKafkaLog(t, testOptions(brokers, "events"))
	if _, err := log.Append(t.Context(), clicks(1, 0, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
}

func TestKafkaLogBoundsWhatWaitsWhileNoBrokerAnswers(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t)
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 1))
	o.Timeout = 500 * time.Millisecond
	cluster.ControlKey(kmsg.InitProducerID.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.SleepControl(func() { <-t.Context().Done() }) // until the test ends: no producer id
		return nil, errors.New("gone"), true
	})
	log := openKafkaLog(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	big := clicks(1, 0, 100)
	for i := range big {
		big[i].Event.Text = strings.Repeat("x", 200<<10)
	}
	var waiting sync.WaitGroup
	for range 10 { // 20 MB each: the first takes most of the room
		waiting.Go(func() {
			if _, err := log.Append(ctx, big); err == nil {
				t.Error("appended although no broker answers")
			}
		})
	}
	for log.producer.room.TryAcquire(producerRoom / 2) {
		log.producer.room.Release(producerRoom / 2)
	}
	cancel()
	waiting.Wait()
}
