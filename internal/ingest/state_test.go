package ingest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// stateTable is what the engine asks of every table that it puts into checkpoints.
type stateTable interface {
	Set() *dirty.Set
	Load(key, value []byte, sum dirty.Sum) error
}

// store is a checkpoint store in a map.
type store map[string][]byte

// cut takes a checkpoint of a table, whole.
func (s store) cut(table stateTable) {
	table.Set().Cut(func(key, value []byte, _ dirty.Sum) {
		if value == nil {
			delete(s, string(key))
			return
		}
		s[string(key)] = slices.Clone(value)
	})
	for !table.Set().Flush(3) {
	}
}

// load fills an empty table, entries in no particular order, and compares the digests.
func (s store) load(t *testing.T, from, into stateTable) {
	t.Helper()
	for key, value := range s {
		if err := into.Load([]byte(key), value, dirty.SumOf([]byte(key), value)); err != nil {
			t.Fatalf("load %x: %v", key, err)
		}
	}
	if from.Set().Digest() != into.Set().Digest() || from.Set().Count() != into.Set().Count() {
		t.Fatalf("digest %v of %d entries is loaded as %v of %d", from.Set().Digest(), from.Set().Count(), into.Set().Digest(), into.Set().Count())
	}
}

// refusesDamage checks that no damaged entry is loaded as if it were whole.
func refusesDamage(t *testing.T, key, value []byte, fresh func() stateTable) {
	t.Helper()
	for name, damaged := range map[string][2][]byte{
		"other prefix":  {append([]byte{'?'}, key[1:]...), value},
		"longer key":    {append(slices.Clone(key), 1), value},
		"newer version": {key, append([]byte{99}, value[1:]...)},
		"empty":         {key, nil},
		"cut":           {key, value[:len(value)/2]},
	} {
		if err := fresh().Load(damaged[0], damaged[1], dirty.Sum{}); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	table := fresh()
	if err := table.Load(key, value, dirty.SumOf(key, value)); err != nil {
		t.Errorf("undamaged: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newTestClock() *Clock {
	return must(NewClock(ClockOptions{Lateness: 5 * time.Second, Horizon: time.Hour}))
}

func at(partition int32, ts, received time.Duration) *event.Record {
	return &event.Record{Kind: event.KindEvent, Partition: partition, Received: event.Time(received), Event: &event.Event{Time: event.Time(ts)}}
}

func TestClockJudgesByWatermarkAndHorizon(t *testing.T) {
	c := newTestClock()
	if v := c.Verdict(at(0, 1, 1)); v != OnTime {
		t.Errorf("the first event is %v", v)
	}
	c.Observe(at(0, 10*time.Hour, 10*time.Hour))
	watermark := 10*time.Hour - 5*time.Second
	for _, tc := range []struct {
		name string
		ts   time.Duration
		want Verdict
	}{
		{"ahead", 11 * time.Hour, OnTime},
		{"at the watermark", watermark, OnTime},
		{"just before the watermark", watermark - 1, Late},
		{"at the horizon", watermark - time.Hour, Late},
		{"beyond the horizon", watermark - time.Hour - 1, TooLate},
	} {
		if got := c.Verdict(at(0, tc.ts, 20*time.Hour)); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
		if got := c.Late(at(0, tc.ts, 20*time.Hour)); got != (tc.want == TooLate) {
			t.Errorf("%s: Late is %v", tc.name, got)
		}
	}
	if v := c.Verdict(at(1, 1, 1)); v != OnTime {
		t.Errorf("another partition's event is %v", v)
	}
}

func TestAnEventAheadOfItsReceiptCannotDragTimeAway(t *testing.T) {
	c := newTestClock()
	c.Observe(at(0, 1000*time.Hour, 10*time.Hour))
	if got, want := c.Watermark(), event.Time(10*time.Hour-5*time.Second); got != want {
		t.Errorf("watermark %v, want %v", got, want)
	}
	c.Tick(&event.Record{Kind: event.KindTick, Received: event.Time(11 * time.Hour), Tick: &event.Tick{Time: event.Time(99 * time.Hour)}})
	if got, want := c.Watermark(), event.Time(11*time.Hour-5*time.Second); got != want {
		t.Errorf("watermark after the tick %v, want %v", got, want)
	}
}

func TestAnExpectedPartitionHoldsTheWatermark(t *testing.T) {
	c := newTestClock()
	c.Expect(0)
	c.Expect(1)
	c.Observe(at(0, 10*time.Hour, 10*time.Hour))
	if got := c.Watermark(); got != 0 {
		t.Errorf("watermark %v before partition 1 has spoken", got)
	}
	c.Observe(at(1, 9*time.Hour, 9*time.Hour))
	if got, want := c.Watermark(), event.Time(9*time.Hour-5*time.Second); got != want {
		t.Errorf("watermark %v, want %v", got, want)
	}
}

func TestClockAgreesWithARecountAndSurvivesRestarts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c, disk := newTestClock(), store{}
	newest := map[int32]event.Time{}
	var last event.Time
	for i := range 5000 {
		rec := at(int32(rng.IntN(3)), time.Duration(rng.Int64N(int64(50*time.Hour))), time.Duration(i+1)*time.Minute)
		wantLate := false
		if n, ok := newest[rec.Partition]; ok {
			wantLate = rec.Event.Time < n.Add(-5*time.Second-time.Hour)
		}
		if got := c.Late(rec); got != wantLate {
			t.Fatalf("event %d: late %v, want %v", i, got, wantLate)
		}
		c.Observe(rec)
		newest[rec.Partition] = max(newest[rec.Partition], min(rec.Event.Time, rec.Received))
		if w := c.Watermark(); w < last {
			t.Fatalf("event %d: watermark moved back from %v to %v", i, last, w)
		} else {
			last = w
		}
		if rng.IntN(100) == 0 {
			disk.cut(c)
			again := newTestClock()
			disk.load(t, c, again)
			if again.Watermark() != c.Watermark() || again.Newest() != c.Newest() {
				t.Fatalf("event %d: watermark %v is loaded as %v", i, c.Watermark(), again.Watermark())
			}
			c = again
		}
	}
	for key, value := range disk {
		refusesDamage(t, []byte(key), value, func() stateTable { return newTestClock() })
	}
}

func newTestDedup() *Dedup { return must(NewDedup(DedupOptions{Horizon: 3 * time.Hour})) }

func TestDedupAgreesWithAMapAndSurvivesRestarts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	d, disk := newTestDedup(), store{}
	twin := map[string]int64{} // pair to the hour of its first event
	var now, oldest int64      // minutes; hours below oldest are forgotten
	for i := range 60_000 {
		now += int64(rng.IntN(2))
		ts := max(now-int64(rng.IntN(150)), 0)
		e := &event.Event{ID: fmt.Sprint(rng.IntN(3000)), User: fmt.Sprint(rng.IntN(3)), Time: event.Time(ts) * event.Time(time.Minute)}
		pair := e.User + "/" + e.ID
		_, want := twin[pair]
		if got := d.Seen(e); got != want {
			t.Fatalf("event %d: seen %v, want %v", i, got, want)
		}
		if !want {
			twin[pair] = ts / 60
		}
		if limit := (now - 180) / 60; limit > oldest {
			oldest = limit
			for pair, hour := range twin {
				if hour < oldest {
					delete(twin, pair)
				}
			}
		}
		d.Advance(event.Time(now) * event.Time(time.Minute))
		if d.Len() != len(twin) {
			t.Fatalf("event %d: %d ids, want %d", i, d.Len(), len(twin))
		}
		if rng.IntN(2000) == 0 {
			disk.cut(d)
			again := newTestDedup()
			disk.load(t, d, again)
			d = again
		}
	}
	for key, value := range disk {
		refusesDamage(t, []byte(key), value, func() stateTable { return newTestDedup() })
	}
}

func TestEventsWithoutAnIDAreNeverRepetitions(t *testing.T) {
	d := newTestDedup()
	for range 3 {
		if d.Seen(&event.Event{User: "u", Time: 1}) {
			t.Fatal("seen")
		}
	}
	if d.Len() != 0 {
		t.Errorf("%d ids remembered", d.Len())
	}
}

func TestPairsAreToldApartByTheirParts(t *testing.T) {
	d := newTestDedup()
	for _, e := range []event.Event{{User: "ab", ID: "c"}, {User: "a", ID: "bc"}, {User: "abc", ID: "x"}} {
		if d.Seen(&e) {
			t.Errorf("%s/%s was taken for another pair", e.User, e.ID)
		}
	}
}

func TestDedupForgetsTheOldestHourWhenFull(t *testing.T) {
	d := must(NewDedup(DedupOptions{MaxIDs: 100}))
	for i := range 151 {
		d.Seen(&event.Event{User: "u", ID: fmt.Sprint(i), Time: event.Time(i/50) * event.Time(time.Hour)})
	}
	if d.Len() != 51 || d.Evicted() != 100 {
		t.Errorf("%d ids, %d evicted; want 51 and 100", d.Len(), d.Evicted())
	}
	if d.Seen(&event.Event{User: "u", ID: "3", Time: event.Time(4 * time.Hour)}) {
		t.Error("an evicted id is still known")
	}
	if !d.Seen(&event.Event{User: "u", ID: "3", Time: event.Time(5 * time.Hour)}) {
		t.Error("an id is not known again")
	}
}

func FuzzLoadState(f *testing.F) {
	tables := func() []stateTable {
		return []stateTable{newTestClock(), newTestDedup(), must(NewDeadLetters(DeadLettersOptions{}))}
	}
	all := tables()
	all[0].(*Clock).Observe(at(1, time.Hour, time.Hour))
	all[1].(*Dedup).Seen(&event.Event{User: "u", ID: "i", Time: 1})
	all[2].(*DeadLetters).Add(deadLetter(1, 10))
	for _, table := range all {
		disk := store{}
		disk.cut(table)
		for key, value := range disk {
			f.Add([]byte(key), value)
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		for _, table := range tables() {
			if table.Load(key, value, dirty.SumOf(key, value)) != nil {
				continue
			}
			table.Set().Cut(func(key, value []byte, sum dirty.Sum) { t.Error("what was loaded is dirty") })
			table.Set().Flush(100)
		}
	})
}

func BenchmarkDedupSeen(b *testing.B) {
	d := must(NewDedup(DedupOptions{}))
	ids := make([]string, 1<<20)
	for i := range ids {
		ids[i] = fmt.Sprint("e", i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		e := event.Event{User: ids[i>>3&0xffff], ID: ids[i&(1<<20-1)], Time: event.Time(i) * event.Time(time.Millisecond) * 50}
		d.Seen(&e)
		d.Advance(e.Time)
	}
}
