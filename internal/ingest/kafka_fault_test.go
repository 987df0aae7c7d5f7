package ingest

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"recsvc/internal/event"
)

func TestKafkaSourceAndLogOutliveABrokerThatRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := fakeKafka(t, kfake.DataDir(dir))
	brokers := first.ListenAddrs()
	o := testOptions(brokers, makeTopic(t, brokers, 2))
	log := openKafkaLog(t, o)
	r := runKafka(t, o, nil)
	mustAppend(t, log, clicks(5, 0, 100)...)
	recs := r.take(60) // forty are on their way when the broker goes
	first.Close()

	_, port, err := net.SplitHostPort(brokers[0])
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	fakeKafka(t, kfake.DataDir(dir), kfake.Ports(n))
	appendUntilItWorks(t, log, clicks(5, 100, 100))
	onceEach(t, append(recs, r.take(140)...), 200)
	r.end() // before the broker goes for good
}

// appendUntilItWorks is what a client does that has got an error.
func appendUntilItWorks(t *testing.T, log *KafkaLog, recs []event.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var err error
	for ctx.Err() == nil {
		if _, err = log.Append(ctx, recs); err == nil {
			return
		}
	}
	t.Fatalf("the log never came back: %v", err)
}

// onceEach fails unless records 0 to n-1 are there, each once.
func onceEach(t *testing.T, recs []event.Record, n int) {
	t.Helper()
	seen := map[string]int{}
	for _, rec := range recs {
		seen[rec.Event.ID]++
	}
	for i := range n {
		if got := seen[strconv.Itoa(i)]; got != 1 {
			t.Errorf("record %d came %d times", i, got)
		}
	}
}

func TestKafkaSourceDeliversOnceWhateverTheBrokerAnswers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		key  kmsg.Key
		fail func(kmsg.Request) (kmsg.Response, error, bool)
	}{
		{"a fetch is cut off", kmsg.Fetch, cutOff},
		{"joining is cut off", kmsg.JoinGroup, cutOff},
		{"committing the hint fails", kmsg.OffsetCommit, cutOff},
		{"the offsets cannot be listed", kmsg.ListOffsets, cutOff},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cluster := fakeKafka(t)
			o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 2))
			log := openKafkaLog(t, o)
			mustAppend(t, log, clicks(5, 0, 50)...)
			failed := make(chan struct{}, 8)
			cluster.ControlKey(tc.key.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
				failed <- struct{}{}
				return tc.fail(req)
			})
			r := runKafka(t, o, nil)
			recs := r.take(50)
			if tc.key == kmsg.OffsetCommit {
				r.end()
			}
			select {
			case <-failed:
			case <-time.After(patience):
				t.Fatal("the request that was to fail was never made")
			}
			if tc.key == kmsg.OffsetCommit {
				r = runKafka(t, o, event.Cursor{{Partition: 0, Offset: next(recs, 0)}, {Partition: 1, Offset: next(recs, 1)}})
			}
			mustAppend(t, log, clicks(5, 50, 50)...)
			onceEach(t, append(recs, r.take(50)...), 100)
			r.end()
		})
	}
}

// next returns the offset after the records of a partition.
func next(recs []event.Record, partition int32) int64 {
	var next int64
	for _, rec := range recs {
		if rec.Partition == partition {
			next = rec.Offset + 1
		}
	}
	return next
}

// cutOff closes the connection instead of an answer.
func cutOff(kmsg.Request) (kmsg.Response, error, bool) {
	return nil, errors.New("cut off"), true
}

// answer replies with what set makes of an empty response.
func answer[R kmsg.Response](set func(R)) func(kmsg.Request) (kmsg.Response, error, bool) {
	return func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(R)
		set(resp)
		return resp, nil, true
	}
}

func TestKafkaSourceSaysThatItMayNotReadAndGoesOnWhenItMay(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t)
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 1))
	mustAppend(t, openKafkaLog(t, o), clicks(1, 0, 3)...)
	var granted atomic.Bool
	cluster.ControlKey(kmsg.JoinGroup.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if granted.Load() {
			return nil, nil, false
		}
		return answer(func(r *kmsg.JoinGroupResponse) { r.ErrorCode = kerr.GroupAuthorizationFailed.Code })(req)
	})
	r := runKafka(t, o, nil)
	r.problem(sarama.ErrGroupAuthorizationFailed)
	granted.Store(true)
	onceEach(t, r.take(3), 3)
}

func TestKafkaLogWritesOnceAlthoughTheBrokerRefusesAtFirst(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t)
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 1))
	var failures atomic.Int32
	cluster.ControlKey(kmsg.Produce.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if failures.Add(1) > 3 {
			return nil, nil, false
		}
		return nil, errors.New("cut off"), true
	})
	log := openKafkaLog(t, o)
	r := runKafka(t, o, nil)
	end := mustAppend(t, log, clicks(3, 0, 20)...)
	if end.String() != "0-20" {
		t.Errorf("cursor %s, want 0-20", end)
	}
	onceEach(t, r.take(20), 20)
	r.end()
}
