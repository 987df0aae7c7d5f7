package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func openSnapshots(t *testing.T, dir string) *Snapshots {
	t.Helper()
	s, err := NewSnapshots(dir)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func writing(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func create(t *testing.T, s *Snapshots, meta SnapshotMeta, text string) SnapshotMeta {
	t.Helper()
	must(t, s.Create(&meta, writing(text)))
	return meta
}

func TestASnapshotComesBackAsItWasWritten(t *testing.T) {
	dir := t.TempDir()
	s := openSnapshots(t, dir)
	meta := SnapshotMeta{Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Note: "before the sale"}
	must(t, s.Create(&meta, func(w io.Writer) error {
		meta.Cursor, meta.Models = "0-17", []string{"ctr@17"}
		meta.Metrics = json.RawMessage(`{"ctr": {"click": {"auc": 0.7}}}`)
		return writing("weights")(w)
	}))
	if meta.Bytes != 7 || len(meta.SHA256) != 64 || !strings.HasPrefix(meta.ID, "20260102T030405.000000-") {
		t.Errorf("described as %+v", meta)
	}
	s = openSnapshots(t, dir) // what is there must not be swept away
	got, content, err := s.Open(meta.ID)
	must(t, err)
	defer content.Close()
	b, err := io.ReadAll(content)
	must(t, err)
	if string(b) != "weights" || got.Cursor != "0-17" || got.Note != meta.Note || got.Models[0] != "ctr@17" {
		t.Errorf("got %q, %+v", b, got)
	}
	text, err := os.ReadFile(filepath.Join(dir, meta.ID+descriptionSuffix))
	must(t, err)
	var fields map[string]any
	must(t, json.Unmarshal(text, &fields))
	for _, name := range []string{"id", "created", "cursor", "models", "metrics", "bytes", "sha256", "note"} {
		if _, ok := fields[name]; !ok {
			t.Errorf("the description has no %q", name)
		}
	}
}

func TestSnapshotsAreListedNewestFirstAndCanBeDeleted(t *testing.T) {
	s := openSnapshots(t, t.TempDir())
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, id := range []string{"b", "c", "a"} {
		create(t, s, SnapshotMeta{ID: id, Created: day.AddDate(0, 0, i)}, id)
	}
	ids := func() (ids []string) {
		list, err := s.List()
		must(t, err)
		for _, m := range list {
			ids = append(ids, m.ID)
		}
		return ids
	}
	if got := ids(); !slices.Equal(got, []string{"a", "c", "b"}) {
		t.Errorf("listed %v", got)
	}
	must(t, s.Delete("c"))
	if got := ids(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("listed %v after deleting c", got)
	}
	if err := s.Delete("c"); !errors.Is(err, ErrNotFound) {
		t.Errorf("second delete: %v", err)
	}
	if _, _, err := s.Open("c"); !errors.Is(err, ErrNotFound) {
		t.Errorf("open of a deleted one: %v", err)
	}
}

func TestIdsCannotLeadOutOfTheDirectory(t *testing.T) {
	outer := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outer, "secret.json"), []byte(`{"id":"secret"}`), 0o600))
	s := openSnapshots(t, filepath.Join(outer, "snapshots"))
	for _, id := range []string{
		"", ".", "..", "../secret", "..\\secret", "/etc/passwd", "a/b", "%2e%2e%2fsecret", "a\x00b", "a b", ".hidden", "é",
		strings.Repeat("x", 300),
	} {
		meta := SnapshotMeta{ID: id}
		_, getErr := s.Get(id)
		_, _, openErr := s.Open(id)
		errs := []error{getErr, openErr, s.Delete(id)}
		if id != "" { // Create makes an id then
			errs = append(errs, s.Create(&meta, writing("x")))
		}
		for _, err := range errs {
			if !errors.Is(err, ErrBadID) {
				t.Errorf("id %.40q: %v", id, err)
			}
		}
	}
	must(t, os.Symlink("../secret.json", filepath.Join(outer, "snapshots", "link.json")))
	if _, err := s.Get("link"); err == nil {
		t.Error("a symbolic link out of the directory was followed")
	}
}

func TestDamagedContentIsNotOpened(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"flipped":  func(path string) error { return os.WriteFile(path, []byte("weighTs"), 0o600) },
		"short":    func(path string) error { return os.Truncate(path, 3) },
		"longer":   func(path string) error { return os.WriteFile(path, []byte("weights, more"), 0o600) },
		"replaced": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openSnapshots(t, dir)
			create(t, s, SnapshotMeta{ID: "one"}, "weights")
			must(t, damage(filepath.Join(dir, "one"+contentSuffix)))
			if _, _, err := s.Open("one"); !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestADamagedDescriptionIsNamedAndHidesNoOther(t *testing.T) {
	dir := t.TempDir()
	s := openSnapshots(t, dir)
	create(t, s, SnapshotMeta{ID: "good"}, "x")
	must(t, os.WriteFile(filepath.Join(dir, "bad.json"), []byte("{"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "moved.json"), []byte(`{"id":"other"}`), 0o600))
	list, err := s.List()
	if len(list) != 1 || !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "snapshot bad") {
		t.Errorf("listed %v, %v", list, err)
	}
}

func TestAFailedSnapshotLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := openSnapshots(t, dir)
	want := errors.New("model says no")
	err := s.Create(&SnapshotMeta{ID: "x"}, func(w io.Writer) error {
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
		return want
	})
	if !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
	upload := SnapshotMeta{ID: "x", SHA256: strings.Repeat("0", 64)}
	if err := s.Create(&upload, writing("x")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("wrong checksum: %v", err)
	}
	if got := fileNames(t, dir); len(got) != 0 {
		t.Errorf("left %v", got)
	}
}

func TestTheSameModelMayBeKeptTwiceWithinASecond(t *testing.T) {
	s := openSnapshots(t, t.TempDir())
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one := create(t, s, SnapshotMeta{Created: now}, "weights")
	two := create(t, s, SnapshotMeta{Created: now.Add(time.Millisecond)}, "weights")
	if one.ID == two.ID || one.SHA256 != two.SHA256 {
		t.Errorf("%+v and %+v", one, two)
	}
}

func TestAnIdThatIsTakenIsRefusedAndKept(t *testing.T) {
	s := openSnapshots(t, t.TempDir())
	create(t, s, SnapshotMeta{ID: "one"}, "first")
	if err := s.Create(&SnapshotMeta{ID: "one"}, writing("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	meta, content, err := s.Open("one")
	must(t, err)
	must(t, content.Close())
	if meta.Bytes != int64(len("first")) {
		t.Errorf("described as %+v", meta)
	}
}

func TestWhatAnInterruptedCreateLeftIsSweptAway(t *testing.T) {
	dir := t.TempDir()
	create(t, openSnapshots(t, dir), SnapshotMeta{ID: "whole"}, "x")
	for _, name := range []string{"create-0.tmp", "torn" + contentSuffix, "half" + descriptionSuffix + tempSuffix} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	openSnapshots(t, dir)
	if got := fileNames(t, dir); !slices.Equal(got, []string{"whole.json", "whole.snapshot"}) {
		t.Errorf("left %v", got)
	}
}
