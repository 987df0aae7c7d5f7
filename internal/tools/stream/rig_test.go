package stream

import (
	"fmt"
	"os"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/features"
)

// sizes are the lengths of the stream on which the store is held against Flink: the longest with STREAM=long.
func sizes(lengths ...uint64) []uint64 {
	if os.Getenv("STREAM") != "long" {
		return lengths[:1]
	}
	return lengths
}

// hold compares what a job has put out for the first n events with Flink's.
func hold(t *testing.T, job Job, n uint64, got Total) {
	t.Helper()
	want, ok := Expected(job, n)
	if !ok {
		t.Fatalf("there is no result of %s for %d events", job, n)
	}
	if got != want {
		t.Errorf("%s of %d events: %+v, want %+v", job, n, got, want)
	}
}

// rig is a feature store that counts clicks and impressions per user in a window of 60 s with slides of 10 s, and the query by
// which it is written and read.
type rig struct {
	store *features.Store
	query *features.Query
	users []string
	slots [2]uint32 // of clicks and impressions in a vector
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{store: newStore(t), users: names("u", Users)}
	r.query = r.store.NewQuery()
	r.slots = slotsOf(t, "clicks", "impressions")
	return r
}

func names(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(prefix, i)
	}
	return out
}

func newStore(t testing.TB) *features.Store {
	t.Helper()
	window := features.Definition{Kind: "count", Scope: []string{"user"}, Window: time.Minute, Slide: 10 * time.Second}
	clicks, impressions := window, window
	clicks.Name, clicks.On = "clicks", features.On("click")
	impressions.Name, impressions.On = "impressions", features.On("exposure")
	s, err := features.New([]features.Definition{clicks, impressions}, features.Options{NoRecall: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// slotsOf finds the slots of two features: their names are traced in a store in which both have a value.
func slotsOf(t testing.TB, names ...string) (slots [2]uint32) {
	t.Helper()
	s := newStore(t)
	q := s.NewQuery()
	q.Trace(true)
	for _, typ := range []string{"click", "exposure"} {
		q.Begin("u", nil, 1)
		s.Apply(q, &event.Event{Type: typ, User: "u", Time: 1}, features.NoItem)
	}
	q.Begin("u", nil, 1)
	v := q.Shared()
	for i, traced := range q.SlotNames() {
		for j, name := range names {
			if traced == name {
				slots[j] = v.Slots[i]
			}
		}
	}
	if slots[0] == 0 || slots[1] == 0 {
		t.Fatalf("no slots of %v in %v", names, q.SlotNames())
	}
	return slots
}

func instant(ms int64) event.Time { return event.Time(ms) * event.Time(time.Millisecond) }

func (r *rig) apply(e Event) {
	out := event.Event{Type: "exposure", User: r.users[e.User], Time: instant(e.TS)}
	if e.Click {
		out.Type = "click"
	}
	r.query.Begin(out.User, nil, out.Time)
	r.store.Apply(r.query, &out, features.NoItem)
}

// read returns what the store says about a user at an instant.
func (r *rig) read(user uint32, at event.Time) (clicks, impressions uint64) {
	r.query.Begin(r.users[user], nil, at)
	v := r.query.Shared()
	for i, slot := range v.Slots {
		switch {
		case i >= len(v.Values):
		case slot == r.slots[0]:
			clicks = uint64(v.Values[i])
		case slot == r.slots[1]:
			impressions = uint64(v.Values[i])
		}
	}
	return clicks, impressions
}
