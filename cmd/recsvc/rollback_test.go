package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/event"
)

// A record that cannot be obeyed would stop every start from then on: it never gets into the log.
func TestASnapshotOfOtherDefinitionsIsRefusedAndTheLogStaysGood(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, attributesOnly, data)
	s.after(s.events(fields{"type": "exposure", "user": "u1", "item": "a0"}, fields{"type": "click", "user": "u1", "item": "a0"}))
	var snap api.Snapshot
	s.want(http.StatusCreated, &snap, "POST", "/admin/v1/snapshots", `{}`)
	s.want(http.StatusOK, nil, "POST", "/admin/v1/snapshots/"+snap.ID+"/restore", "")
	s.stop()

	for what, change := range map[string][2]string{
		"a renamed head": {"name: click", "name: tap"}, "another size": {"bits: 14", "bits: 15"}, "a renamed model": {"name: ctr", "name: rate"},
	} {
		text := strings.Replace(attributesOnly, change[0], change[1], 1)
		s := startServer(t, text, data) // learns anew, and passes over the restore of the former definitions
		_, answer := s.do("POST", "/admin/v1/snapshots/"+snap.ID+"/restore", "")
		if !strings.Contains(string(answer), `"status":409`) || !strings.Contains(string(answer), "other definitions") {
			t.Errorf("%s: %s", what, answer)
		}
		if n := s.metric("recsvc_engine_restores_total", "other_definitions"); n != 1 {
			t.Errorf("%s: %v restores were passed over", what, n)
		}
		s.want(http.StatusConflict, nil, "DELETE", "/admin/v1/snapshots/"+snap.ID, "")
		s.stop()
	}
	startServer(t, attributesOnly, data).stop() // back to the former definitions, which need the snapshot
	if n := recordsOf(t, attributesOnly, data, event.KindControl); n != 1 {
		t.Errorf("%d control records in the log, want 1", n)
	}
	if got, want := digestOf(t, attributesOnly, data), relearned(t, attributesOnly, data); got != want {
		t.Errorf("digest %s, the log alone leads to %s", got, want)
	}
}

func TestASnapshotStaysWhileTheLogIsNotApplied(t *testing.T) {
	text := strings.Replace(attributesOnly, "request_deadline: 30s", "request_deadline: 100ms", 1)
	s, err := openServer(readConfig(t, text, t.TempDir()), zap.NewNop(), nil) // nothing runs that would apply
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.listener.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	room := &snapshotRoom{s.app}
	if err := room.Delete(t.Context(), "none"); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("with an empty log: %v", err)
	}
	if _, err := s.sink.Append(t.Context(), []event.Record{{Kind: event.KindTick, Tick: &event.Tick{Time: 1}}}); err != nil {
		t.Fatal(err)
	}
	if err := room.Delete(t.Context(), "none"); !errors.Is(err, api.ErrConflict) || !strings.Contains(err.Error(), "the log ends at 0-1") {
		t.Errorf("with a record that is not applied: %v", err)
	}
}
