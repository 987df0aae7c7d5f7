package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"recsvc/internal/state"
)

// oldest is the file of a directory that was written first among those with a suffix.
func oldest(t *testing.T, dir, suffix string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(paths) == 0 {
		t.Fatal("no file", err)
	}
	return paths[0] // in the order of their numbers
}

// goOn opens the directory, applies the rest of its log and closes it.
func goOn(t *testing.T, text, dir string) *observer.ObservedLogs {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	a, err := openApp(readConfig(t, text, dir), zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.engine.Run(t.Context(), a.backlog()), a.Close()); err != nil {
		t.Fatal(err)
	}
	return logs
}

// Damage that going back one checkpoint does not mend.
func TestAStateDamagedAllOverIsMadeAnewFromTheLog(t *testing.T) {
	data, want := aServersData(t)
	for _, where := range []float64{0, 0.3, 0.7, 1} {
		dir := copyOf(t, data)
		flip(t, oldest(t, filepath.Join(dir, "state"), ".delta"), where)
		logs := goOn(t, smallConfig, dir)
		if logs.FilterMessageSnippet("made anew").Len() != 1 {
			t.Errorf("byte at %v: nobody was told", where)
		}
		if got := digestOf(t, smallConfig, dir); got != want {
			t.Errorf("byte at %v: digest %s, the log leads to %s", where, got, want)
		}
		if _, err := os.Stat(filepath.Join(dir, "state.damaged")); err != nil {
			t.Errorf("byte at %v: what was damaged is not there to look at: %v", where, err)
		}
	}
}

func TestADamagedStateIsMadeAnewFromABackupWhereThereIsOne(t *testing.T) {
	data, _ := aServersData(t)
	copies := t.TempDir()
	text := smallConfig + "backup: {to: {directory: " + copies + "}}\n"
	s := startServer(t, text, data)
	var backup bytes.Buffer
	if _, err := s.server.backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	v, err := openVault(s.server.config.Backup.To)
	if err == nil {
		_, err = v.Put(t.Context(), backupCopyName(time.Now()), &backup)
	}
	if err := errors.Join(err, v.Close()); err != nil {
		t.Fatal(err)
	}
	visit(s, 50, 60)
	s.stop()
	want := relearned(t, text, data)
	flip(t, oldest(t, filepath.Join(data, "state"), ".delta"), 0.5)
	logs := goOn(t, text, data)
	if logs.FilterMessageSnippet("restored a backup").Len() != 1 {
		t.Error("the backup was not used")
	}
	if got := digestOf(t, text, data); got != want {
		t.Errorf("digest %s, the log leads to %s", got, want)
	}
}

// What lies on disk rots while the server runs: it stops before anybody is answered from it, and the next start mends it.
func TestAScrubThatFindsDamageStopsTheServerAndTheNextStartMendsIt(t *testing.T) {
	data, want := aServersData(t)
	s, err := openServer(readConfig(t, smallConfig, data), zap.NewNop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	flip(t, oldest(t, filepath.Join(data, "state"), ".delta"), 0.5)
	err = s.run(t.Context(), func(context.Context, string) error { return nil })
	if !errors.Is(err, errDamaged) || !errors.Is(err, state.ErrCorrupt) {
		t.Fatalf("ended with %v", err)
	}
	if reason, err := os.ReadFile(filepath.Join(data, "DAMAGED")); err != nil || !strings.Contains(string(reason), "corrupt") {
		t.Errorf("the mark says %q, %v", reason, err)
	}
	goOn(t, smallConfig, data)
	if got := digestOf(t, smallConfig, data); got != want {
		t.Errorf("digest %s, the log leads to %s", got, want)
	}
	if _, err := os.Stat(filepath.Join(data, "DAMAGED")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mark is still there: %v", err)
	}
}

// aLaterServersData is a data directory with several checkpoints whose log does not begin at its beginning.
func aLaterServersData(t *testing.T, backup []byte) string {
	t.Helper()
	data, _ := restoreTo(t, backup, attributesOnly)
	s := startServer(t, attributesOnly, data)
	for i := range 3 {
		visit(s, 10*i+50, 10*i+60)
		s.want(200, nil, "POST", "/admin/v1/checkpoint", "")
	}
	s.stop()
	return data
}

// Whoever starts a server again and again until it works must not lose a checkpoint each time.
func TestAStateThatCannotBeMendedKeepsItsCheckpoints(t *testing.T) {
	data := aLaterServersData(t, aBackup(t))
	want := digestOf(t, attributesOnly, data)
	path := oldest(t, filepath.Join(data, stateName), ".delta")
	flip(t, path, 0.5)
	for range 3 {
		a, err := openApp(readConfig(t, attributesOnly, data), zap.NewNop())
		if err == nil {
			t.Fatal("it starts", a.Close())
		}
		if !errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), "no longer holds everything") {
			t.Errorf("refused with %v", err)
		}
	}
	flip(t, path, 0.5) // whole again, as from a copy
	if got := digestOf(t, attributesOnly, data); got != want {
		t.Errorf("digest %s, before the damage %s", got, want)
	}
}

// The checkpoint before the last is of no use when the log does not hold what came after it.
func TestGoingBackEndsWhereTheLogBegins(t *testing.T) {
	data := aLaterServersData(t, aBackup(t))
	a, err := openApp(readConfig(t, attributesOnly, data), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	end := a.engine.Applied()
	if err := errors.Join(a.Close(), os.RemoveAll(filepath.Join(data, logName)), writeLogBegin(data, end)); err != nil {
		t.Fatal(err)
	}
	want := digestOf(t, attributesOnly, data)
	path := newest(t, filepath.Join(data, stateName), ".delta")
	flip(t, path, 0.5)
	if a, err := openApp(readConfig(t, attributesOnly, data), zap.NewNop()); err == nil {
		t.Fatal("it starts", a.Close())
	} else if !strings.Contains(err.Error(), "no longer holds everything") {
		t.Errorf("refused with %v", err)
	}
	flip(t, path, 0.5)
	if got := digestOf(t, attributesOnly, data); got != want {
		t.Errorf("digest %s, before the damage %s", got, want)
	}
}

// A backup is of no use when the log does not hold what came after it.
func TestADamagedStateIsNotGivenUpForABackupFromBeforeTheLog(t *testing.T) {
	early := aBackup(t)
	text, copies := attributesOnly, t.TempDir()
	text += "backup: {to: {directory: " + copies + "}}\n"
	first, _ := restoreTo(t, early, attributesOnly)
	s := startServer(t, attributesOnly, first)
	visit(s, 30, 50)
	var late bytes.Buffer
	if _, err := s.server.backup(t.Context(), &late); err != nil {
		t.Fatal(err)
	}
	s.stop()
	data := aLaterServersData(t, late.Bytes())
	v, err := openVault(readConfig(t, text, data).Backup.To)
	if err == nil {
		_, err = v.Put(t.Context(), backupCopyName(time.Now()), bytes.NewReader(early))
	}
	if err := errors.Join(err, v.Close()); err != nil {
		t.Fatal(err)
	}
	flip(t, oldest(t, filepath.Join(data, stateName), ".delta"), 0.5)
	if a, err := openApp(readConfig(t, text, data), zap.NewNop()); err == nil {
		t.Error("it starts", a.Close())
	} else if !strings.Contains(err.Error(), "no longer holds everything") {
		t.Errorf("refused with %v", err)
	}
	if _, err := os.Stat(filepath.Join(data, "state.damaged")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state was set aside: %v", err)
	}
}

// A process that is killed between setting the damaged state aside and putting the restored one in its place.
func TestARebuildThatIsKilledBetweenTheTwoStatesIsBroughtToItsEnd(t *testing.T) {
	backup := aBackup(t)
	data := aLaterServersData(t, backup)
	want := digestOf(t, attributesOnly, data)
	restored, _ := restoreTo(t, backup, attributesOnly)
	if err := errors.Join(os.Rename(filepath.Join(data, stateName), filepath.Join(data, "state.damaged")),
		os.CopyFS(filepath.Join(data, "rebuilding"), os.DirFS(restored))); err != nil {
		t.Fatal(err)
	}
	goOn(t, attributesOnly, data)
	if got := digestOf(t, attributesOnly, data); got != want {
		t.Errorf("digest %s, before %s", got, want)
	}
	if _, err := os.Stat(filepath.Join(data, "rebuilding")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the rest is still there: %v", err)
	}
}

func TestNotReadyUntilScrubbedWhereThatIsConfigured(t *testing.T) {
	data, _ := aServersData(t)
	s := startServer(t, smallConfig+"scrub: {every: 1h, before_ready: true}\n", data)
	if st := s.server.scrub.last(); st.Finished.IsZero() || st.Entries == 0 || st.Records == 0 {
		t.Errorf("ready after %+v", st)
	}
	s.stop()
}
