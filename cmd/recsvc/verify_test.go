package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/wal"
)

// asCommand makes the processes that are started from now on the command itself. The race detector would have each wait a second
// at its end.
func asCommand(t *testing.T) {
	t.Helper()
	t.Setenv(asServer, "1")
	t.Setenv("GORACE", "atexit_sleep_ms=0")
}

// verifyDir runs the command, whose processes are this binary too.
func verifyDir(t *testing.T, dir string, flags ...string) (verified, error) {
	t.Helper()
	asCommand(t)
	out, _, err := call(t, append([]string{"verify", "-data", dir, "-json"}, flags...)...)
	var r verified
	if jerr := json.Unmarshal([]byte(out), &r); out != "" && jerr != nil {
		t.Fatalf("%v in %s", jerr, out)
	}
	if r.Whole != (err == nil) {
		t.Errorf("whole: %v, but %v", r.Whole, err)
	}
	return r, err
}

func wantWhole(t *testing.T, dir string, flags ...string) verified {
	t.Helper()
	r, err := verifyDir(t, dir, flags...)
	if err != nil || len(r.Findings) > 0 {
		t.Fatalf("%v: %+v", err, r)
	}
	return r
}

// findings are those of one check, as text.
func (r verified) of(check string) (text string) {
	for _, f := range r.Findings {
		if f.Check == check {
			text += f.What + "\n→ " + f.Do + "\n"
		}
	}
	return text
}

// fingerprint is everything in a directory, with when it was changed.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	all := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(all, path, info.Mode(), info.Size(), info.ModTime())
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all.Write(b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", all.Sum(nil))
}

// killedData is the data directory of a server that was killed. It has every kind of file: enough checkpoints were taken for the
// database to have tables as well as write-ahead logs.
func killedData(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	file := writeConfig(t, attributesOnly)
	for life := range 2 {
		p := spawn(t, "serve", "-config", file, "-data", data)
		s := &inProcess{client: newClient(t, p.url)}
		if life == 0 {
			s.write("/v1/items", catalogue(3))
			s.want(http.StatusCreated, nil, "POST", "/admin/v1/snapshots", `{}`)
		}
		for i := range 66 { // 60 are folded together
			if i%10 == 0 {
				visit(s, 100*life+i, 100*life+i+2)
			}
			s.want(http.StatusOK, nil, "POST", "/admin/v1/checkpoint", "")
		}
		end := p.cmd.Process.Kill
		if life == 0 {
			end = func() error { return p.cmd.Process.Signal(os.Interrupt) }
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		_ = p.cmd.Wait()
		s.http.CloseIdleConnections()
	}
	return data
}

func TestAHealthyDirectoryIsWholeAndStaysAsItIs(t *testing.T) {
	data, _ := aServersData(t)
	before := fingerprint(t, data)
	asCommand(t)
	out, errs, err := call(t, "verify", "-data", data, "-config", writeConfig(t, smallConfig))
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	for _, want := range []string{"marker     whole  recsvc data directory, layout 1", "log        whole", "records in 1 segments", "state      whole", "entries of checkpoint", "agreement  whole", "disk       whole"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if fingerprint(t, data) != before {
		t.Error("it has changed")
	}
	if _, _, err := call(t, "verify", "-data", filepath.Join(data, "none")); err == nil {
		t.Error("a directory that does not exist is whole")
	}
	if _, _, err := call(t, "verify"); !errors.Is(err, errUsage) {
		t.Errorf("without -data: %v", err)
	}
}

func TestAFlippedByteInAnyKindOfFileIsFoundAndTheAdviceHelps(t *testing.T) {
	data := killedData(t)
	before := fingerprint(t, data)
	if r := wantWhole(t, data); r.Checks[2].Bytes == 0 {
		t.Errorf("%+v", r.Checks)
	}
	if fingerprint(t, data) != before {
		t.Error("it has changed")
	}
	want := relearned(t, attributesOnly, data)
	for _, tc := range []struct {
		name, pattern string
		places        []float64 // shares of what is used of the file
		check         string
		advice        []string // one of them
		cure          func(dir, do string)
	}{
		{"marker", marker, []float64{0.2}, "marker", []string{"printf"}, shell},
		{"log", "log/*.wal", []float64{0, 0.4}, "log", []string{"from a copy"}, nil},
		{"newest checkpoint", "state/*.delta", []float64{0.1, 0.5, 1}, "state", []string{"roll back: remove "}, func(_, do string) {
			remove(t, firstWord(strings.TrimPrefix(do, "roll back: remove ")))
		}},
		{"format", "state/FORMAT", []float64{0.5}, "state", []string{"printf"}, shell},
		{"manifest", "state/badger/MANIFEST", []float64{0.5, 0.9}, "state", []string{"learn anew: move ", "roll back"}, learnAnew},
		{"table", "state/badger/*.sst", []float64{0.1, 0.5, 0.95}, "state", []string{"learn anew: move "}, learnAnew},
		{"database's log", "state/badger/*.mem", []float64{0.3, 0.8}, "state", []string{"learn anew: move "}, learnAnew},
		{"snapshot", "snapshots/*.snapshot", []float64{0.5}, "snapshots", []string{"from a backup"}, nil},
		{"description", "snapshots/*.json", []float64{0.1}, "snapshots", []string{"from a backup"}, nil},
	} {
		for _, place := range tc.places {
			t.Run(fmt.Sprint(tc.name, " at ", place), func(t *testing.T) {
				dir := copyOf(t, data)
				flipUsed(t, largest(t, filepath.Join(dir, tc.pattern)), place)
				r, err := verifyDir(t, dir)
				if err == nil || r.of(tc.check) == "" {
					t.Fatalf("%v: %+v", err, r)
				}
				do := r.Findings[slices.IndexFunc(r.Findings, func(f finding) bool { return f.Check == tc.check })].Do
				t.Log(r.of(tc.check))
				if !slices.ContainsFunc(tc.advice, func(a string) bool { return strings.Contains(do, a) }) {
					t.Errorf("advice: %s", do)
				}
				if tc.cure == nil {
					return
				}
				tc.cure(dir, do)
				wantWhole(t, dir)
				a, err := openApp(readConfig(t, attributesOnly, dir), zap.NewNop())
				if err == nil {
					err = errors.Join(a.engine.Run(t.Context(), a.backlog()), a.Close())
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := digestOf(t, attributesOnly, dir); got != want {
					t.Errorf("digest %s, the log leads to %s", got, want)
				}
			})
		}
	}
}

// largest is the newest of the largest files of a pattern, by what is used of them.
func largest(t *testing.T, pattern string) (path string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	return slices.MaxFunc(paths, func(a, b string) int {
		if n := len(used(t, a)) - len(used(t, b)); n != 0 && !strings.HasSuffix(a, ".delta") {
			return n
		}
		return strings.Compare(a, b)
	})
}

// used is a file without the empty room behind it.
func used(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimRight(b, "\x00")
}

func flipUsed(t *testing.T, path string, place float64) {
	t.Helper()
	at := int64(place * float64(len(used(t, path))-1))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return strings.TrimSuffix(word, ".")
}

// shell runs the command that an advice ends with.
func shell(_, do string) {
	if out, err := exec.Command("sh", "-c", do[strings.LastIndex(do, "printf"):]).CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v: %s", err, out))
	}
}

// learnAnew moves the state away, as the advice says; or removes the newest checkpoint.
func learnAnew(dir, do string) {
	if path, ok := strings.CutPrefix(do, "roll back: remove "); ok {
		if err := os.Remove(firstWord(path)); err != nil {
			panic(err)
		}
		return
	}
	if err := os.Rename(firstWord(strings.TrimPrefix(do, "learn anew: move ")), dir+".away"); err != nil {
		panic(err)
	}
}

func TestADirectoryInUseIsNotVerified(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, attributesOnly, data)
	s.want(http.StatusOK, nil, "POST", "/admin/v1/checkpoint", "")
	if _, err := verifyDir(t, data); err == nil || !strings.Contains(err.Error(), "in use by a running server") {
		t.Error(err)
	}
	s.stop()
	wantWhole(t, data)
}

// What a damaged database does to who reads it is found, not shared.
func TestAProcessThatDiesIsAFinding(t *testing.T) {
	data, _ := aServersData(t)
	asCommand(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for name, tc := range map[string]struct{ script, want string }{
		"a bus error":        {"kill -BUS $$", "bus error"},
		"a bad address":      {"kill -SEGV $$", "segmentation fault"},
		"killed for memory":  {"kill -KILL $$", "killed"},
		"a fault in Go":      {"echo 'unexpected fault address 0x7f' >&2; echo '[signal SIGBUS: bus error code=0x2]' >&2; exit 2", "[signal SIGBUS: bus error code=0x2]"},
		"a panic":            {"echo 'panic: runtime error: index out of range' >&2; exit 2", "panic: runtime error"},
		"half of an answer":  {"printf '{\"Detail\": \"5 rec'; exit 0", "unexpected end of JSON"},
		"nothing to be seen": {"exit 3", "exit status 3"},
	} {
		v := &verifier{dir: data, command: func(ctx context.Context, args ...string) *exec.Cmd {
			if args[2] == statePart {
				return exec.CommandContext(ctx, "sh", "-c", "touch $TMPDIR/scratch; "+tc.script)
			}
			return exec.CommandContext(ctx, os.Args[0], args...)
		}}
		r, err := v.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) != 1 || !strings.Contains(r.of("state"), tc.want) || !strings.Contains(r.of("state"), "roll back: remove") {
			t.Errorf("%s: %+v", name, r.Findings)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("%s leaves %v behind, %v", name, left, err)
		}
	}
	v := &verifier{dir: data, command: func(ctx context.Context, _ ...string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", "echo 'recsvc: open /x: permission denied' >&2; exit 1")
	}}
	if _, err := v.run(t.Context()); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("one that could not do its work: %v", err)
	}
	v.command = func(ctx context.Context, _ ...string) *exec.Cmd { return exec.CommandContext(ctx, "/nonexistent") }
	if _, err := v.run(t.Context()); err == nil {
		t.Error("one that could not be started is taken for a finding")
	}
}

func TestALogAndAStateThatDoNotFitAreFound(t *testing.T) {
	data, _ := aServersData(t)
	embedded := writeConfig(t, smallConfig)
	segment := func(dir string) string { return newest(t, filepath.Join(dir, logName), ".wal") }
	replaced := func(dir string, first int64) { // by a log that is whole
		removeAll(t, filepath.Join(dir, logName))
		l, err := wal.Open(filepath.Join(dir, logName), wal.Options{First: first})
		if err == nil {
			err = l.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		damage func(dir string)
		check  string
		want   string
	}{
		"the log lost its end":    {func(dir string) { truncate(t, segment(dir), 200) }, "log", "is corrupt"},
		"the log is an older one": {func(dir string) { replaced(dir, 0) }, "agreement", "part of the log is lost"},
		"the log begins later":    {func(dir string) { replaced(dir, 1<<40) }, "agreement", "the state needs those from"},
		"the log is gone":         {func(dir string) { removeAll(t, filepath.Join(dir, logName)) }, "agreement", "the log is missing"},
		"another place to begin": {func(dir string) {
			removeAll(t, filepath.Join(dir, logName))
			writeFileAt(t, []byte(`{"record":3}`), dir, logBeginName)
		}, "agreement", "the state stands at"},
		"no such place": {func(dir string) {
			removeAll(t, filepath.Join(dir, logName))
			writeFileAt(t, []byte(`{`), dir, logBeginName)
		}, "agreement", logBeginName},
		"no marker":         {func(dir string) { remove(t, filepath.Join(dir, marker)) }, "marker", "missing"},
		"no format":         {func(dir string) { remove(t, filepath.Join(dir, stateName, "FORMAT")) }, "state", "printf"},
		"a lost checkpoint": {func(dir string) { remove(t, filepath.Join(dir, stateName, "0000000000000002.delta")) }, "state", "checkpoint 3 follows 2"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyOf(t, data)
			tc.damage(dir)
			r, err := verifyDir(t, dir, "-config", embedded)
			if err == nil || !strings.Contains(r.of(tc.check), tc.want) {
				t.Errorf("%v: %+v", err, r.Findings)
			}
		})
	}
	dir := copyOf(t, data)
	f, err := os.OpenFile(segment(dir), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("half of a record")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if r := wantWhole(t, dir, "-config", embedded); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "never acknowledged") {
		t.Errorf("a torn end: %+v", r.Notes)
	}
	if r := wantWhole(t, restoredCopy(t, data)); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "the next start begins one at record") {
		t.Errorf("restored: %+v", r.Notes)
	}
}

// restoredCopy is a directory made from a backup of the one given.
func restoredCopy(t *testing.T, data string) string {
	t.Helper()
	s := startServer(t, smallConfig, copyOf(t, data))
	var c api.CheckpointStatus
	s.want(http.StatusOK, &c, "POST", "/admin/v1/checkpoint", "")
	backup := takeBackup(t, s.server.app)
	s.stop()
	dir, _ := restoreTo(t, backup, smallConfig)
	return dir
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func removeAll(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}
