package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// newest is the file of a directory that was written last among those with a suffix.
func newest(t *testing.T, dir, suffix string) (path string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries { // in the order of their numbers
		if strings.HasSuffix(e.Name(), suffix) {
			path = filepath.Join(dir, e.Name())
		}
	}
	if path == "" {
		t.Fatalf("no %s in %v", suffix, entries)
	}
	return path
}

// flip changes one byte of a file, at a share of its length.
func flip(t *testing.T, path string, where float64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[int(where*float64(len(b)-1))] ^= 0x40
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// aServersData is a data directory with several checkpoints, and the digest of what its log leads to.
func aServersData(t *testing.T) (data, digest string) {
	t.Helper()
	data = t.TempDir()
	s := startServer(t, smallConfig, data)
	s.write("/v1/items", catalogue(5))
	for i := range 3 {
		visit(s, 10*i, 10*i+10)
		s.want(200, nil, "POST", "/admin/v1/checkpoint", "")
	}
	visit(s, 30, 40)
	s.stop()
	return data, relearned(t, smallConfig, data)
}

func copyOf(t *testing.T, data string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whatever has happened to the newest checkpoint: the server goes on from the one before, to the same state. It never answers from
// something else. The log need not be whole for that: what the checkpoint before needs is kept.
func TestADamagedCheckpointIsNeverServed(t *testing.T) {
	data, want := aServersData(t)
	for _, where := range []float64{0, 0.1, 0.3, 0.5, 0.7, 0.9, 1} {
		dir := copyOf(t, data)
		flip(t, newest(t, filepath.Join(dir, "state"), ".delta"), where)
		logs := goOn(t, smallConfig, dir)
		if logs.FilterMessageSnippet("going back").Len() != 1 || logs.FilterMessageSnippet("made anew").Len() != 0 {
			t.Errorf("byte at %v: %v", where, logs.All())
		}
		if got := digestOf(t, smallConfig, dir); got != want {
			t.Errorf("byte at %v: digest %s, the log leads to %s", where, got, want)
		}
	}
}

// A log that lacks what the state has seen is not the state's log. Going on would give places to new records that the
// state takes for applied.
func TestALogThatEndsBeforeTheStateIsRefused(t *testing.T) {
	data, _ := aServersData(t)
	for name, damage := range map[string]func(dir string){
		"the log is gone": func(dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "log")); err != nil {
				t.Fatal(err)
			}
		},
		"its end is torn": func(dir string) {
			path := newest(t, filepath.Join(dir, "log"), "")
			info, err := os.Stat(path)
			if err == nil {
				err = os.Truncate(path, info.Size()-10)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"its last byte is flipped": func(dir string) { flip(t, newest(t, filepath.Join(dir, "log"), ""), 1) },
		"its middle is flipped":    func(dir string) { flip(t, newest(t, filepath.Join(dir, "log"), ""), 0.5) },
	} {
		dir := copyOf(t, data)
		damage(dir)
		a, err := openApp(readConfig(t, smallConfig, dir), zap.NewNop())
		if err == nil {
			t.Errorf("%s: the server starts, its log at %d and its state at %s", name, a.wal.Next(), a.engine.Applied())
			err = a.Close()
		}
		if err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: the refusal does not name the place: %v", name, err)
		}
	}
}
