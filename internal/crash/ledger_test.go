package crash

import (
	"fmt"
	"testing"

	"recsvc/internal/event"
)

// ledger is what the clients know: how often each record was sent, and how often that was acknowledged.
type ledger struct{ sent, acked map[string]int }

func newLedger() *ledger { return &ledger{map[string]int{}, map[string]int{}} }

// identity is a record without what the server adds to it.
func identity(r event.Record) string {
	r.Received = 0
	return string(event.AppendRecord(nil, &r))
}

func (l *ledger) send(recs []event.Record) {
	for _, r := range recs {
		l.sent[identity(r)]++
	}
}

func (l *ledger) ack(recs []event.Record) {
	for _, r := range recs {
		l.acked[identity(r)]++
	}
}

// check holds the ledger against the log: nothing acknowledged is missing, and nothing is there that was not sent.
func (l *ledger) check(t *testing.T, recs []event.Record) {
	t.Helper()
	have := map[string]int{}
	for _, r := range recs {
		have[identity(r)]++
	}
	for id, n := range l.acked {
		if have[id] < n {
			t.Errorf("acknowledged %d times, in the log %d times: %.200q", n, have[id], id)
		}
	}
	for id, n := range have {
		if n > l.sent[id] {
			t.Errorf("sent %d times, in the log %d times: %.200q", l.sent[id], n, id)
		}
	}
}

// recount says what should become of the records, the slow and obvious way: how many are applied, duplicates, late and
// dead letters.
func recount(recs []event.Record) (n [4]uint64) {
	seen := map[string]bool{}
	var watermark event.Time
	reach := func(t event.Time) { watermark = max(watermark, t.Add(-lateness)) }
	for _, r := range recs {
		switch {
		case r.DeadLetter != nil:
			n[3]++
			continue
		case r.Tick != nil:
			reach(r.Tick.Time)
		case r.Event != nil:
			if r.Event.Time < watermark.Add(-horizon) {
				n[2]++
				continue
			}
			id := fmt.Sprintf("%s\x00%s", r.Event.User, r.Event.ID)
			if r.Event.ID != "" && seen[id] {
				n[1]++
				continue
			}
			seen[id] = true
			reach(min(r.Event.Time, r.Received))
		}
		n[0]++
	}
	return n
}
