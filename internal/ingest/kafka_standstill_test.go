package ingest

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"recsvc/internal/event"
)

func TestKafkaStandsStillAtAnOffsetThatTheLogDoesNotHold(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 2))
		log := openKafkaLog(t, o)
		mustAppend(t, log, ticks(0, 100)...)
		removeBefore(t, o, 0, 50)
		for _, tc := range []struct {
			name string
			from int64
			want string
		}{
			{"removed by retention", 49, "the log starts at 50"},
			{"beyond the end", 101, "the log ended at 100"},
		} {
			r := runKafka(t, o, event.Cursor{{Offset: tc.from}})
			err := r.problem(ErrKafkaOutOfRange)
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "partition 0") {
				t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
			}
			st := r.source.Status()
			if p := st.Partitions[0]; p.Halted == nil || p.Claimed || p.Next != tc.from || st.halted() != 1 {
				t.Errorf("%s: %+v", tc.name, p)
			}
			mustAppend(t, log, ticks(1, 1)...) // the other partition goes on
			if rec := r.take(1)[0]; rec.Partition != 1 {
				t.Errorf("%s: a record of partition %d came", tc.name, rec.Partition)
			}
			r.end()
		}
		oldest := map[int32]int64{0: 100}
		for _, rec := range runKafka(t, o, nil).take(52) {
			oldest[rec.Partition] = min(oldest[rec.Partition], rec.Offset)
		}
		if oldest[0] != 50 {
			t.Errorf("a new state starts at %d, want the oldest record, 50", oldest[0])
		}
	})
}

// ticks returns n ticks for a partition.
func ticks(partition int32, n int) []event.Record {
	recs := make([]event.Record, n)
	for i := range recs {
		recs[i] = event.Record{Kind: event.KindTick, Partition: partition, Tick: &event.Tick{Time: 1_700_000_000_000_000_000}}
	}
	return recs
}

// removeBefore removes the records of a partition before an offset, as retention does.
func removeBefore(t *testing.T, o KafkaOptions, partition int32, offset int64) {
	t.Helper()
	withAdmin(t, o.Brokers, func(admin sarama.ClusterAdmin) error {
		return admin.DeleteRecords(o.Topic, map[int32]int64{partition: offset})
	})
}

func TestKafkaPassesOverLostRecordsWhereThatIsConfiguredAndCountsThem(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 1))
		o.SkipLost = true
		mustAppend(t, openKafkaLog(t, o), clicks(3, 0, 100)...)
		removeBefore(t, o, 0, 50)
		r := runKafka(t, o, event.Cursor{{Offset: 10}})
		if got := r.take(50)[0].Offset; got != 50 {
			t.Errorf("the first record is at %d, want 50", got)
		}
		if got := testutil.ToFloat64(r.source.metrics.lost); got != 40 {
			t.Errorf("%v records are counted as lost, want 40", got)
		}
		r.end()
		// What lies beyond the end was never in this log: no policy goes on from there.
		if err := runKafka(t, o, event.Cursor{{Offset: 101}}).problem(ErrKafkaOutOfRange); !strings.Contains(err.Error(), "ended at 100") {
			t.Errorf("got %v", err)
		}
	})
}

func TestKafkaSeesThatALogWasCutBackAlsoWhenItHasGrownAgain(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t)
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 1))
	o.File = filepath.Join(t.TempDir(), "kafka-topic.json")
	log := openKafkaLog(t, o)
	mustAppend(t, log, clicks(3, 0, 10)...)
	from := event.Cursor{{Offset: 15}} // five were applied that the log has lost
	r := runKafka(t, o, from)
	r.problem(ErrKafkaOutOfRange)
	r.end()
	mustAppend(t, log, clicks(3, 10, 10)...)
	r = runKafka(t, o, from)
	if err := r.problem(ErrKafkaOutOfRange); !strings.Contains(err.Error(), "ended at 10") {
		t.Errorf("got %v", err)
	}
	r.end()
	if got := runKafka(t, o, event.Cursor{{Offset: 10}}).take(10)[0].Offset; got != 10 {
		t.Errorf("an older state goes on at %d, want 10", got)
	}
}

func TestKafkaStandsStillAtATopicThatIsNotTheOneOfTheState(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 2))
		err := runKafka(t, o, event.Cursor{{Partition: 5, Offset: 1}}).says("partition 5")
		if !errors.Is(err, ErrKafkaTopic) || !strings.Contains(err.Error(), o.Topic) {
			t.Errorf("a cursor with more partitions than the topic: got %v", err)
		}
		o.Topic = "nobody-made-this"
		if err := runKafka(t, o, nil).says("does not exist"); !errors.Is(err, ErrKafkaTopic) {
			t.Errorf("a topic that does not exist: got %v", err)
		}
	})
}

func TestKafkaStandsStillAtATopicThatWasMadeAnew(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		for _, tc := range []struct {
			name    string
			running bool
		}{{"while nobody reads", false}, {"while it is read", true}} {
			t.Run(tc.name, func(t *testing.T) {
				o := testOptions(brokers, makeTopic(t, brokers, 1))
				o.File = filepath.Join(t.TempDir(), "kafka-topic.json")
				o.Look = 100 * time.Millisecond
				log := openKafkaLog(t, o)
				mustAppend(t, log, clicks(3, 0, 10)...)
				r := runKafka(t, o, nil)
				r.take(10)
				if !tc.running {
					r.end()
				}
				anew(t, o)
				appendUntilItWorks(t, openKafkaLog(t, o), clicks(3, 1000, 20)) // more than the state has seen: the offsets look right
				if !tc.running {
					r = runKafka(t, o, event.Cursor{{Offset: 10}})
				}
				if err := r.says("deleted and made anew"); !errors.Is(err, ErrKafkaTopic) {
					t.Errorf("got %v", err)
				}
				if n := r.source.Status().halted(); n == 0 {
					t.Error("nothing is counted as standing still")
				}
				r.end()
				runKafka(t, o, nil).take(20) // a new state belongs to the new topic
			})
		}
	})
}

// anew deletes the topic and makes one of the same name.
func anew(t *testing.T, o KafkaOptions) {
	t.Helper()
	withAdmin(t, o.Brokers, func(admin sarama.ClusterAdmin) error {
		if err := admin.DeleteTopic(o.Topic); err != nil {
			return err
		}
		for {
			forever := "-1"
			err := admin.CreateTopic(o.Topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1,
				ConfigEntries: map[string]*string{"retention.ms": &forever}}, false)
			if !errors.Is(err, sarama.ErrTopicAlreadyExists) {
				return err
			}
		}
	})
}

func TestKafkaNoticesThatRetentionOvertakesItWhileItReads(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		for _, skip := range []bool{false, true} {
			o := testOptions(brokers, makeTopic(t, brokers, 1))
			o.SkipLost, o.BatchRecords = skip, 10
			const n, oldest = 2000, 1900
			log := openKafkaLog(t, o)
			for i := 0; i < n; i += 50 { // more than what is on its way at once
				recs := clicks(3, i, 50)
				for j := range recs {
					for range 40 { // what does not compress
						recs[j].Event.Text += rand.Text()
					}
				}
				mustAppend(t, log, recs...)
			}
			r := runKafka(t, o, nil)
			next, lost := r.take(1)[0].Offset+1, int64(0)
			removeBefore(t, o, 0, oldest)
			for late := time.After(patience); next < n && r.source.Status().halted() == 0; {
				recs := r.over
				r.over = nil
				select {
				case batch := <-r.out:
					recs = append(recs, batch.Records...)
				case <-time.After(5 * time.Millisecond):
				case <-late:
					t.Fatalf("nothing comes and nothing is said; status %+v", r.source.Status())
				}
				for _, rec := range recs {
					lost += rec.Offset - next
					next = rec.Offset + 1
				}
			}
			problem := r.source.Status().Problem()
			switch {
			case skip && (lost == 0 || lost >= oldest || next != n || problem != nil):
				t.Errorf("skip: %d were passed over up to %d: %v", lost, next, problem)
			case !skip && (lost != 0 || next >= oldest || !errors.Is(problem, ErrKafkaOutOfRange)):
				t.Errorf("stop: %d were passed over up to %d: %v", lost, next, problem)
			}
			if counted := int64(testutil.ToFloat64(r.source.metrics.lost)); counted != lost {
				t.Errorf("skip %v: %d are counted as lost, and %d were passed over", skip, counted, lost)
			}
			r.end()
		}
	})
}
