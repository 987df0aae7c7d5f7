package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/ingest"
	"recsvc/internal/snapshot"
)

// crashConfig is a server that takes a checkpoint ten times a second, of a log in small segments. Clicks are waited for half a day, so
// that much is pending at once.
var crashConfig = strings.Replace(smallConfig, "positive: [{type: click}], ", "positive: [{type: click}], window: 12h, ", 1) + `
checkpoint: {interval: 100ms, min_pause: 10ms}
log: {segment_bytes: 1MiB}
memory: {budget: 128MiB}
`

// How the processes of the battery fold and evict; see tuned.
const (
	foldsOften = tuned + "=3 0"
	thinMemory = tuned + "=3 2097152" // 2 MiB: most users and pending impressions have no room
)

// slice is how much of the demo's real traffic a test takes.
type slice struct{ items, users, events int }

// log writes the slice to the log that the configuration names: the catalogue, the users and the first events. The last record is a
// tick behind which nothing is pending, so that a server that has applied all of it has no reason to write another. It leaves no
// state, and returns the cursor behind all that.
func (s slice) log(t *testing.T, text, data string) (end string) {
	t.Helper()
	if err := prepareData(data); err != nil {
		t.Fatal(err)
	}
	a, err := openApp(readConfig(t, text, data), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	files, err := ingest.NewFiles(a.validator, ingest.FilesOptions{
		Items: firstLines(t, "items", s.items), Users: firstLines(t, "users", s.users), Events: firstLines(t, "events", s.events),
		MaxRecordBytes: int(a.config.Limits.RecordBytes), Metrics: a.metrics,
	})
	records := 0
	if err == nil {
		src := &closing{source: files, after: a.engine.Longest() + a.config.Lateness}
		err = relay(t.Context(), ingest.Logged(src, a.sink), nil, func(b *ingest.Batch) error {
			records += len(b.Records)
			return nil
		})
	}
	if err := errors.Join(err, a.Close()); err != nil {
		t.Fatal(err)
	}
	removeAll(t, filepath.Join(data, stateName))
	return fmt.Sprintf("0-%d", records)
}

// firstLines unpacks the first lines of one of the demo's files.
func firstLines(t *testing.T, name string, n int) (paths []string) {
	t.Helper()
	in, err := demoData.Open("demodata/" + name + ".jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	zip, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for lines := bufio.NewScanner(zip); n > 0 && lines.Scan(); n-- {
		out.Write(append(lines.Bytes(), '\n'))
	}
	path := filepath.Join(t.TempDir(), name+".jsonl")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{path}
}

// life is one process of a server, from its start to its end.
type life struct {
	t      *testing.T
	cmd    *exec.Cmd
	up     chan string // gets the URL when the server has applied its log; closed when there is no more output
	url    string      // once it is known
	stderr bytes.Buffer
}

// begin starts a server with a configuration file and further environment, and does not wait for it.
func begin(t *testing.T, file, data string, env ...string) *life {
	t.Helper()
	l := &life{t: t, cmd: exec.Command(os.Args[0], "serve", "-config", file, "-data", data), up: make(chan string, 1)}
	l.cmd.Env = append(append(os.Environ(), asServer+"=1", "GORACE=atexit_sleep_ms=0"), env...)
	l.cmd.Stderr = &l.stderr
	out, err := l.cmd.StdoutPipe()
	if err == nil {
		err = l.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(l.up)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				l.up <- url
			}
		}
	}()
	return l
}

// within reports whether the server was ready before so much time has passed. One that ended by itself fails the test.
func (l *life) within(d time.Duration) bool {
	l.t.Helper()
	select {
	case url, ok := <-l.up:
		if !ok {
			l.t.Fatalf("the server ended before it was ready: %v: %s", l.cmd.Wait(), l.said())
		}
		l.url = url
		return true
	case <-time.After(d):
		return false
	}
}

// await waits until the server is ready.
func (l *life) await() {
	l.t.Helper()
	if l.url == "" && !l.within(10*patience) {
		l.kill()
		l.t.Fatalf("the server does not become ready: %s", l.said())
	}
}

// starts waits until the server is ready, or has ended by itself.
func (l *life) starts() bool {
	l.t.Helper()
	select {
	case url, ok := <-l.up:
		l.url = url
		if !ok {
			_ = l.cmd.Wait() // see ProcessState
		}
		return ok
	case <-time.After(10 * patience):
		l.kill()
		l.t.Fatalf("the server does not become ready: %s", l.said())
		return false
	}
}

// ended reports whether a server that was ready has ended by itself.
func (l *life) ended() bool {
	select {
	case <-l.up:
		_ = l.cmd.Wait()
		return true
	default:
		return false
	}
}

// refusal is the error with which a server has ended by itself. It must be one, and not a crash.
func (l *life) refusal() string {
	l.t.Helper()
	text := l.stderr.String()
	at := strings.LastIndex(text, "recsvc: ")
	if code := l.cmd.ProcessState.ExitCode(); code != 1 || at < 0 {
		l.t.Errorf("exit status %d, want 1 and an error: %s", code, l.said())
		return ""
	}
	return text[at:]
}

// kill ends the process in the middle of whatever it does.
func (l *life) kill() {
	l.t.Helper()
	if err := l.cmd.Process.Kill(); err != nil {
		l.t.Error(err)
	}
	for range l.up { // nobody reads its output any more
	}
	_ = l.cmd.Wait() // "signal: killed"
}

// end lets the process end in order, and returns how it did.
func (l *life) end() error {
	l.t.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		l.t.Error(err)
	}
	for range l.up {
	}
	return l.cmd.Wait()
}

// said is the end of what it wrote to its standard error.
func (l *life) said() string { return tail(l.stderr.String(), 4000) }

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// outcome is what a log has led to. Two servers that have applied the same records have the same, bit for bit.
type outcome struct {
	Digest  string // of the last checkpoint: all entries of the state
	Counts  api.Counts
	Heads   map[string]api.HeadMetrics
	Weights string // SHA-256 of all weights
}

// String is for comparisons: equal texts are equal bits.
func (o outcome) String() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// weightSum takes a snapshot and returns the SHA-256 of its pages.
func (c *client) weightSum() string {
	c.t.Helper()
	var made api.Snapshot
	c.want(http.StatusCreated, &made, "POST", "/admin/v1/snapshots", "{}")
	_, content := c.do("GET", "/admin/v1/snapshots/"+made.ID+"/content", "")
	in, err := snapshot.NewReader(bytes.NewReader(content))
	if err != nil {
		c.t.Fatal(err)
	}
	sum := sha256.New()
	if err := in.Pages(func(key, value []byte) (bool, error) {
		sum.Write(key)
		sum.Write(value)
		return true, nil
	}); err != nil {
		c.t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// judge takes the outcome of a server that has applied its log up to the cursor, ends it, and reads all of its directory as the scrub does.
func (l *life) judge(data, cursor string) (o outcome) {
	l.t.Helper()
	l.await()
	c := newClient(l.t, l.url)
	c.after(cursor)
	c.wantLaws()
	status := c.status()
	if status.Cursor != cursor {
		l.t.Errorf("applied %s, the log was written up to %s", status.Cursor, cursor)
	}
	o = outcome{Counts: status.Counts, Heads: status.Models[0].Heads, Weights: c.weightSum()}
	c.http.CloseIdleConnections()
	if err := l.end(); err != nil {
		l.t.Fatalf("%v: %s", err, l.said())
	}
	r := verifyProcess(l.t, data)
	if !r.Whole {
		l.t.Errorf("not whole: %+v", r)
	}
	o.Digest = r.digest()
	return o
}

// wantLaws asserts that what came in is accounted for.
func (c *client) wantLaws() {
	c.t.Helper()
	if n := c.metric("recsvc_law_violated", ""); n != 0 {
		c.t.Errorf("%v conservation laws are violated", n)
	}
}

// digest is that of the last checkpoint, if the state is whole.
func (r verified) digest() string {
	for _, check := range r.Checks {
		if _, digest, ok := strings.Cut(check.Detail, ", digest "); ok && check.Name == "state" && check.Whole {
			return digest
		}
	}
	return "none"
}

// verifyProcess is verifyDir for tests that run beside each other.
func verifyProcess(t *testing.T, dir string) (r verified) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "verify", "-data", dir, "-json")
	cmd.Env = append(os.Environ(), asServer+"=1", "GORACE=atexit_sleep_ms=0")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || json.Unmarshal(out, &r) != nil || r.Whole != (err == nil) {
		t.Errorf("verify: %v: %s %s", err, out, said.String())
	}
	return r
}
