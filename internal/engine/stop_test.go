package engine

import (
	"context"
	"errors"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

func TestAfterTheEndCallersAreToldSo(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	l.append(teach("u1", "i1", 0, 3)...)
	beyond := event.Cursor{{Partition: 0, Offset: 100}}
	early := make(chan error, 1)
	go func() { early <- l.Wait(t.Context(), beyond) }()
	l.stop()
	if err := <-early; !errors.Is(err, ErrStopped) {
		t.Errorf("who waited when it stopped got %v", err)
	}
	if err := l.Wait(t.Context(), beyond); !errors.Is(err, ErrStopped) {
		t.Errorf("wait: %v", err)
	}
	if err := l.Wait(t.Context(), event.Cursor{{Partition: 0, Offset: 6}}); err != nil {
		t.Errorf("wait for what is applied: %v", err)
	}
	if _, err := l.Checkpoint(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("checkpoint: %v", err)
	}
	if _, err := l.Feedback(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("feedback: %v", err)
	}
	if got := l.Applied().String(); got != "0-6" {
		t.Errorf("applied %s", got)
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Wait(ctx, event.Cursor{{Partition: 5, Offset: 1}}) }()
	l.append(teach("u1", "i1", 0, 1)...) // another partition
	cancel(nil)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	l.stop()
}

func TestStoppingLeavesACheckpoint(t *testing.T) {
	dir, log := t.TempDir(), makeTraffic(13, 300)
	r := openRig(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, &memory{log: log, follow: true}) }()
	if err := r.Wait(t.Context(), event.Cursor{{Partition: 0, Offset: int64(len(log))}}); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if c := r.outcome().checkpoint; c.Cursor.Offset(0) != int64(len(log)) {
		t.Errorf("the last checkpoint is of %s", c.Cursor)
	}
}

// A writer that fails while a checkpoint is on its way leaves nothing running behind.
func TestAFailureDuringACheckpointLeavesTheOneBefore(t *testing.T) {
	dir, log := t.TempDir(), makeTraffic(14, 1200)
	l := openRig(t, dir).follow()
	l.append(log[:400]...)
	if _, err := l.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.append(log[400:]...)
	done := make(chan error, 1)
	go func() {
		_, err := l.Checkpoint(t.Context())
		done <- err
	}()
	l.hand(crash(len(log)))
	wantError(t, <-l.ended, "unknown control record")
	checkpointErr := <-done
	if checkpointErr != nil && !errors.Is(checkpointErr, ErrStopped) {
		t.Errorf("checkpoint: %v", checkpointErr)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	got := openRig(t, dir).run(log)
	got.sameAs(t, openRig(t, t.TempDir()).run(log))
}

func TestAFailingSourceEndsTheEngineWithItsError(t *testing.T) {
	r := openRig(t, t.TempDir())
	broken := errors.New("broken pipe")
	err := r.Run(t.Context(), failing{&memory{log: makeTraffic(15, 100)}, broken})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if got := r.outcome().status; got.Applied == 0 {
		t.Error("what came before was not applied")
	}
}

// A source tells the engine of the log's partitions. It must not wait for a writer that is no more.
func TestASourceThatSpeaksToAStoppedWriterEnds(t *testing.T) {
	r := openRig(t, t.TempDir())
	err := r.Run(t.Context(), sourceFunc(func(ctx context.Context, _ event.Cursor, out chan<- *ingest.Batch) error {
		r.Expect([]int32{0})
		out <- &ingest.Batch{Records: []event.Record{crash(0)}}
		<-ctx.Done()
		r.Expect([]int32{0, 1})
		return ctx.Err()
	}))
	wantError(t, err, "unknown control record")
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}

type sourceFunc func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error

// Run implements ingest.Source.
func (f sourceFunc) Run(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
	return f(ctx, from, out)
}
