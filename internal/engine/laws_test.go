package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"recsvc/internal/event"
)

const streamRecords = 4000

func TestBatchSizesDoNotMatter(t *testing.T) {
	log := makeTraffic(1, streamRecords)
	want := openRig(t, t.TempDir()).run(log)
	if want.heads[0].Positives < 50 || want.heads[1].N < 500 || want.status.Late == 0 || want.status.Duplicate == 0 {
		t.Fatalf("the stream does not reach everything: %+v, %+v", want.heads, want.status)
	}
	for _, sizes := range [][]int{{1}, {7}, {500}, {streamRecords * 2}, {1, 300, 2, 64, 65}} {
		openRig(t, t.TempDir()).run(log, sizes...).sameAs(t, want)
	}
}

func TestEveryRecordIsCountedOnceByWhatBecameOfIt(t *testing.T) {
	log := makeTraffic(2, streamRecords)
	got := openRig(t, t.TempDir()).run(log)
	s := got.status
	if sum := s.Applied + s.Duplicate + s.Late + s.DeadLettered; sum != uint64(len(log)) {
		t.Errorf("%d records, but %d applied + %d duplicate + %d late + %d dead letters = %d",
			len(log), s.Applied, s.Duplicate, s.Late, s.DeadLettered, sum)
	}
	if want := recount(log); counted(s) != want {
		t.Errorf("counted %v, a recount of the log %v", counted(s), want)
	}
	if got.joined.Exposures == 0 || s.Pending != 0 {
		t.Errorf("%d exposures; %d impressions are pending after the last tick", got.joined.Exposures, s.Pending)
	}
	if n := int64(got.heads[0].N); n != got.joined.Exposures-got.joined.CapturedLate {
		t.Errorf("%d exposures, %d of them captured late, but %d predictions judged", got.joined.Exposures, got.joined.CapturedLate, n)
	}
}

// recount says what should become of the records, the slow and obvious way.
func recount(log []event.Record) (n [6]uint64) {
	type id struct{ user, id string }
	seen := map[id]bool{}
	var watermark event.Time
	reach := func(t event.Time) { watermark = max(watermark, t.Add(-lateness)) }
	for _, r := range log {
		switch {
		case r.DeadLetter != nil:
			n[deadLettered]++
			continue
		case r.Tick != nil:
			reach(r.Tick.Time)
		case r.Event != nil:
			key := id{r.Event.User, r.Event.ID}
			if r.Event.Time < watermark.Add(-horizon) {
				n[late]++
				continue
			}
			if key.id != "" && seen[key] {
				n[duplicate]++
				continue
			}
			seen[key] = true
			reach(min(r.Event.Time, r.Received))
		}
		n[applied]++
	}
	return n
}

// crash is the log record that makes a writer stop at once, leaving no checkpoint behind.
func crash(offset int) event.Record {
	return event.Record{Kind: event.KindControl, Offset: int64(offset), Control: &event.Control{Type: "crash"}}
}

func TestStoppingAndGoingOnChangesNothing(t *testing.T) {
	log := makeTraffic(3, streamRecords)
	want := openRig(t, t.TempDir()).run(log)
	rng := rand.New(rand.NewPCG(3, 3))
	for range 2 {
		dir := t.TempDir()
		for n := 0; n < len(log); {
			n = min(len(log), n+1+rng.IntN(len(log)/3))
			got := openRig(t, dir).run(log[:n], 1+rng.IntN(200))
			if c := got.checkpoint.Cursor.Offset(0); c != int64(n) {
				t.Fatalf("stopped at %d, the last checkpoint is of %d", n, c)
			}
			if n == len(log) {
				got.sameAs(t, want)
			}
		}
	}
}

func TestACrashIsGoneBackFromToTheLastCheckpoint(t *testing.T) {
	log := makeTraffic(4, streamRecords)
	want := openRig(t, t.TempDir()).run(log)
	rng := rand.New(rand.NewPCG(4, 4))
	dir := t.TempDir()
	for n := 0; n < len(log); {
		r := openRig(t, dir)
		from := int(r.Applied().Offset(0))
		n = min(len(log), from+1+rng.IntN(len(log)/4))
		if n == len(log) {
			r.run(log).sameAs(t, want)
			break
		}
		l := r.follow()
		l.log = append(l.log, log[:from]...)
		half := from + (n-from)/2
		l.append(log[from:half]...)
		if half > from {
			if _, err := r.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		l.append(log[half:n]...)
		l.hand(crash(n))
		wantError(t, <-l.ended, "unknown control record")
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckpointsInProgressChangeNothing(t *testing.T) {
	log := makeTraffic(5, streamRecords)
	want := openRig(t, t.TempDir()).run(log)
	l := openRig(t, t.TempDir()).follow()
	rng := rand.New(rand.NewPCG(5, 5))
	results, asked := make(chan CheckpointStatus, streamRecords), 0
	seen := map[int64]CheckpointStatus{}
	collect := func() {
		for ; asked > 0; asked-- {
			s := <-results
			seen[s.Cursor.Offset(0)] = s
		}
	}
	for n := 0; n < len(log); {
		if n >= len(log)/5*(len(seen)+1) {
			collect() // a slow disk may not fall behind so far that all of them become one
		}
		next := min(len(log), n+1+rng.IntN(80))
		l.hand(log[n:next]...)
		n = next
		if rng.IntN(2) == 0 { // the records go on while the checkpoint is taken
			asked++
			go func() {
				s, err := l.Checkpoint(t.Context())
				if err != nil {
					t.Error(err)
				}
				results <- s
			}()
		}
	}
	collect()
	l.stop().sameAs(t, want)
	if len(seen) < 3 {
		t.Fatalf("%d checkpoints in all", len(seen))
	}
	checked := 0
	for offset, s := range seen { // each is what a run that ended there would have left
		if checked++; checked > 4 {
			break
		}
		alone := openRig(t, t.TempDir()).run(log[:offset])
		if alone.checkpoint.Digest != s.Digest {
			t.Errorf("the checkpoint at %d has digest %x, a run that ends there %x", offset, s.Digest, alone.checkpoint.Digest)
		}
	}
}

func TestRecordsHandedOutAgainAreAppliedOnce(t *testing.T) {
	log := makeTraffic(6, 1500)
	want := openRig(t, t.TempDir()).run(log)
	var stutter []event.Record
	rng := rand.New(rand.NewPCG(6, 6))
	for n := 0; n < len(log); {
		next := min(len(log), n+1+rng.IntN(50))
		stutter = append(stutter, log[max(0, n-rng.IntN(30)):next]...)
		n = next
	}
	openRig(t, t.TempDir()).run(stutter, 33).sameAs(t, want)
}

func TestPartitionsHaveTheirOwnPlaces(t *testing.T) {
	log := makeTraffic(7, 1500)
	next := map[int32]int64{}
	for i := range log {
		p := int32(i % 3)
		log[i].Partition, log[i].Offset = p, next[p]
		next[p]++
	}
	want := openRig(t, t.TempDir()).run(log)
	dir := t.TempDir()
	openRig(t, dir).run(log[:700])
	got := openRig(t, dir).run(log)
	got.sameAs(t, want)
	if c := got.checkpoint.Cursor; len(c) != 3 || c.Offset(1) != next[1] {
		t.Errorf("cursor %s", c)
	}
}

func TestReadersBesideTheWriterSeeWholeStates(t *testing.T) {
	log := makeTraffic(8, streamRecords)
	want := openRig(t, t.TempDir()).run(log)
	r := openRig(t, t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			for _, p := range r.predict("u1", "i1", at(float64(i))) {
				if !(p > 0 && p < 1) {
					t.Errorf("prediction %v", p)
				}
			}
			r.Status()
			r.Applied()
			r.Models[0].Head(0).Validation().Recent()
			if _, err := r.Feedback(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrStopped) {
				t.Error(err)
			}
		}
	}()
	err := r.Run(t.Context(), &memory{log: log})
	stop()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	r.outcome().sameAs(t, want)
}
