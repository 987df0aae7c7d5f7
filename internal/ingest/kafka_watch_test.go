package ingest

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// hold is a Hold that a test switches.
type hold struct{ reason atomic.Pointer[error] }

func (h *hold) set(err error) { h.reason.Store(&err) }

func (h *hold) ask() error {
	if p := h.reason.Load(); p != nil {
		return *p
	}
	return nil
}

// heartbeats waits until the group has had n more of them.
func heartbeats(t *testing.T, cluster *kfake.Cluster, n int) {
	t.Helper()
	seen := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, TopLevel: true, Count: -1, Observe: true})
	defer seen.Remove()
	if err := seen.Wait(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

func TestKafkaHoldsConsumptionAndKeepsItsMembership(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t)
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 2))
	h := new(hold)
	o.Hold = h.ask
	log := openKafkaLog(t, o)
	mustAppend(t, log, clicks(5, 0, 50)...)
	r := runKafka(t, o, nil)
	recs := r.take(50)

	full := errors.New("the disk is nearly full")
	h.set(full)
	if err := r.problem(full); !strings.HasPrefix(err.Error(), "held: ") {
		t.Errorf("the status says %q", err)
	}
	mustAppend(t, log, clicks(5, 50, 500)...)
	heartbeats(t, cluster, 4) // longer than the group waits for a member that is silent
	r.until("a status", func(st KafkaStatus) bool { return st.Held == full && st.Connected })
	h.set(nil)
	onceEach(t, append(recs, r.take(500)...), 550)
	if n := testutil.ToFloat64(r.source.metrics.sessions); n != 1 {
		t.Errorf("%v sessions: holding is no reason to join anew", n)
	}
	if st := r.source.Status(); st.Held != nil {
		t.Errorf("still held: %v", st.Held)
	}
	r.end()
}

func TestKafkaKeepsItsMembershipAndItsMemoryWhileTheReceiverIsSlow(t *testing.T) {
	t.Parallel()
	const n = 20_000
	cluster := fakeKafka(t)
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 2))
	o.BatchRecords = 10
	log := openKafkaLog(t, o)
	mustAppend(t, log, clicks(50, 0, n)...)
	fetches := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Count: -1, Observe: true})
	r := runKafka(t, o, nil)
	recs := r.take(10)
	heartbeats(t, cluster, 5) // ten seconds: sarama has given up feeding the partitions by then, and the group a silent member
	if got := fetches.Hits(); got > 40 {
		t.Errorf("%d fetches although nobody takes the records", got)
	}
	onceEach(t, append(recs, r.take(n-10)...), n)
	if got := testutil.ToFloat64(r.source.metrics.sessions); got != 1 {
		t.Errorf("%v sessions: a slow receiver is no reason to join anew", got)
	}
	r.end()
}

func TestKafkaJoinsAnewWhenRecordsWaitAndNoneComes(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t)
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 1))
	o.Look, o.StuckAfter = 50*time.Millisecond, 300*time.Millisecond
	log := openKafkaLog(t, o)
	r := runKafka(t, o, nil)
	r.until("a session", func(st KafkaStatus) bool { return st.Connected })
	var deaf atomic.Bool
	deaf.Store(true)
	cluster.ControlKey(kmsg.Fetch.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if !deaf.Load() {
			return nil, nil, false
		}
		return nothingThere(req.(*kmsg.FetchRequest)), nil, true // as a session does that was forgotten on one side
	})
	mustAppend(t, log, clicks(1, 0, 10)...)
	r.until("a session that is joined anew", func(KafkaStatus) bool { return testutil.ToFloat64(r.source.metrics.rejoins) > 0 })
	deaf.Store(false)
	onceEach(t, r.take(10), 10)
	r.end()
}

// nothingThere answers a fetch as if every partition ended where it begins.
func nothingThere(req *kmsg.FetchRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.FetchResponse)
	for _, topic := range req.Topics {
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition, rp.HighWatermark, rp.LastStableOffset = p.Partition, p.FetchOffset, p.FetchOffset
			rp.PreferredReadReplica = -1
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

func TestKafkaCountsNoLagForTheMarkersOfTransactions(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 1))
		o.Look = 50 * time.Millisecond
		client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID("tx-"+o.Topic), kgo.DefaultProduceTopic(o.Topic))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		transact := func() {
			t.Helper()
			if err := client.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := client.ProduceSync(t.Context(), kgo.StringRecord(`{"type":"click","user":"u1","item":"i1"}`)).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
		}
		transact()
		r := runKafka(t, o, nil)
		r.take(1)
		r.until("no lag", func(st KafkaStatus) bool {
			p := st.Partitions[0]
			return p.Next == 1 && st.Lag() == 0 && p.End == 1
		})
		end, err := r.source.End(t.Context(), 0)
		if err != nil || end != 2 {
			t.Fatalf("the log ends at %d, %v: where is the marker?", end, err)
		}
		transact()
		if rec := r.take(1)[0]; rec.Offset != 2 {
			t.Errorf("the next record is at %d", rec.Offset)
		}
		r.until("no lag again", func(st KafkaStatus) bool { return st.Partitions[0].Next == 3 && st.Lag() == 0 })
		if n := testutil.ToFloat64(r.source.metrics.rejoins); n != 0 {
			t.Errorf("joined anew %v times", n)
		}
		r.end()
	})
}

func TestKafkaSaysOncePerChangeThatAnotherMemberHasPartitions(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		core, logs := observer.New(zap.InfoLevel)
		o := testOptions(brokers, makeTopic(t, brokers, 2))
		o.Logger = zap.New(core)
		r := runKafka(t, o, nil)
		r.until("both partitions", func(st KafkaStatus) bool { return st.Connected && len(st.Partitions) == 2 && len(st.Elsewhere) == 0 })
		quiet := o
		quiet.Logger = zap.NewNop()
		second := runKafka(t, quiet, nil)
		st := r.until("one partition elsewhere", func(st KafkaStatus) bool { return len(st.Elsewhere) == 1 })
		if st.count(func(p KafkaPartition) bool { return p.Claimed }) != 1 {
			t.Errorf("%+v", st)
		}
		second.end()
		r.until("both partitions again", func(st KafkaStatus) bool { return st.Connected && len(st.Elsewhere) == 0 })
		r.end()
		if n := logs.FilterMessageSnippet("another member").Len(); n != 1 {
			t.Errorf("%d warnings of one change", n)
		}
		if n := logs.FilterMessageSnippet("again").Len(); n != 1 {
			t.Errorf("said %d times that all is well again", n)
		}
	})
}
