package ingest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"recsvc/internal/event"
)

// letterWorld is a log in memory with as many partitions as are named, and the letters that it makes.
type letterWorld struct {
	t       *testing.T
	letters *DeadLetters
	office  *LetterOffice
	logged  []event.Record
	next    map[int32]int64
	appends int
	failAt  int // the Append that fails; 0: none
}

var errBroken = errors.New("the log is broken")

// newLetterWorld judges by rules under which heartbeats need no item.
func newLetterWorld(t *testing.T) *letterWorld {
	w := &letterWorld{t: t, letters: must(NewDeadLetters(DeadLettersOptions{})), next: map[int32]int64{}}
	w.office = NewLetterOffice(w.letters, must(NewIntake(newTestValidator(), IntakeOptions{MaxRecords: 5, MaxRecordBytes: 100 << 10})), w,
		LetterOfficeOptions{Applied: w.applied, Clock: func() time.Time { return receipt.Time() }})
	return w
}

// Append implements Log: events go to partition 3, all else where it says.
func (w *letterWorld) Append(_ context.Context, recs []event.Record) (c event.Cursor, err error) {
	if w.appends++; w.appends == w.failAt {
		return nil, errBroken
	}
	for i := range recs {
		r := &recs[i]
		if r.Kind == event.KindEvent {
			r.Partition = 3
		}
		r.Offset = w.next[r.Partition]
		w.next[r.Partition]++
		w.logged = append(w.logged, *r)
		c = c.Set(r.Partition, r.Offset+1)
		switch r.Kind {
		case event.KindDeadLetter:
			w.letters.Add(r)
		case event.KindControl:
			p, err := r.Control.Purge()
			if err != nil {
				w.t.Error(err)
			}
			if len(p.Offsets) > 0 {
				w.letters.Remove(r.Partition, p.Offsets...)
			} else {
				w.letters.RemoveBefore(r.Partition, p.Before)
			}
		}
	}
	return c, nil
}

func (w *letterWorld) Wait(context.Context, event.Cursor) error    { return nil }
func (w *letterWorld) applied(context.Context, event.Cursor) error { return nil }

// bury logs a letter that came an hour ago and returns its place.
func (w *letterWorld) bury(partition int32, source, place, text string) event.PartitionOffset {
	w.t.Helper()
	rec := []event.Record{{Kind: event.KindDeadLetter, Partition: partition, Received: receipt.Add(-time.Hour), DeadLetter: &event.DeadLetter{
		Source: source, Place: place, Reason: "whatever", Detail: "as it was", Bytes: []byte(text), Size: int64(len(text)),
	}}}
	if _, err := w.Append(w.t.Context(), rec); err != nil {
		w.t.Fatal(err)
	}
	return event.PartitionOffset{Partition: partition, Offset: rec[0].Offset}
}

func (w *letterWorld) retry(sel LetterSelection) Retried {
	w.t.Helper()
	out, err := w.office.Retry(w.t.Context(), sel)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func one(p ...event.PartitionOffset) LetterSelection { return LetterSelection{Places: p} }

func TestALetterIsRetriedAsWhatItWasToBe(t *testing.T) {
	const beat, item, user = `{"type":"heartbeat","user":"u1"}`, `{"item":"i1","price":3}`, `{"user":"u1","age":3}`
	big := `{"type":"heartbeat","user":"u1","text":"` + strings.Repeat("x", 70<<10) + `"}`
	for _, tc := range []struct {
		name, source, place, text string
		kind                      event.Kind // 0: refused
		reason                    string
	}{
		{"an event of a batch", "http", "/v1/events[3]", beat, event.KindEvent, ""},
		{"an item of a batch", "http", "/v1/items[0]", item, event.KindItem, ""},
		{"a user of a batch", "http", "/v1/users[0]", user, event.KindUser, ""},
		{"a body", "http", "/v1/events", "[" + beat + "]", event.KindEvent, ""},
		{"a body of lines", "http", "/v1/items", item + "\n" + item + "\n", event.KindItem, ""},
		{"a message", "kafka:t", "t/0/5", beat, event.KindEvent, ""},
		{"a message of an item", "kafka:t", "t/0/5#item", item, event.KindItem, ""},
		{"a line", "file", "events.jsonl:7", beat, event.KindEvent, ""},
		{"a line of a user", "file", "users.jsonl:7#user", user, event.KindUser, ""},
		{"an event that is still wrong", "http", "/v1/events[0]", `{"type":"click","user":"u1"}`, 0, "item: is required"},
		{"no JSON", "http", "/v1/events", `{"type":`, 0, "malformed JSON"},
		{"an array for a record", "kafka:t", "t/0/5", "[" + beat + "]", 0, "object"},
		{"an empty body", "http", "/v1/events", "[]", 0, "holds no record"},
		{"a body of which nothing is right", "http", "/v1/events", "[{},{}]", 0, "none of its 2 records"},
		{"too many records", "http", "/v1/events", "[" + strings.Repeat(beat+",", 5) + beat + "]", 0, "too many records"},
		{"an event that is too old by now", "http", "/v1/events[0]", `{"type":"heartbeat","user":"u1","ts":"2022-04-01T00:00:00Z"}`, 0, "late: older than the horizon"},
		{"one of which the end is lost", "http", "/v1/events[0]", big, 0, "only the first 65536 of its"},
		{"a control record", "kafka:t", "t/0/5#control", `{"type":"restore"}`, 0, "the server alone writes"},
		{"a kind of a newer version", "kafka:t", "t/0/5#mood", beat, 0, "no kind that this version knows"},
		{"a route that takes none", "http", "/v1/rank", beat, 0, "takes no records"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newLetterWorld(t)
			text := tc.text
			at := w.bury(0, tc.source, tc.place, text)
			if len(text) > event.MaxDeadLetterBytes {
				l := w.letters.letters[0].letter
				l.Bytes = l.Bytes[:event.MaxDeadLetterBytes]
			}
			out := w.retry(one(at))
			if tc.kind == 0 {
				if out.Letters != 0 || len(out.Refused) != 1 || out.Refused[0].Place != at || out.Refused[0].Index != -1 || !strings.Contains(out.Refused[0].Reason, tc.reason) {
					t.Errorf("got %+v", out)
				}
				if len(w.logged) != 1 || w.letters.Len() != 1 {
					t.Errorf("%d records logged and %d letters left, want the letter alone", len(w.logged), w.letters.Len())
				}
				return
			}
			if out.Letters != 1 || out.Records < 1 || len(out.Refused) != 0 || w.letters.Len() != 0 {
				t.Errorf("got %+v, and %d letters are left", out, w.letters.Len())
			}
			for _, r := range w.logged[1 : 1+out.Records] {
				if r.Kind != tc.kind || r.Received != receipt {
					t.Errorf("logged %+v", r)
				}
			}
			if last := w.logged[len(w.logged)-1]; last.Kind != event.KindControl {
				t.Errorf("the last record is of kind %v", last.Kind)
			}
		})
	}
}

func TestARetryThatBreaksOffLosesNoLetterAndCountsNoEventTwice(t *testing.T) {
	w := newLetterWorld(t)
	at := w.bury(1, "kafka:t", "t/1/0", `{"type":"heartbeat","user":"u1"}`)
	body := w.bury(1, "http", "/v1/events", `[{"type":"heartbeat","user":"u1","id":"own"},{"type":"heartbeat","user":"u1","ts":"2022-04-24T23:30:00Z"}]`)
	w.failAt = w.appends + 1 // the records
	if _, err := w.office.Retry(t.Context(), one(at, body)); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	w.failAt = w.appends + 2 // the removal
	if _, err := w.office.Retry(t.Context(), one(at, body)); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	if w.letters.Len() != 2 {
		t.Fatalf("%d letters are left, want both", w.letters.Len())
	}
	if out := w.retry(one(at, body)); out.Letters != 2 || out.Records != 3 || w.letters.Len() != 0 {
		t.Errorf("got %+v", out)
	}
	var events []event.Event
	for _, r := range w.logged {
		if r.Kind == event.KindEvent {
			events = append(events, *r.Event)
		}
	}
	if len(events) != 6 || !reflect.DeepEqual(events[:3], events[3:]) {
		t.Fatalf("logged %+v", events)
	}
	for i, want := range []struct {
		id string
		at event.Time
	}{{"letter:1-0:0", receipt.Add(-time.Hour)}, {"own", receipt.Add(-time.Hour)}, {"letter:1-1:1", receipt.Add(-30 * time.Minute)}} {
		if events[i].ID != want.id || events[i].Time != want.at {
			t.Errorf("event %d has the id %q and the time %v, want %q and %v", i, events[i].ID, events[i].Time, want.id, want.at)
		}
	}
}

func TestWhatIsWrongInABodyThatIsRetriedBecomesALetterOfItsOwn(t *testing.T) {
	w := newLetterWorld(t)
	at := w.bury(0, "http", "/v1/events", `[{"type":"heartbeat","user":"u1"},{"type":"click","user":"u1"},{"type":"heartbeat","user":"u1","ts":"2022-04-01T00:00:00Z"}]`)
	out := w.retry(one(at))
	if out.Letters != 1 || out.Records != 1 || len(out.Refused) != 2 || out.Refused[0].Index != 1 || out.Refused[1].Index != 2 || out.Refused[1].Reason != ReasonLate {
		t.Errorf("got %+v", out)
	}
	left := w.letters.List(0, 10)
	if len(left) != 2 || left[1].Place != "/v1/events[1]" || left[0].Place != "/v1/events[2]" || left[0].Reason != ReasonLate || left[0].Source != "http" {
		t.Errorf("left are %+v", left)
	}
}

func TestAllLettersAreRetriedChunkByChunk(t *testing.T) {
	w := newLetterWorld(t)
	for i := range 2500 {
		kind := "heartbeat"
		if i%5 == 0 {
			kind = "click" // needs an item
		}
		w.bury(int32(i%2), "http", "/v1/events[0]", fmt.Sprintf(`{"type":%q,"user":"u%d"}`, kind, i))
	}
	before := w.appends
	out := w.retry(LetterSelection{All: true})
	if out.Letters != 2000 || out.Records != 2000 || len(out.Refused) != 500 || w.letters.Len() != 500 {
		t.Errorf("%d letters, %d records, %d refused, %d left", out.Letters, out.Records, len(out.Refused), w.letters.Len())
	}
	if n := w.appends - before; n != 6 {
		t.Errorf("%d appends, want two for each of three chunks", n)
	}
	m := w.office.intake.opts.Metrics
	if a, r := testutil.ToFloat64(m.letters.WithLabelValues("accepted")), testutil.ToFloat64(m.letters.WithLabelValues("refused")); a != 2000 || r != 500 {
		t.Errorf("counted %v and %v", a, r)
	}
}

func TestPurgedLettersAreNamedInTheirOwnPartition(t *testing.T) {
	w := newLetterWorld(t)
	var at []event.PartitionOffset
	for i := range 6 {
		at = append(at, w.bury(int32(i%2), "http", "/v1/events[0]", "x"))
	}
	logged := len(w.logged)
	out, err := w.office.Purge(t.Context(), one(at[0], at[3], at[0], event.PartitionOffset{Partition: 9, Offset: 1}, at[2]))
	if err != nil {
		t.Fatal(err)
	}
	if out.Letters != 3 || len(out.Refused) != 1 || out.Refused[0].Place.Partition != 9 || w.letters.Len() != 3 {
		t.Errorf("got %+v, %d letters are left", out, w.letters.Len())
	}
	var got []string
	for _, r := range w.logged[logged:] {
		p, err := r.Control.Purge()
		got = append(got, fmt.Sprint(r.Partition, p.Offsets, err))
	}
	if want := []string{"0 [0 1] <nil>", "1 [1] <nil>"}; !slices.Equal(got, want) {
		t.Errorf("logged %q, want %q", got, want)
	}

	if out, err = w.office.Purge(t.Context(), LetterSelection{All: true}); err != nil || out.Letters != 3 || w.letters.Len() != 0 {
		t.Errorf("got %+v, %v, %d letters are left", out, err, w.letters.Len())
	}
	logged = len(w.logged)
	if out, err = w.office.Purge(t.Context(), LetterSelection{All: true}); err != nil || out.Letters != 0 || len(w.logged) != logged {
		t.Errorf("nothing to purge: %+v, %v, logged %d records", out, err, len(w.logged)-logged)
	}
}

func TestTheOfficeServesOneRequestAtATime(t *testing.T) {
	w := newLetterWorld(t)
	if err := w.office.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.office.Retry(ctx, LetterSelection{All: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("retry: %v", err)
	}
	if _, err := w.office.Purge(ctx, LetterSelection{All: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("purge: %v", err)
	}
	w.office.leave()
	w.retry(LetterSelection{All: true})
}
