package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/state"
)

// takeBackup returns a backup of a running server.
func takeBackup(t *testing.T, a *app) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := (&backupRoom{a}).Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func headerOf(t *testing.T, backup []byte) state.BackupHeader {
	t.Helper()
	b, err := state.OpenBackup(bytes.NewReader(backup))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b.Header()
}

func writeFileAt(t *testing.T, content []byte, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, content, 0o600)); err != nil {
		t.Fatal(err)
	}
	return name
}

// restoreTo makes a data directory of a backup with the command.
func restoreTo(t *testing.T, backup []byte, text string) (data, out string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	file := writeFileAt(t, backup, t.TempDir(), "b.backup")
	out, errs, err := call(t, "restore", "-from", file, "-data", data, "-config", writeConfig(t, text))
	if err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	return data, out
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// The server that never stopped, and the one that was restored from a backup and given the log, know the same.
func TestABackupAndTheRestOfTheLogLeadToTheSameState(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, smallConfig, data)
	s.write("/v1/items", catalogue(5))
	visit(s, 0, 20)
	var snap api.Snapshot
	s.want(http.StatusCreated, &snap, "POST", "/admin/v1/snapshots", `{}`)
	visit(s, 20, 30)

	var writing sync.WaitGroup
	writing.Go(func() { visit(s, 30, 60) })
	var backups [][]byte
	for range 3 { // while it writes
		backups = append(backups, takeBackup(t, s.server.app))
	}
	writing.Wait()
	s.want(http.StatusOK, nil, "POST", "/admin/v1/snapshots/"+snap.ID+"/restore", "") // the log needs the snapshot of the backup
	visit(s, 60, 80)
	s.stop()
	want := digestOf(t, smallConfig, data)

	for i, backup := range backups {
		h := headerOf(t, backup)
		to, out := restoreTo(t, backup, smallConfig)
		for _, line := range []string{h.Checkpoint.Cursor.String(), h.Checkpoint.Digest.String(), "those of the configuration", "snapshots    1", release} {
			if !strings.Contains(out, line) {
				t.Errorf("backup %d: no %q in\n%s", i, line, out)
			}
		}
		copyTree(t, filepath.Join(data, logName), filepath.Join(to, logName))
		a, err := openApp(readConfig(t, smallConfig, to), zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		if c, _ := a.engine.LastCheckpoint(); c.Digest != h.Checkpoint.Digest || c.Cursor.String() != h.Checkpoint.Cursor.String() || c.Entries != h.Checkpoint.Entries {
			t.Errorf("backup %d: restored %+v, the backup says %+v", i, c, h.Checkpoint)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		startServer(t, smallConfig, to).stop()
		if got := digestOf(t, smallConfig, to); got != want {
			t.Errorf("backup %d at %s: digest %s, the server that never stopped has %s", i, h.Checkpoint.Cursor, got, want)
		}
	}
}

func TestABackupOfAStoppedServerIsUnavailable(t *testing.T) {
	s := startServer(t, attributesOnly, t.TempDir())
	s.stop()
	if err := (&backupRoom{s.server.app}).Backup(t.Context(), io.Discard); !errors.Is(err, api.ErrUnavailable) {
		t.Error(err)
	}
}

// aBackup is a small one.
func aBackup(t *testing.T) []byte {
	t.Helper()
	s := startServer(t, attributesOnly, t.TempDir())
	s.write("/v1/items", catalogue(2))
	visit(s, 0, 5)
	b := takeBackup(t, s.server.app)
	s.stop()
	return b
}

func TestABackupThatIsCutDamagedOrOfAnotherVersionLeavesNothing(t *testing.T) {
	backup := aBackup(t)
	flipped := func(at int) []byte {
		b := bytes.Clone(backup)
		b[at] ^= 0x10
		return b
	}
	version := func(v byte) []byte {
		b := bytes.Clone(backup)
		b[8] = v
		return b
	}
	for name, tc := range map[string]struct {
		backup []byte
		want   string
	}{
		"cut in the middle": {backup[:len(backup)/2], "ends here, before its end"},
		"cut by one byte":   {backup[:len(backup)-1], "ends here, before its end"},
		"a flipped byte":    {flipped(len(backup) / 2), "checksum differs"},
		"empty":             {nil, "does not begin as a backup"},
		"an older version":  {version(0), "its version is 0, this program reads 1"},
		"a newer version":   {version(2), "or a newer one"},
	} {
		data := filepath.Join(t.TempDir(), "data")
		_, _, err := call(t, "restore", "-from", writeFileAt(t, tc.backup, t.TempDir(), "b"), "-data", data)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if entries, err := os.ReadDir(data); err != nil || len(entries) > 0 {
			t.Errorf("%s: the directory holds %v, %v", name, entries, err)
		}
	}
}

func TestRestoreTakesAnEmptyDirectoryOnly(t *testing.T) {
	file := writeFileAt(t, aBackup(t), t.TempDir(), "b")
	for name, path := range map[string]string{"a file": "notes.txt", "another server's": marker, "a state": "state/FORMAT", "a log": "log/x.wal"} {
		data := t.TempDir()
		kept := writeFileAt(t, []byte("mine"), data, path)
		_, _, err := call(t, "restore", "-from", file, "-data", data)
		if err == nil || !strings.Contains(err.Error(), "is not empty") || !strings.Contains(err.Error(), strings.Split(path, "/")[0]) {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(kept); err != nil || string(b) != "mine" {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "lost+found"), 0o700); err != nil { // a disk of its own
		t.Fatal(err)
	}
	if _, _, err := call(t, "restore", "-from", file, "-data", data); err != nil {
		t.Error(err)
	}
	if _, _, err := call(t, "restore", "-from", file); !errors.Is(err, errUsage) {
		t.Errorf("without -data: %v", err)
	}
	for from, want := range map[string]string{"ftp://x/y": "no way to read ftp://", "/nonexistent": "no such file", "newest": "give -config"} {
		if _, _, err := call(t, "restore", "-from", from, "-data", t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("from %s: %v", from, err)
		}
	}
}

// A restore that is killed leaves what serve refuses, and can be run again.
func TestARestoreThatIsKilledHalfWayLeavesNothingUsable(t *testing.T) {
	backup := aBackup(t)
	data := filepath.Join(t.TempDir(), "data")
	cmd := exec.Command(os.Args[0], "restore", "-from", "-", "-data", data)
	cmd.Env = append(os.Environ(), asServer+"=1")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = in.Write(backup[:len(backup)-10])
	}
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(data, restoringDir, stateName, "FORMAT")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the restore did not begin")
		}
	}
	file := writeFileAt(t, backup, t.TempDir(), "b")
	if _, _, err := call(t, "restore", "-from", file, "-data", data); !errors.Is(err, errHeld) {
		t.Errorf("beside a restore that is running: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"
	if err := prepareData(data); err == nil || !strings.Contains(err.Error(), "run recsvc restore again") {
		t.Errorf("serve would take it: %v", err)
	}
	if _, errs, err := call(t, "restore", "-from", file, "-data", data); err != nil {
		t.Fatalf("again: %v: %s", err, errs)
	}
	if err := prepareData(data); err != nil {
		t.Error(err)
	}
}

// Whatever step of the last part a restore was killed behind: it can be run again, or was done.
func TestARestoreCanBeRunAgainWhereverItStopped(t *testing.T) {
	backup := aBackup(t)
	whole, _ := restoreTo(t, backup, attributesOnly)
	steps := []string{stateName, snapshotName, logBeginName, marker}
	for moved := range len(steps) {
		data := t.TempDir()
		copyTree(t, whole, filepath.Join(data, restoringDir))
		if err := os.Remove(filepath.Join(data, restoringDir, marker)); err != nil {
			t.Fatal(err)
		}
		for _, name := range steps[:moved] {
			if err := os.Rename(filepath.Join(data, restoringDir, name), filepath.Join(data, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := prepareData(data); err == nil {
			t.Errorf("after %v were moved serve takes it", steps[:moved])
		}
		if ok, err := restorable(data); !ok || err != nil {
			t.Errorf("after %v were moved a restore would not begin anew: %v", steps[:moved], err)
		}
		if _, _, err := call(t, "restore", "-from", writeFileAt(t, backup, t.TempDir(), "b"), "-data", data); err != nil {
			t.Errorf("after %v were moved: %v", steps[:moved], err)
		}
	}
}

func TestARestoredDirectorySaysWhereItsLogBegins(t *testing.T) {
	backup := aBackup(t)
	data, _ := restoreTo(t, backup, attributesOnly)
	first, err := readLogBegin(data)
	if want := headerOf(t, backup).Checkpoint.Cursor.Offset(0); err != nil || first != want || first == 0 {
		t.Errorf("%d, %v; want %d", first, err, want)
	}
	for range 2 {
		if err := forgetLogBegin(data); err != nil {
			t.Error(err)
		}
		if first, err := readLogBegin(data); first != 0 || err != nil {
			t.Errorf("forgotten: %d, %v", first, err)
		}
	}
	writeFileAt(t, []byte("{"), data, logBeginName)
	if _, err := readLogBegin(data); err == nil || !strings.Contains(err.Error(), logBeginName) {
		t.Errorf("damaged: %v", err)
	}
}

func TestRestoreSaysWhenTheConfigurationDoesNotFit(t *testing.T) {
	backup := aBackup(t)
	other := strings.Replace(attributesOnly, "bits: 14", "bits: 15", 1)
	if _, out := restoreTo(t, backup, other); !strings.Contains(out, "NOT those of the configuration") {
		t.Error(out)
	}
	data := filepath.Join(t.TempDir(), "data")
	out, _, err := call(t, "restore", "-from", "file://"+writeFileAt(t, backup, t.TempDir(), "b"), "-data", data)
	if err != nil || !strings.Contains(out, "not compared") {
		t.Errorf("%v: %s", err, out)
	}
}
