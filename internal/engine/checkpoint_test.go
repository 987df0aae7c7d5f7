package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"recsvc/internal/event"
	"recsvc/internal/state"
)

func TestNoCheckpointCoversWhatIsNotDurable(t *testing.T) {
	asked, durable := make(chan event.Cursor, 1), make(chan error)
	dir := t.TempDir()
	l := openRig(t, dir, func(o *Options) {
		o.Durable = func(_ context.Context, c event.Cursor) error {
			asked <- c
			return <-durable
		}
	}).follow()
	l.append(teach("u1", "i1", 0, 10)...)
	done := make(chan error, 1)
	go func() {
		_, err := l.Checkpoint(t.Context())
		done <- err
	}()
	if c := <-asked; c.String() != "0-20" {
		t.Errorf("asked whether %s is durable", c)
	}
	l.append(teach("u1", "i1", 20, 10)...) // the writer goes on meanwhile
	if _, ok := l.LastCheckpoint(); ok {
		t.Error("a checkpoint is there although the log is not durable")
	}
	durable <- nil
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s, _ := l.LastCheckpoint(); s.Cursor.String() != "0-20" || s.Epoch != 1 {
		t.Errorf("checkpoint %d of %s", s.Epoch, s.Cursor)
	}

	lost := errors.New("the disk is gone")
	go func() {
		_, err := l.Checkpoint(t.Context())
		done <- err
	}()
	<-asked
	durable <- lost
	if err := <-done; !errors.Is(err, lost) {
		t.Errorf("the checkpoint failed with %v", err)
	}
	if s, _ := l.LastCheckpoint(); s.Cursor.String() != "0-20" {
		t.Errorf("a checkpoint of %s is there although the log is not durable", s.Cursor)
	}

	go func() { // the next one holds what that one held
		for range asked {
			durable <- nil
		}
	}()
	got := l.stop()
	close(asked)
	want := openRig(t, t.TempDir()).run(l.log).checkpoint.Digest
	if again := openRig(t, dir).run(l.log).checkpoint.Digest; got.checkpoint.Digest != want || again != want {
		t.Errorf("digest %v, after a restart %v, want %v", got.checkpoint.Digest, again, want)
	}
}

// Checkpoints are lost at random, some while their entries are encoded, some when they are committed: the one that is written
// in the end holds everything.
func TestLostCheckpointsAreMadeGoodByTheNext(t *testing.T) {
	log := makeTraffic(17, 3000)
	want := openRig(t, t.TempDir()).run(log)
	dir := t.TempDir()
	asked := 0
	var healed atomic.Bool
	l := openRig(t, dir, func(o *Options) {
		o.Interval, o.Timeout = 2*time.Millisecond, time.Hour
		o.Durable = func(context.Context, event.Cursor) error {
			if asked++; asked%3 > 0 && !healed.Load() {
				return errors.New("not now")
			}
			return nil
		}
	}).follow()
	for rest := log; len(rest) > 0; rest = rest[min(50, len(rest)):] {
		l.append(rest[:min(50, len(rest))]...)
		if len(rest)%3 == 0 {
			if err := l.do(t.Context(), func() {
				if l.cut.flushing() {
					l.giveUp()
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	healed.Store(true)
	got := l.stop()
	got.sameAs(t, want)
	openRig(t, dir).run(log).sameAs(t, want)
}

func TestAnOverdueCheckpointIsGivenUpAndCounted(t *testing.T) {
	slow := true
	l := openRig(t, t.TempDir(), func(o *Options) {
		o.Timeout = time.Second
		o.Durable = func(ctx context.Context, _ event.Cursor) error {
			if slow {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
	}).follow()
	l.append(teach("u1", "i1", 0, 10)...)
	if _, err := l.Checkpoint(t.Context()); !errors.Is(err, ErrOverdue) {
		t.Errorf("got %v", err)
	}
	if n := testutil.ToFloat64(l.metrics.checkpoints.WithLabelValues("overdue")); n != 1 {
		t.Errorf("%v counted", n)
	}
	slow = false
	s, err := l.Checkpoint(t.Context())
	for errors.Is(err, state.ErrBusy) { // what was given up leaves the disk in its own time
		s, err = l.Checkpoint(t.Context())
	}
	if err != nil || s.Cursor.String() != "0-20" {
		t.Errorf("the next one: %+v, %v", s, err)
	}
	l.stop()
}

func TestTheLogIsTrimmedToTheCheckpointBeforeTheLast(t *testing.T) {
	var trimmed []string
	l := openRig(t, t.TempDir(), func(o *Options) {
		o.Trim = func(c event.Cursor) error {
			trimmed = append(trimmed, c.String())
			return errors.New("no matter")
		}
	}).follow()
	for i := range 3 {
		l.append(teach("u1", "i1", float64(100*i), 5)...)
		if _, err := l.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.stop()
	if len(trimmed) < 2 || trimmed[0] != "0-10" || trimmed[1] != "0-20" { // not before there are two
		t.Errorf("trimmed to %v", trimmed)
	}
}

func TestCheckpointsAreMadeAtTheirInterval(t *testing.T) {
	l := openRig(t, t.TempDir(), func(o *Options) { o.Interval = time.Millisecond }).follow()
	for i := 0; ; i++ {
		l.append(teach("u1", "i1", float64(i), 1)...)
		if s, ok := l.LastCheckpoint(); ok && s.Epoch >= 3 {
			break
		}
	}
	l.stop()
}

func TestACheckpointOfAnUnchangedStateIsStillAnswered(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	for i := range uint64(3) {
		s, err := l.Checkpoint(t.Context())
		if err != nil || s.Epoch != i+1 {
			t.Fatalf("checkpoint %d: %+v, %v", i, s, err)
		}
	}
	l.stop()
}

func TestOtherDefinitionsAreRefused(t *testing.T) {
	dir := t.TempDir()
	openRig(t, dir).run(makeTraffic(11, 100))
	_, err := tryRig(t, dir, func(o *Options) { o.Definitions[0]++ })
	if !errors.Is(err, ErrDefinitions) {
		t.Errorf("got %v, want %v", err, ErrDefinitions)
	}
	if err := openRig(t, dir).close(); err != nil { // the refusal has changed nothing
		t.Error(err)
	}
}
