package ingest

import (
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/tools/kafkabroker"
)

func TestKafkaSourceAndLogOutliveWhatHappensToARealBroker(t *testing.T) {
	t.Parallel()
	broker := kafkabroker.Start(t)
	o := testOptions(broker.Addresses(), makeTopic(t, broker.Addresses(), 2))
	o.Timeout, o.Rebalance, o.Look, o.MaxBackoff = time.Second, 3*time.Second, 500*time.Millisecond, 500*time.Millisecond
	log := openKafkaLog(t, o)
	r, got := runKafka(t, o, nil), newLedger()
	written := 0
	write := func() event.Cursor {
		written += 50
		return place(t, log, clicks(7, written-50, 50))
	}
	got.follow(t, r, write())
	for _, tc := range []struct {
		name       string
		harm, heal func()
	}{
		{"stopped and started", broker.Stop, broker.Start},
		{"killed and started", broker.Kill, broker.Start},
		{"frozen for a moment", broker.Freeze, func() { time.Sleep(time.Second); broker.Thaw() }},
		{"frozen until everyone has given it up", broker.Freeze, func() {
			// Both client and group take the other for dead.
			for st := r.source.Status(); st.Connected || st.Err == nil; st = r.source.Status() {
				time.Sleep(time.Millisecond)
			}
			broker.Thaw()
		}},
	} {
		before := write() // some of it is under way when the harm is done
		tc.harm()
		tc.heal()
		got.follow(t, r, before)
		got.follow(t, r, write())
		t.Logf("%s: %d records, each once", tc.name, written)
	}
	broker.Freeze()
	r.end() // a broker that does not answer keeps nobody from ending
	broker.Thaw()
	got.complete(t, written, true)
}
