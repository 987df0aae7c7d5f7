package arrows

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const (
	module = "recsvc"
	all    = "*"
)

// rooms says what each room may import of ours, directly and outside tests. Packages below a room belong to it.
var rooms = map[string][]string{
	"cmd":                 {all},
	"configs":             nil,
	"deploy":              nil,
	"internal/arrows":     nil,
	"internal/crash":      {all},                                                                                                                                                                         // tests alone
	"internal/tools":      {"internal/event", "internal/dirty", "internal/state", "internal/features", "internal/config", "internal/synthetic", "internal/drift", "internal/model", "internal/feedback"}, // to measure what is inside, and to write it down
	"internal/config":     nil,
	"internal/event":      nil,
	"internal/dirty":      nil,
	"internal/prints":     nil,
	"internal/lexical":    nil,
	"internal/drift":      nil,
	"internal/crosses":    nil,
	"internal/synthetic":  nil,
	"internal/model":      {"internal/dirty", "internal/validation"},
	"internal/validation": {"internal/dirty"},
	"internal/vault":      nil,
	"internal/outbox":     nil,
	"internal/snapshot":   nil,
	"internal/wal":        {"internal/event"},
	"internal/state":      {"internal/event", "internal/dirty"},
	"internal/archive":    {"internal/event"},
	"internal/ingest":     {"internal/event", "internal/wal", "internal/dirty", "internal/prints", "internal/archive"},
	"internal/sql":        {"internal/features"},
	"internal/features":   {"internal/event", "internal/dirty", "internal/expression", "internal/lexical"},
	"internal/feedback":   {"internal/event", "internal/dirty", "internal/prints"},
	"internal/engine": {
		"internal/event", "internal/state", "internal/ingest", "internal/features", "internal/feedback", "internal/model",
		"internal/dirty", "internal/drift", "internal/validation", "internal/snapshot", "internal/examination",
	},
	"internal/examination": {"internal/dirty"},
	"internal/eval":        {"internal/event", "internal/feedback", "internal/engine", "internal/validation"},
	"internal/autofeature": {"internal/event", "internal/lexical"},
	"internal/parity":      {"internal/event", "internal/features", "internal/feedback"},
	"internal/train":       {"internal/event", "internal/feedback", "internal/model"},
	"internal/ope":         {"internal/event", "internal/features", "internal/feedback"},
	"internal/export":      {"internal/event", "internal/features", "internal/feedback"},
	"internal/expression":  {"internal/event"},
	"internal/score":       {"internal/event", "internal/expression"},
	"internal/rank":        {"internal/event", "internal/features", "internal/model", "internal/expression"},
	"internal/api": {
		"internal/event", "internal/ingest", "internal/state", "internal/features", "internal/model", "internal/engine",
		"internal/rank",
	},
}

// pure rooms are given time, randomness and data. They do no I/O.
var pure = []string{
	"internal/event", "internal/dirty", "internal/prints", "internal/features", "internal/feedback", "internal/model", "internal/validation", "internal/rank",
	"internal/expression", "internal/score", "internal/lexical", "internal/autofeature", "internal/drift", "internal/synthetic", "internal/crosses", "internal/ope", "internal/train", "internal/examination",
}

// outside lists what a pure room may not import: files, the network, other processes, unseeded randomness.
var outside = []string{"os", "net", "net/http", "os/exec", "io/ioutil", "syscall", "crypto/rand", "log", "database/sql"}

// excused files of pure rooms import something from outside all the same, for the reason given.
var excused = map[string]string{
	"internal/model/huge_linux.go": "asks the kernel for huge pages: memory, not I/O",
	"internal/rank/rank.go":        "draws the seed of exploration when none is configured; what was shown is in the log",
}

type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func TestRoomsImportOnlyWhatTheTableAllows(t *testing.T) {
	for _, p := range packages(t) {
		room := roomOf(p.ImportPath)
		allowed, known := rooms[room]
		if !known {
			t.Errorf("%s belongs to no room of the table", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			to = roomOf(module + "/" + to)
			if to != room && !slices.Contains(allowed, to) && !slices.Contains(allowed, all) {
				t.Errorf("%s imports %s: %s may import of ours only %v", p.ImportPath, imported, room, allowed)
			}
		}
	}
}

func TestPureRoomsDoNoIO(t *testing.T) {
	unused := maps.Clone(excused)
	for _, p := range packages(t) {
		if !slices.Contains(pure, roomOf(p.ImportPath)) {
			continue
		}
		for _, name := range p.GoFiles {
			file := strings.TrimPrefix(p.ImportPath, module+"/") + "/" + name
			found := importsFromOutside(t, filepath.Join(p.Dir, name))
			if len(found) > 0 && excused[file] == "" {
				t.Errorf("%s imports %v: this room is given its time, randomness and data", file, found)
			}
			if len(found) > 0 {
				delete(unused, file)
			}
		}
	}
	if runtime.GOOS == "linux" && len(unused) > 0 {
		t.Errorf("these files need no excuse any more: %v", unused)
	}
}

// importsFromOutside returns what a source file imports that a pure room may not.
func importsFromOutside(t *testing.T, path string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, spec := range parsed.Imports {
		if name := strings.Trim(spec.Path.Value, `"`); slices.Contains(outside, name) {
			found = append(found, name)
		}
	}
	return found
}

// roomOf returns the first element of a package's path within the module, and for internal the second too.
func roomOf(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, module+"/"), "/")
	if parts[0] == "internal" && len(parts) > 1 {
		return "internal/" + parts[1]
	}
	return parts[0]
}

// packages asks the go command for every package of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		list = append(list, p)
	}
	if len(list) < 2 {
		t.Fatalf("go list found %d packages", len(list))
	}
	return list
}
