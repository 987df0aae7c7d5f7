package ingest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// tryCut takes a checkpoint that fails or is committed: what it emits reaches the store only then.
func (s store) tryCut(table stateTable, commits bool) {
	next := maps.Clone(s)
	table.Set().Cut(func(key, value []byte, _ dirty.Sum) {
		if value == nil {
			delete(next, string(key))
			return
		}
		next[string(key)] = slices.Clone(value)
	})
	for !table.Set().Flush(1) {
	}
	if !commits {
		table.Set().Abandon()
		return
	}
	table.Set().Stored()
	clear(s)
	maps.Copy(s, next)
}

// TestDedupLosesNothingOverFailedCheckpoints has thousands of ids an hour, so that pages fill up and leave memory.
func TestDedupLosesNothingOverFailedCheckpoints(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	d, disk := newTestDedup(), store{}
	twin := map[int]int{} // id to hour
	kept := map[int]int{} // as of the last checkpoint that was committed
	for i := range 150_000 {
		now := i / 8000
		id, hour := rng.IntN(80_000), max(0, now-rng.IntN(3))
		_, want := twin[id]
		if got := d.Seen(&event.Event{User: "u", ID: fmt.Sprint(id), Time: event.Time(hour) * event.Time(time.Hour)}); got != want {
			t.Fatalf("event %d: seen %v, want %v", i, got, want)
		}
		if !want {
			twin[id] = hour
		}
		d.Advance(event.Time(now) * event.Time(time.Hour))
		if i%8000 == 0 {
			maps.DeleteFunc(twin, func(_, hour int) bool { return hour < now-3 })
		}
		if d.Len() != len(twin) {
			t.Fatalf("event %d: %d ids, want %d", i, d.Len(), len(twin))
		}
		switch rng.IntN(3000) {
		case 0, 1, 2:
			disk.tryCut(d, true)
			kept = maps.Clone(twin)
		case 3:
			disk.tryCut(d, false)
		case 4:
			disk.tryCut(d, true)
			again := newTestDedup()
			disk.load(t, d, again)
			d, kept = again, maps.Clone(twin)
		}
	}
	again := newTestDedup()
	for key, value := range disk {
		if err := again.Load([]byte(key), value, dirty.Sum{}); err != nil {
			t.Fatal(err)
		}
	}
	for id := range 80_000 {
		_, want := kept[id]
		if _, got := again.ids.Hour(again.fingerprint("u", fmt.Sprint(id))); got != want {
			t.Errorf("id %d is in the checkpoint: %v, want %v", id, got, want)
		}
	}
}

func TestDedupTakesTwelveBytesAnIDOnceACheckpointHasThem(t *testing.T) {
	d, disk := newTestDedup(), store{}
	i := 0
	fill := func(d *Dedup, n int) {
		for range n {
			d.Seen(&event.Event{User: "u", ID: fmt.Sprint(i), Time: event.Time(i) * event.Time(20*time.Millisecond)})
			i++
		}
	}
	for range 10 {
		fill(d, 50_000)
		disk.tryCut(d, true)
	}
	fill(d, 1000) // looks at all full pages
	again := newTestDedup()
	disk.tryCut(d, true)
	disk.load(t, d, again)
	for name, d := range map[string]*Dedup{"running": d, "loaded": again} {
		if perID := float64(d.Bytes()) / float64(d.Len()); perID > 14 {
			t.Errorf("%s: %.1f bytes for each of %d ids", name, perID, d.Len())
		}
	}
}

func TestDedupDoesNotKeepWhatItDropped(t *testing.T) {
	d := newTestDedup()
	for i := range 400_000 {
		ts := event.Time(i) * event.Time(time.Second)
		d.Seen(&event.Event{User: "u", ID: fmt.Sprint(i), Time: ts})
		d.Advance(ts)
	}
	if got := d.Bytes(); got > int64(40*d.Len()+8*pageIDs*spareBlocks) {
		t.Errorf("%d bytes for %d ids", got, d.Len())
	}
	if got := len(d.pages); got > 3*d.Len()/pageIDs+10 {
		t.Errorf("%d pages for %d ids", got, d.Len())
	}
}

// TestDedupForgetsTheOldestOfTooManyHours holds for a horizon that is longer than the hours that can be told apart, and for
// checkpoints of a server that could tell more.
func TestDedupForgetsTheOldestOfTooManyHours(t *testing.T) {
	const hours, most = 400, 250
	fresh := func() *Dedup { return must(NewDedup(DedupOptions{Horizon: 1000 * time.Hour})) }
	at := func(hour int) *event.Event {
		return &event.Event{User: "u", ID: fmt.Sprint(hour), Time: event.Time(hour) * event.Time(time.Hour)}
	}
	check := func(name string, d *Dedup) {
		if d.Len() != most || d.Evicted() != hours-most || len(d.buckets) != most {
			t.Errorf("%s: %d ids of %d hours, %d evicted", name, d.Len(), len(d.buckets), d.Evicted())
		}
		if d.Seen(at(hours-most-1)) || d.Len() != most {
			t.Errorf("%s: an hour that is too old is remembered", name)
		}
		if !d.Seen(at(hours-most)) || !d.Seen(at(hours-1)) {
			t.Errorf("%s: an hour that is not too old is forgotten", name)
		}
	}
	d, old, disk := fresh(), fresh(), store{}
	for _, hour := range rand.New(rand.NewPCG(7, 8)).Perm(hours) {
		d.Seen(at(hour))
		if hour%2 == 0 { // two halves, each of a server of its own, make a checkpoint of all
			disk.cut(old)
			old = fresh()
		}
		old.Seen(at(hour))
	}
	disk.cut(old)
	check("running", d)

	again := fresh()
	for key, value := range disk {
		if err := again.Load([]byte(key), value, dirty.SumOf([]byte(key), value)); err != nil {
			t.Fatal(err)
		}
	}
	check("loaded", again)
	disk.cut(again)
	if len(disk) != most {
		t.Errorf("%d pages are left in the store", len(disk))
	}
}
