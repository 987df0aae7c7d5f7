package arrows

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
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
	"cmd":               {all},
	"configs":           nil,
	"deploy":            nil,
	"internal/arrows":   nil,
	"internal/tools":    nil,
	"internal/config":   nil,
	"internal/event":    nil,
	"internal/dirty":    nil,
	"internal/model":    {"internal/dirty"},
	"internal/wal":      {"internal/event"},
	"internal/state":    {"internal/event", "internal/dirty"},
	"internal/ingest":   {"internal/event", "internal/wal", "internal/dirty"},
	"internal/features": {"internal/event", "internal/dirty"},
	"internal/feedback": {"internal/event", "internal/dirty"},
	"internal/engine": {
		"internal/event", "internal/state", "internal/ingest", "internal/features", "internal/feedback", "internal/model",
		"internal/dirty",
	},
	"internal/rank": {"internal/event", "internal/features", "internal/model"},
	"internal/api": {
		"internal/event", "internal/ingest", "internal/state", "internal/features", "internal/model", "internal/engine",
		"internal/rank",
	},
}

// pure rooms are given time, randomness and data. They do no I/O.
var pure = []string{
	"internal/event", "internal/dirty", "internal/features", "internal/feedback", "internal/model", "internal/rank",
}

// outside lists what a pure room may not import: files, the network, other processes, unseeded randomness.
var outside = []string{"os", "net", "net/http", "os/exec", "io/ioutil", "syscall", "crypto/rand", "log", "database/sql"}

type pkg struct {
	ImportPath string
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
	for _, p := range packages(t) {
		if !slices.Contains(pure, roomOf(p.ImportPath)) {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(outside, imported) {
				t.Errorf("%s imports %s: this room is given its time, randomness and data", p.ImportPath, imported)
			}
		}
	}
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
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
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
