package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
	"recsvc/internal/wal"
)

func tick(at int64) []event.Record {
	return []event.Record{{Kind: event.KindTick, Received: event.Time(at), Tick: &event.Tick{Time: event.Time(at)}}}
}

func TestWhileAppendingIsHeldBackTheLogGrowsByWhoHoldsItOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := wal.Open(filepath.Join(t.TempDir(), "log"), wal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		embedded, err := ingest.NewEmbedded(w, ingest.EmbeddedOptions{})
		if err != nil {
			t.Fatal(err)
		}
		l := newTurnstile(embedded)
		release, err := l.hold(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan event.Cursor, 2)
		for range 2 {
			go func() {
				at, err := l.Append(t.Context(), tick(1))
				if err != nil {
					t.Error(err)
				}
				done <- at
			}()
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Append(impatient, tick(2)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an append whose time was up: %v", err)
		}
		late, cancelLate := context.WithTimeoutCause(t.Context(), time.Second, errBehind)
		defer cancelLate()
		if _, err := l.hold(late); !errors.Is(err, errBehind) {
			t.Errorf("a second that would hold: %v", err)
		}
		synctest.Wait()
		if end := l.End().Offset(0); end != 0 {
			t.Fatalf("%d records were appended meanwhile", end)
		}
		if at, err := l.Embedded.Append(t.Context(), tick(3)); err != nil || at.Offset(0) != 1 {
			t.Fatalf("who holds: %v, %v", at, err)
		}
		release()
		if one, two := (<-done).Offset(0), (<-done).Offset(0); one+two != 2+3 {
			t.Errorf("the others came to %d and %d", one, two)
		}
	})
}
