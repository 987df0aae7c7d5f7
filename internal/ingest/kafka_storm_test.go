package ingest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"recsvc/internal/event"
)

// ledger is what one state has been handed, by partition.
type ledger struct {
	next map[int32]int64
	ids  map[string]int
}

func newLedger() *ledger { return &ledger{map[int32]int64{}, map[string]int{}} }

// add fails unless every partition goes on where it was.
func (l *ledger) add(t *testing.T, recs []event.Record) {
	t.Helper()
	for _, rec := range recs {
		if want := l.next[rec.Partition]; rec.Offset != want {
			t.Fatalf("partition %d: offset %d came, want %d", rec.Partition, rec.Offset, want)
		}
		l.next[rec.Partition]++
		if rec.Event != nil {
			l.ids[rec.Event.ID]++
		}
	}
}

func (l *ledger) cursor() (c event.Cursor) {
	for partition, next := range l.next {
		c = c.Set(partition, next)
	}
	return c
}

// follow receives until every partition has reached where the log ends.
func (l *ledger) follow(t *testing.T, r *running, end event.Cursor) {
	t.Helper()
	for !l.cursor().Covers(end) {
		l.add(t, r.take(1))
		l.add(t, r.over)
		r.over = nil
	}
}

// place appends until it works and returns where the log of the partitions ends then. Batches that fail are appended anew,
// as clients do, so that some of their records may be in the log twice.
func place(t *testing.T, log *KafkaLog, recs []event.Record) event.Cursor {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var err error
	for ctx.Err() == nil {
		var end event.Cursor
		if end, err = log.Append(ctx, recs); err == nil {
			return end
		}
	}
	t.Fatalf("the log never came back: %v", err)
	return nil
}

func TestKafkaDeliversOnceAndInOrderWhateverRequestsFail(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		key      kmsg.Key
		topLevel bool
		errs     []*kerr.Error
	}{
		{kmsg.Fetch, false, []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownServerError, kerr.FencedLeaderEpoch, kerr.KafkaStorageError, kerr.UnknownTopicOrPartition}},
		{kmsg.ListOffsets, false, []*kerr.Error{kerr.NotLeaderForPartition, kerr.OffsetNotAvailable, kerr.LeaderNotAvailable}},
		{kmsg.Metadata, false, []*kerr.Error{kerr.LeaderNotAvailable, kerr.UnknownTopicOrPartition}},
		{kmsg.FindCoordinator, true, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress}},
		{kmsg.JoinGroup, true, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.UnknownMemberID, kerr.RebalanceInProgress}},
		{kmsg.SyncGroup, true, []*kerr.Error{kerr.RebalanceInProgress, kerr.NotCoordinator, kerr.UnknownMemberID}},
		{kmsg.Heartbeat, true, []*kerr.Error{kerr.RebalanceInProgress, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.NotCoordinator}},
		{kmsg.OffsetFetch, false, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator}},
		{kmsg.OffsetCommit, false, []*kerr.Error{kerr.NotCoordinator, kerr.RebalanceInProgress, kerr.UnknownMemberID}},
		{kmsg.Produce, false, []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.OutOfOrderSequenceNumber, kerr.UnknownServerError,
			kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend}},
		{kmsg.InitProducerID, true, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable}},
	} {
		t.Run(tc.key.Name(), func(t *testing.T) {
			t.Parallel()
			cluster := fakeKafka(t)
			o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 2))
			var faults []kfake.Fault
			for _, err := range tc.errs {
				faults = append(faults, kfake.Fault{Keys: []kmsg.Key{tc.key}, TopLevel: tc.topLevel, Err: err})
			}
			failing := cluster.Fault(faults...)
			defer failing.Remove()
			log := openKafkaLog(t, o)
			r, got := runKafka(t, o, nil), newLedger()
			for i := range 5 {
				got.follow(t, r, place(t, log, clicks(7, i*20, 20)))
			}
			if tc.key == kmsg.OffsetCommit { // a hint, given when a session ends
				r.end()
				r = runKafka(t, o, got.cursor())
			}
			if err := failing.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			got.follow(t, r, place(t, log, clicks(7, 100, 20)))
			r.end()
			got.complete(t, 120, tc.key == kmsg.Produce)
		})
	}
}

// complete fails unless events 0 to n-1 came, each once where their producer had no error.
func (l *ledger) complete(t *testing.T, n int, twice bool) {
	t.Helper()
	for i := range n {
		if times := l.ids[strconv.Itoa(i)]; times == 0 || times > 1 && !twice {
			t.Errorf("event %d came %d times", i, times)
		}
	}
}

func TestKafkaDeliversOnceWhileLeadersMoveAndBrokersGo(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t, kfake.NumBrokers(3))
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 3))
	log := openKafkaLog(t, o)
	r, got := runKafka(t, o, nil), newLedger()
	for i, disturb := range []func() error{
		func() error { return nil },
		func() error {
			return errors.Join(cluster.MoveTopicPartition(o.Topic, 0, (cluster.LeaderFor(o.Topic, 0)+1)%3),
				cluster.MoveTopicPartition(o.Topic, 1, (cluster.LeaderFor(o.Topic, 1)+1)%3))
		},
		func() error { cluster.ShufflePartitionLeaders(); return nil },
		func() error { cluster.RehashCoordinators(); return nil },
		func() error { return cluster.RemoveNode(cluster.LeaderFor(o.Topic, 0)) },
		func() error { return cluster.RemoveNode(cluster.CoordinatorFor(o.Group)) },
	} {
		if err := disturb(); err != nil {
			t.Fatal(err)
		}
		got.follow(t, r, place(t, log, clicks(7, i*50, 50)))
	}
	r.end()
	got.complete(t, 300, true)
}

func TestKafkaGivesEachMemberItsOwnViewWhileOneComesAndGoes(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		o := testOptions(brokers, makeTopic(t, brokers, 4))
		log := openKafkaLog(t, o)
		first, ours := runKafka(t, o, nil), newLedger()
		var end event.Cursor
		written := 0
		write := func() {
			for _, p := range mustAppend(t, log, clicks(20, written, 20)...) {
				end = end.Set(p.Partition, p.Offset)
			}
			written += 20
		}
		write()
		theirs := newLedger()
		for round := range 3 {
			had := len(theirs.ids)
			second := runKafka(t, o, theirs.cursor())
			leave := time.After(2 * time.Second)
			for here := true; here; {
				select {
				case batch := <-first.out:
					ours.add(t, batch.Records)
				case batch := <-second.out:
					theirs.add(t, batch.Records)
				case <-time.After(20 * time.Millisecond):
					write()
				case <-leave:
					leave = time.After(100 * time.Millisecond)
					here = round != 1 && len(theirs.ids) == had // joining takes its time; the second round may be too short
				}
			}
			second.end()
		}
		ours.follow(t, first, end)
		first.end()
		ours.complete(t, written, false)
		if len(theirs.next) == 0 {
			t.Error("the second member never had a partition")
		}
	})
}
