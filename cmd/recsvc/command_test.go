package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"recsvc/configs"
)

func TestEveryCommandExplainsItself(t *testing.T) {
	for _, c := range commands() {
		for _, h := range []string{"-h", "-help", "--help"} {
			_, text, err := call(t, c.name, h)
			if !errors.Is(err, flag.ErrHelp) {
				t.Errorf("%s %s: %v", c.name, h, err)
			}
			if !strings.Contains(text, "Usage: recsvc "+c.name) || len(text) < 80 {
				t.Errorf("%s %s says %q", c.name, h, text)
			}
			if strings.Contains(c.args, "-config") && !strings.Contains(text, "-config FILE") {
				t.Errorf("%s %s does not explain -config: %q", c.name, h, text)
			}
		}
		if _, text, err := call(t, c.name, "-no-such-flag"); !errors.Is(err, errUsage) || !strings.Contains(text, "no-such-flag") {
			t.Errorf("%s with an unknown flag: %v, %q", c.name, err, text)
		}
	}
	out, _, err := call(t, "help")
	if err != nil {
		t.Error(err)
	}
	for _, c := range commands() {
		if !strings.Contains(out, "  "+c.name+" ") {
			t.Errorf("help does not name %s:\n%s", c.name, out)
		}
	}
}

func TestAWrongCommandLineIsToldSo(t *testing.T) {
	for _, args := range [][]string{{}, {"sevre"}, {"replay"}, {"check"}, {"serve", "extra"}, {"version", "extra"}, {"replay", "-items", "x"}} {
		out, text, err := call(t, args...)
		if !errors.Is(err, errUsage) || len(out)+len(text) == 0 {
			t.Errorf("%v: %v, and says %q", args, err, out+text)
		}
	}
}

func TestVersionTellsVersionCommitAndGo(t *testing.T) {
	out, _, err := call(t, "version")
	if err != nil || !regexp.MustCompile(`^recsvc \S+ commit \S+ go1\.\S+`).MatchString(out) {
		t.Errorf("%v, %q", err, out)
	}
}

func TestCheckNamesThePlaceOfEachMistake(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string // in this order: line:column, and what it is about
	}{
		{"an unknown key", "listen: 127.0.0.1:0\nlisten_to: x\n", []string{":2:1: ", "listen_to"}},
		{"a wrong type", "limits:\n  batch_records: many\n", []string{":2:18: ", "limits.batch_records"}},
		{"a value out of range", "horizon: 1s\n", []string{":1:10: ", "horizon"}},
		{"no YAML", "listen: [\n", []string{":1:", ""}},
		{"none", smallConfig, nil},
		{"a feature that cannot be compiled", strings.Replace(smallConfig, "slide: 30s", "slide: 7s", 1), []string{":19:84: ", "slide"}},
		{"a cross of what is not declared", strings.Replace(smallConfig, "inputs: [user, category]", "inputs: [user, mood]", 1), []string{":16:50: ", "mood"}},
		{"an unknown examination", strings.Replace(smallConfig, "alpha: 0.3}", "alpha: 0.3, examination: psychic}", 1), []string{":10:75: ", "psychic"}},
		{"a watched feature that is none", smallConfig + "health: {drift: {features: [mood]}}\n", []string{": ", "health.drift.features[0]", "mood"}},
		{"an unknown recall channel", smallConfig + "    detail: {channels: [{name: luck}]}\n", []string{":24:32: ", "luck"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := writeConfig(t, tc.text)
			out, _, err := call(t, "check", "-config", path)
			if tc.want == nil {
				if err != nil || !strings.Contains(out, "valid") {
					t.Errorf("%v, %q", err, out)
				}
				return
			}
			if err == nil {
				t.Fatalf("no mistake was found: %q", out)
			}
			rest := err.Error()
			for _, w := range append([]string{path}, tc.want...) {
				_, after, ok := strings.Cut(rest, w)
				if !ok {
					t.Fatalf("%q does not say %q", err, w)
				}
				rest = after
			}
		})
	}
	if _, _, err := call(t, "check", "-config", "none.yaml"); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestAllMistakesAreNamedAtOnce(t *testing.T) {
	_, _, err := call(t, "check", "-config", writeConfig(t, "seed: x\nmax_future: soon\nlog_level: [1]\n"))
	if err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("%v", err)
	}
}

func TestTheShippedConfigurationsAreValid(t *testing.T) {
	for _, name := range []string{"default", "kuairand", "trivago"} {
		if _, _, err := call(t, "check", "-config", "../../configs/"+name+".yaml"); err != nil {
			t.Error(err)
		}
	}
	if len(configs.Default) == 0 {
		t.Error("nothing is built in")
	}
}

func TestServeRefusesToBeOpenToAll(t *testing.T) {
	data := t.TempDir()
	_, _, err := call(t, "serve", "-listen", "0.0.0.0:0", "-data", data)
	if err == nil || !strings.Contains(err.Error(), "key") {
		t.Errorf("without keys on all addresses: %v", err)
	}
}

func TestFlagsWinOverEnvironmentAndFile(t *testing.T) {
	t.Setenv("RECSVC_LOG_LEVEL", "warn")
	t.Setenv("RECSVC_DATA", "/nowhere")
	path := writeConfig(t, smallConfig+"log_level: debug\ndata: /elsewhere\n")
	c, err := loadConfig(path, map[string]string{"data": "here"})
	if err != nil {
		t.Fatal(err)
	}
	if c.LogLevel != "warn" || c.Data != "here" || c.Listen != "127.0.0.1:0" {
		t.Errorf("log level %q, data %q, listen %q", c.LogLevel, c.Data, c.Listen)
	}
}

// A stop is a stop: what was taken in is applied and in the last checkpoint.
func TestServePrintsThatItIsReadyAndEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	data := t.TempDir()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "-config", writeConfig(t, smallConfig), "-data", data}, stdio{in, io.Discard})
	}()
	line := make([]byte, 200)
	n, err := out.Read(line)
	url, ok := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "ready ")
	if err != nil || !ok {
		t.Fatalf("%v, it printed %q", err, line[:n])
	}
	c := newClient(t, url)
	c.want(200, nil, "GET", "/readyz", "")
	c.write("/v1/items", `{"item":"i1"}`)
	c.http.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	digestOf(t, smallConfig, data)
	if text, err := os.ReadFile(data + "/" + marker); err != nil || string(text) != markerText {
		t.Errorf("the directory's marker: %q, %v", text, err)
	}
}

// A disk that is mounted for the data alone has a directory of its own.
func TestAFreshDiskIsTakenForAnEmptyDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := prepareData(dir); err != nil {
		t.Error(err)
	}
}

// The marker is the first file that is written, and a power cut may keep its name without its content.
func TestATornMarkerIsWrittenAgain(t *testing.T) {
	for _, torn := range []string{"", markerText[:10]} {
		dir := t.TempDir()
		startServer(t, smallConfig, dir).stop()
		path := filepath.Join(dir, marker)
		if err := os.WriteFile(path, []byte(torn), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := prepareData(dir); err != nil {
			t.Errorf("%q: %v", torn, err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != markerText {
			t.Errorf("%q: it is %q, %v", torn, text, err)
		}
	}
}
