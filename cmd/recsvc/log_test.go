package main

import (
	"errors"
	"testing"

	"go.uber.org/zap"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// readLog hands every record of a data directory's log to fn, and returns what the state says.
func readLog(t *testing.T, text, data string, fn func(r *event.Record)) (records int64, a *app) {
	t.Helper()
	a, err := openApp(readConfig(t, text, data), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	end := a.wal.Next()
	if end > 0 {
		err = relay(t.Context(), a.source, nil, func(b *ingest.Batch) error {
			for i := range b.Records {
				fn(&b.Records[i])
				records++
			}
			if records == end {
				return errEnough
			}
			return nil
		})
	}
	if err := errors.Join(err, a.Close()); err != nil {
		t.Fatal(err)
	}
	return records, a
}

func recordsOf(t *testing.T, text, data string, kind event.Kind) (n int) {
	t.Helper()
	readLog(t, text, data, func(r *event.Record) {
		if r.Kind == kind {
			n++
		}
	})
	return n
}
