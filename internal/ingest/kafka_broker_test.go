package ingest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"recsvc/internal/event"
)

// patience is how long a test waits for what must happen. Nothing is measured by it.
const patience = 60 * time.Second

// onEachBroker runs a test against a broker inside this process, and against a real one when KAFKA_BROKERS names it.
// The tests of Kafka run in parallel: they wait more than they work.
func onEachBroker(t *testing.T, test func(t *testing.T, brokers []string)) {
	t.Helper()
	t.Parallel()
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		test(t, fakeKafka(t).ListenAddrs())
	})
	t.Run("real broker", func(t *testing.T) {
		t.Parallel()
		addresses := os.Getenv("KAFKA_BROKERS")
		if addresses == "" {
			if os.Getenv("REQUIRE_KAFKA") == "1" {
				t.Fatal("REQUIRE_KAFKA=1, and KAFKA_BROKERS names no broker")
			}
			t.Skip("KAFKA_BROKERS is not set: NOT tested against a real Kafka (make kafka-test does)")
		}
		test(t, strings.Split(addresses, ","))
	})
}

// fakeKafka starts a broker that speaks Kafka's protocol inside the test, and stops it at the end.
func fakeKafka(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// makeTopic creates a topic with a name of its own. It keeps everything: the tests' records are old by their own
// timestamps, and a real broker would remove them after half a minute.
func makeTopic(t testing.TB, brokers []string, partitions int32) string {
	t.Helper()
	topic := "test-" + strings.ToLower(rand.Text())
	forever := "-1"
	withAdmin(t, brokers, func(admin sarama.ClusterAdmin) error {
		return admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1,
			ConfigEntries: map[string]*string{"retention.ms": &forever}}, false)
	})
	return topic
}

func withAdmin(t testing.TB, brokers []string, do func(sarama.ClusterAdmin) error) {
	t.Helper()
	o := testOptions(brokers, "admin")
	c := o.saramaConfig()
	c.Metadata.Full = true
	admin, err := sarama.NewClusterAdmin(brokers, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(admin), admin.Close()); err != nil {
		t.Fatal(err)
	}
}

func testOptions(brokers []string, topic string) KafkaOptions {
	o, err := KafkaOptions{Brokers: brokers, Topic: topic, Group: "group-" + topic, MaxBackoff: time.Second}.withDefaults()
	if err != nil {
		panic(err)
	}
	return o
}

// openKafkaLog opens a log on the topic for the length of the test.
func openKafkaLog(t testing.TB, o KafkaOptions) *KafkaLog {
	t.Helper()
	log, err := NewKafkaLog(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Errorf("close the log: %v", err)
		}
	})
	return log
}

// mustAppend appends within the test's patience.
func mustAppend(t testing.TB, log *KafkaLog, recs ...event.Record) event.Cursor {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	next, err := log.Append(ctx, recs)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// running is a source at work.
type running struct {
	t      testing.TB
	source *KafkaSource
	out    chan *Batch
	err    chan error
	stop   context.CancelFunc
	ended  bool
	over   []event.Record // received and not yet asked for
}

// runKafka starts a source at a cursor and stops it at the end of the test.
func runKafka(t testing.TB, o KafkaOptions, from event.Cursor) *running {
	t.Helper()
	source, err := NewKafkaSource(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{t: t, source: source, out: make(chan *Batch), err: make(chan error, 1), stop: stop}
	go func() { r.err <- source.Run(ctx, from, r.out) }()
	t.Cleanup(func() { r.end() })
	return r
}

// end stops the source and returns what Run did.
func (r *running) end() error {
	r.t.Helper()
	if r.ended {
		return nil
	}
	r.ended = true
	r.stop()
	select {
	case err := <-r.err:
		if err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run ended with %v", err)
		}
		return err
	case <-time.After(patience):
		r.t.Fatal("Run did not end after its context")
		return nil
	}
}

// take returns the next n records.
func (r *running) take(n int) []event.Record {
	r.t.Helper()
	late := time.After(patience)
	for len(r.over) < n {
		select {
		case batch := <-r.out:
			r.over = append(r.over, batch.Records...)
		case err := <-r.err:
			r.ended = true
			r.t.Fatalf("Run ended after %d of %d records: %v", len(r.over), n, err)
		case <-late:
			r.t.Fatalf("%d of %d records came; status %+v", len(r.over), n, r.source.Status())
		}
	}
	recs := r.over[:n:n]
	r.over = r.over[n:]
	return recs
}

// until waits for a status that the test asks for. No record may come meanwhile.
func (r *running) until(what string, is func(KafkaStatus) bool) KafkaStatus {
	r.t.Helper()
	late := time.After(patience)
	for {
		if st := r.source.Status(); is(st) {
			return st
		}
		select {
		case batch := <-r.out:
			r.t.Fatalf("%d records came, the first at offset %d: want %s", len(batch.Records), batch.Records[0].Offset, what)
		case err := <-r.err:
			r.ended = true
			r.t.Fatalf("Run ended with %v: want %s", err, what)
		case <-late:
			r.t.Fatalf("not within the test's patience: %s; status %+v", what, r.source.Status())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// problem waits until something keeps records from coming, and returns it.
func (r *running) problem(target error) error {
	r.t.Helper()
	return r.until("a problem: "+target.Error(), func(st KafkaStatus) bool { return errors.Is(st.Problem(), target) }).Problem()
}

// says waits until what keeps records from coming is said with these words, and returns it.
func (r *running) says(words string) error {
	r.t.Helper()
	return r.until("a problem: "+words, func(st KafkaStatus) bool {
		err := st.Problem()
		return err != nil && strings.Contains(err.Error(), words)
	}).Problem()
}

// clicks returns n events of users u0, u1, … in turn; their ids are numbered from first.
func clicks(users, first, n int) []event.Record {
	recs := make([]event.Record, n)
	for i := range recs {
		recs[i] = event.Record{Kind: event.KindEvent, Received: 1_700_000_000_000_000_000, Event: &event.Event{
			ID: fmt.Sprint(first + i), Type: "click", User: fmt.Sprintf("u%d", (first+i)%users), Item: "i1", Time: 1_700_000_000_000_000_000,
		}}
	}
	return recs
}
