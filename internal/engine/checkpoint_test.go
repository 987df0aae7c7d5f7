package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"recsvc/internal/event"
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
	if err := <-l.ended; !errors.Is(err, lost) {
		t.Errorf("the engine ended with %v", err)
	}
	if err := <-done; !errors.Is(err, lost) {
		t.Errorf("the checkpoint failed with %v", err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	r := openRig(t, dir)
	if got := r.Applied().String(); got != "0-20" {
		t.Errorf("the state goes on at %s", got)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
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
	if len(trimmed) < 3 || trimmed[1] != "0-10" || trimmed[2] != "0-20" {
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
