package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/state"
)

// A disk that hangs while so much changes that what it holds up fills the queue: the writer waits in the middle of a record, and cannot
// look at the clock.
func TestAnOverdueCheckpointIsGivenUpThoughTheWriterWaitsForTheDisk(t *testing.T) {
	hanging, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	dir := t.TempDir()
	store := must(state.Open(filepath.Join(dir, "elsewhere"), state.Options{
		MemTableBytes: 8 << 20, MinFreeBytes: 1, QueueBytes: 1,
		Fault: func(step string, after bool) error {
			if step == state.Steps()[0] && !after {
				once.Do(func() { close(hanging) })
				<-release
			}
			return nil
		},
	}))(t)
	r := openRig(t, dir, func(o *Options) { o.Timeout = 300 * time.Millisecond })
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	r.store, r.State = store, store
	l := r.follow()
	var recs []event.Record
	for i := range 12_000 {
		recs = append(recs, teach(fmt.Sprint("u", i), fmt.Sprint("i", i%500), 0, 1)...)
	}
	l.append(recs...)
	failed := make(chan error, 1)
	go func() {
		_, err := l.Checkpoint(t.Context())
		failed <- err
	}()
	<-hanging
	all := l.hand(recs...) // touches all that the checkpoint has still to write
	if err := <-failed; !errors.Is(err, ErrOverdue) {
		t.Errorf("got %v", err)
	}
	if err := l.Wait(t.Context(), all); err != nil {
		t.Error(err)
	}
	if err := l.do(t.Context(), func() { l.opts.Timeout = time.Hour }); err != nil { // the last one may take its time
		t.Error(err)
	}
	close(release)
	l.stop()
}

func TestStoppingLeavesACheckpointAlsoWhenOneIsWaitedForBehindAnother(t *testing.T) {
	begun, hold := make(chan struct{}, 2), make(chan struct{})
	l := openRig(t, t.TempDir(), func(o *Options) {
		o.Durable = func(context.Context, event.Cursor) error {
			begun <- struct{}{}
			<-hold
			return nil
		}
	}).follow()
	log := makeTraffic(15, 300)
	l.append(log[:100]...)
	first, second := make(chan error, 1), make(chan error, 1)
	ask := func(result chan<- error) {
		_, err := l.Checkpoint(t.Context())
		result <- err
	}
	go ask(first)
	<-begun
	l.append(log[100:200]...)
	go ask(second)
	for queued := 0; queued == 0; {
		if err := l.do(t.Context(), func() { queued = len(l.cut.next) }); err != nil {
			t.Fatal(err)
		}
	}
	l.once.Do(func() { close(l.batches) })
	close(hold)
	if got := l.stop().checkpoint.Cursor.Offset(0); got != 200 {
		t.Errorf("the last checkpoint goes up to %d", got)
	}
	if err := errors.Join(<-first, <-second); err != nil {
		t.Error(err)
	}
}
