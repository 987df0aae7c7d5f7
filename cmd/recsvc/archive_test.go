package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsvc/internal/api"
	"recsvc/internal/archive"
	"recsvc/internal/ingest"
)

// archiveOf runs the command on a data directory.
func archiveOf(t *testing.T, data, out string, more ...string) (r archived) {
	t.Helper()
	text, errs, err := call(t, append([]string{"archive", "-json", "-data", data, "-out", out}, more...)...)
	if err != nil {
		t.Fatalf("archive %v: %v: %s", more, err, errs)
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if errs != "" {
		t.Error(errs)
	}
	return r
}

func TestAReplayOfAnArchiveLearnsWhatTheFilesTaught(t *testing.T) {
	h := makeHistory(t)
	data, out := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "archive")
	files := h.replay(t, "-data", data, "-items", h.items, "-users", h.users, "-from", h.first, h.second)
	made := archiveOf(t, data, out)
	if want := int64(h.events + 40 + 1); made.Records != want || made.From != 0 || made.Next != want || made.Behind != 0 {
		t.Errorf("%+v, want %d records", made, want)
	}
	for _, from := range []string{out, filepath.Join(out, "kind=*")} {
		got := h.replay(t, "-from", from)
		if got.Digest != files.Digest || got.Events != files.Events || got.Applied != files.Applied {
			t.Errorf("from %s: %+v, the files gave %+v", from, got, files)
		}
	}
	if again := archiveOf(t, data, out); again.Records != 0 || again.Next != made.Next {
		t.Errorf("a second run has added %+v", again)
	}
}

func TestAnArchiveGrowsWithItsLog(t *testing.T) {
	h := makeHistory(t)
	data, out := filepath.Join(t.TempDir(), "data"), t.TempDir()
	h.replay(t, "-data", data, "-items", h.items, "-from", h.first)
	one := archiveOf(t, data, out)
	files := h.replay(t, "-append", "-data", data, "-from", h.second)
	two := archiveOf(t, data, out)
	if two.From != one.Next || two.Records != two.Next-one.Next {
		t.Errorf("first %+v, then %+v", one, two)
	}
	if got := h.replay(t, "-from", out); got.Digest != files.Digest {
		t.Errorf("digest %s, the log leads to %s", got.Digest, files.Digest)
	}
	cut := t.TempDir()
	first := archiveOf(t, data, cut, "-to", "2026-03-02")
	rest := archiveOf(t, data, cut, "-from", "2026-03-02T00:00:00Z")
	if first.Behind == 0 || rest.From != first.Next || rest.Behind != 0 || first.Records+rest.Records != one.Records+two.Records {
		t.Errorf("before midnight %+v, after it %+v", first, rest)
	}
	if got := h.replay(t, "-from", cut); got.Digest != files.Digest {
		t.Errorf("digest %s of an archive made in two, the log leads to %s", got.Digest, files.Digest)
	}
}

func TestTheDaysOfAnArchiveAreReplayedByThemselves(t *testing.T) {
	h := makeHistory(t)
	data, out := filepath.Join(t.TempDir(), "data"), t.TempDir()
	all := h.replay(t, "-data", data, "-items", h.items, "-users", h.users, "-from", h.first, h.second)
	archiveOf(t, data, out)
	before := h.replay(t, "-from", out, "-until", "2026-03-02")
	after := h.replay(t, "-from", out, "-since", "2026-03-02")
	if len(before.Days) != 1 || len(after.Days) != 1 || before.Events+after.Events != all.Events || before.Events == 0 || after.Events == 0 {
		t.Errorf("%d and %d events of %d: %+v, %+v", before.Events, after.Events, all.Events, before.Days, after.Days)
	}
}

// A log that a server has written holds everything that there is: lists, ticks, refusals and what became of them, and a
// restore of a snapshot.
func TestAnArchiveHoldsAllThatAServerHasLogged(t *testing.T) {
	data, out := t.TempDir(), t.TempDir()
	s := startServer(t, attributesOnly, data)
	s.after(s.write("/v1/items", catalogue(5)))
	s.write("/v1/users", `{"user":"u1","age":30,"tags":["x","y"],"vip":true,"gone":null}`)
	for range 5 {
		l := s.recommend("user", "u1", "n", "3", "context.device", "phone")
		s.after(s.events(fields{"type": "click", "user": "u1", "item": l.Items[0].Item, "request": l.Request, "value": 0, "context": fields{"a": 1, "b": []string{}}}))
	}
	s.do("POST", "/v1/events", `[{"type":"click","user":"u1"},{"type":"click"}]`)
	var snap api.Snapshot
	s.want(http.StatusCreated, &snap, "POST", "/admin/v1/snapshots", `{}`)
	s.after(s.events(fields{"type": "exposure", "user": "u1", "item": "b4"}, fields{"type": "click", "user": "u1", "item": "b4"}))
	live := archiveOf(t, data, out) // beside the server
	s.want(http.StatusOK, nil, "POST", "/admin/v1/snapshots/"+snap.ID+"/restore", "")
	letters := s.letters()
	if len(letters) != 2 {
		t.Fatalf("%d letters", len(letters))
	}
	s.want(http.StatusOK, nil, "DELETE", "/admin/v1/dead-letters?ids="+letters[0].ID, "")
	s.stop()
	rest := archiveOf(t, data, out)
	if live.Records == 0 || rest.Records == 0 {
		t.Errorf("beside the server %+v, after it %+v", live, rest)
	}
	for _, kind := range []string{"event", "item", "user", "served", "control", "dead_letter"} {
		if found, err := filepath.Glob(filepath.Join(out, "kind="+kind, "*", "*", "*.parquet")); err != nil || len(found) == 0 {
			t.Errorf("no records of the kind %s: %v", kind, err)
		}
	}
	if saved, got := digestOf(t, attributesOnly, data), learnedFrom(t, attributesOnly, out); got != saved {
		t.Errorf("the archive leads to %s, the server had %s", got, saved)
	}
	// Behind other records, its letters have other places: the one that was left is left all the same.
	inDirectory(t, attributesOnly, t.TempDir(), func(a *app) error {
		err := runArchive(t, a, out, `{"type":"click","user":"u0","item":"a0","ts":"2026-01-01T00:00:00Z"}`)
		if left := a.letters.List(1<<62, 10); len(left) != 1 || left[0].Reason != letters[1].Reason {
			t.Errorf("left are %+v, want only %+v", left, letters[1])
		}
		return err
	})
}

// learnedFrom is the digest that the records of an archive lead to, without a tick behind them.
func learnedFrom(t *testing.T, text, dir string) string {
	t.Helper()
	return inDirectory(t, text, t.TempDir(), func(a *app) error { return runArchive(t, a, dir) })
}

// runArchive reads an archive into an engine, behind the given events.
func runArchive(t *testing.T, a *app, dir string, before ...string) error {
	t.Helper()
	if err := fetchArchivedSnapshots(dir, a.snapshots); err != nil {
		return err
	}
	path := filepath.Join(t.TempDir(), "before.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(before, "\n")), 0o600); err != nil {
		return err
	}
	files, err := ingest.NewFiles(a.validator, ingest.FilesOptions{Events: []string{path}})
	if err != nil {
		return err
	}
	src, err := ingest.NewArchive([]string{dir}, ingest.ArchiveOptions{Into: a.wal.Next})
	if err != nil {
		return err
	}
	both := sourceFunc(files.Run).then(src)
	return a.engine.Run(t.Context(), ingest.Logged(both, a.sink))
}

func TestArchiveFlagsThatDoNotFitAreRefused(t *testing.T) {
	h := makeHistory(t)
	data, out := filepath.Join(t.TempDir(), "data"), t.TempDir()
	h.replay(t, "-data", data, "-items", h.items, "-from", h.first)
	archiveOf(t, data, out)
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "data")
	h.replay(t, "-data", other, "-from", h.second)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"archive", "-data", data}, "wrong usage"},
		{[]string{"archive", "-data", t.TempDir(), "-out", out}, "has no log"},
		{[]string{"archive", "-data", data, "-out", foreign}, "it is not empty and holds no archive"},
		{[]string{"archive", "-data", other, "-out", out}, "the archive is of another log"},
		{[]string{"archive", "-data", data, "-out", out, "-to", "yesterday"}, "wrong usage"},
		{[]string{"replay", "-from", out, "-items", h.items}, "an archive holds its catalogue"},
		{[]string{"replay", "-from", out, h.first}, "names archives and files of events"},
		{[]string{"replay", "-from", h.first, "-since", "2026-03-02"}, "are for archives"},
		{[]string{"replay", "-from", out, "-since", "2026-03-02", "-until", "2026-03-01"}, "nothing lies between"},
		{[]string{"replay", "-from", foreign}, "is no archive, and holds no Parquet files"},
		{[]string{"replay", "-from", filepath.Join(out, "no*")}, "no file has such a name"},
	} {
		_, errs, err := call(t, tc.args...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v, want %q (%s)", tc.args, err, tc.want, errs)
		}
	}
}

func TestADamagedArchiveIsNotReplayed(t *testing.T) {
	h := makeHistory(t)
	data, out := filepath.Join(t.TempDir(), "data"), t.TempDir()
	h.replay(t, "-data", data, "-items", h.items, "-from", h.first)
	archiveOf(t, data, out)
	parts, err := filepath.Glob(filepath.Join(out, "kind=event", "*", "*", "*.parquet"))
	if err != nil || len(parts) == 0 {
		t.Fatalf("%v %v", parts, err)
	}
	flip(t, parts[0], 0.5)
	_, _, err = call(t, "replay", "-config", h.config, "-from", out)
	if !errors.Is(err, archive.ErrDamaged) || !strings.Contains(err.Error(), parts[0]) {
		t.Errorf("%v", err)
	}
	if err := os.Remove(parts[0]); err != nil {
		t.Fatal(err)
	}
	if _, _, err = call(t, "replay", "-config", h.config, "-from", out); err == nil || !strings.Contains(err.Error(), parts[0]) {
		t.Errorf("a part is missing: %v", err)
	}
}
