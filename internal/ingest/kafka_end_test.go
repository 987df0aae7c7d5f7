package ingest

import (
	"context"
	"errors"
	"testing"

	"recsvc/internal/event"
)

func TestKafkaTellsWhichPartitionsAreOursAndWhereTheyEnd(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 1))
		log := openKafkaLog(t, o)
		mustAppend(t, log, clicks(3, 0, 100)...)
		idle, err := NewKafkaSource(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := idle.End(t.Context(), 0); !errors.Is(err, ErrKafkaDown) {
			t.Errorf("a source that does not run: %v", err)
		}
		r := runKafka(t, o, event.Cursor{{Offset: 40}})
		r.take(60)
		want := KafkaPartition{Partition: 0, Start: 40, Next: 100, End: 100, Claimed: true}
		st := r.source.Status()
		if len(st.Partitions) != 1 {
			t.Fatalf("%+v, want %+v", st.Partitions, want)
		}
		got := st.Partitions[0]
		got.Next = want.Next // it is noted after the receiver has the batch
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		mustAppend(t, log, clicks(3, 100, 7)...)
		if end, err := r.source.End(t.Context(), 0); err != nil || end != 107 {
			t.Errorf("the partition ends at %d, %v", end, err)
		}
		if _, err := r.source.End(t.Context(), 9); err == nil {
			t.Error("a partition that the topic does not have has an end")
		}
		given, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.source.End(given, 0); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
	})
}
