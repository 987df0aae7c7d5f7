package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"recsvc/internal/outbox"
)

const hookSecret = "a secret of sixteen"

// webhook is a receiver; it takes note of the ids that it was sent.
type webhook struct {
	*httptest.Server
	mu      sync.Mutex
	changed *sync.Cond
	times   map[string]int    // by id
	users   map[string]string // of the match, by id
	wrong   []string
	fails   bool
}

func newWebhook(t *testing.T) *webhook {
	t.Setenv("HOOK_SECRET", hookSecret)
	w := &webhook{times: map[string]int{}, users: map[string]string{}}
	w.changed = sync.NewCond(&w.mu)
	w.Server = httptest.NewServer(http.HandlerFunc(w.take))
	t.Cleanup(w.Close)
	return w
}

func (w *webhook) take(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var m struct {
		ID, Pattern string
		Event       struct{ Type, User string }
		Steps       map[string]struct{ Type, Item string }
	}
	err := json.Unmarshal(body, &m)
	var seconds int64
	_, _ = fmt.Sscanf(r.Header.Get(outbox.HeaderSignature), "t=%d,", &seconds)
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.changed.Broadcast()
	if err != nil || m.ID != r.Header.Get(outbox.HeaderID) || m.Pattern != "twice" || m.Event.Type != "click" || m.Steps["look"].Type != "view" ||
		r.Header.Get(outbox.HeaderSignature) != outbox.Sign([]byte(hookSecret), body, time.Unix(seconds, 0)) {
		w.wrong = append(w.wrong, fmt.Sprintf("%v: %v %s", err, r.Header, body))
	}
	if w.fails {
		http.Error(out, "not now", http.StatusInternalServerError)
		return
	}
	w.times[m.ID]++
	w.users[m.ID] = m.Event.User
}

// await returns when so many different matches have arrived.
func (w *webhook) await(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.times) < n {
		w.changed.Wait()
	}
}

func (w *webhook) config() string {
	return smallConfig + `
checkpoint: {interval: 100ms}
patterns:
  - name: twice
    scope: user
    within: 1h
    steps:
      - {name: look, on: view}
      - {followed_by: click}
    emit:
      webhook: {url: "` + w.URL + `", secret_env: HOOK_SECRET}
`
}

// match are the events of one match of a user.
func match(user string) string {
	return fmt.Sprintf(`[{"type":"view","user":%[1]q,"item":"i1"},{"type":"click","user":%[1]q,"item":"i1"}]`, user)
}

func TestEveryMatchArrivesThoughTheServerIsKilled(t *testing.T) {
	w := newWebhook(t)
	k := &killing{t: t, args: []string{"serve", "-config", writeConfig(t, w.config()), "-data", t.TempDir()}}
	k.changed = sync.NewCond(&k.mu)
	k.client.Transport, k.client.Timeout = &http.Transport{}, patience
	defer k.client.CloseIdleConnections()
	k.process = spawn(t, k.args...)
	const lives, each = 4, 25
	for life := range lives {
		for i := range each {
			k.post("/v1/events", match(fmt.Sprintf("u%d-%d", life, i)))
		}
		w.await(life*each + 3 + life) // somewhere in the middle of the rest
		k.kill()
	}
	w.await(lives * each)
	c := newClient(t, k.process.url)
	c.eventually("recsvc_outbox_waiting", 0)
	c.http.CloseIdleConnections()
	k.client.CloseIdleConnections()
	if err := k.process.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = k.process.cmd.Wait()

	w.mu.Lock()
	defer w.mu.Unlock()
	users, again := map[string]int{}, 0
	for id, n := range w.times {
		users[w.users[id]]++
		again += n - 1
	}
	for user, n := range users {
		if n < 1 {
			t.Errorf("nothing arrived of %s", user)
		}
	}
	// A body that was posted when the server was killed may be in the log twice: then it matches twice.
	if len(users) != lives*each || len(w.wrong) > 0 {
		t.Errorf("matches of %d users arrived, want %d; wrong: %v", len(users), lives*each, w.wrong)
	}
	if again > lives*16 { // eight requests, and eight answers that the log was not told of yet
		t.Errorf("%d matches arrived again: more than were under way when the server was killed", again)
	}
	t.Logf("%d matches, %d of them sent again", len(w.times), again)
}

// eventually waits until the metric has the value.
func (c *client) eventually(family string, want float64) {
	c.t.Helper()
	for end := time.Now().Add(patience); c.metric(family, "") != want; {
		if time.Now().After(end) {
			c.t.Fatalf("%s is %v, want %v", family, c.metric(family, ""), want)
		}
	}
}

func TestWhatIsHistoryIsNotSent(t *testing.T) {
	w := newWebhook(t)
	data := t.TempDir()
	bare := w.config()[:strings.Index(w.config(), "patterns:")]

	s := startServer(t, bare, data)
	s.after(s.write("/v1/events", match("before")))
	s.stop()

	s = startServer(t, w.config(), data) // the pattern is new: what the log has is history
	s.eventually("recsvc_outbox_open", 1)
	s.after(s.write("/v1/events", match("live")))
	w.await(1)
	s.eventually("recsvc_outbox_waiting", 0)
	s.stop()

	// A replay into the same directory, a state made anew from the log, and a restart send nothing more.
	events := filepath.Join(t.TempDir(), "events.ndjson")
	text := strings.ReplaceAll(strings.Trim(match("replayed"), "[]"), "},{", "}\n{")
	text = strings.ReplaceAll(text, `"item"`, `"ts":"`+time.Now().UTC().Format(time.RFC3339)+`","item"`)
	if err := os.WriteFile(events, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, errs, err := call(t, "replay", "-config", writeConfig(t, w.config()), "-data", data, "-append", "-from", events); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	if err := os.RemoveAll(filepath.Join(data, "state")); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, w.config(), data)
	s.eventually("recsvc_outbox_open", 1)
	s.after(s.write("/v1/events", match("later")))
	w.await(2)
	s.eventually("recsvc_outbox_waiting", 0)
	s.stop()

	w.mu.Lock()
	defer w.mu.Unlock()
	got := map[string]int{}
	for id, n := range w.times {
		got[w.users[id]] += n
	}
	if fmt.Sprint(got) != "map[later:1 live:1]" || len(w.wrong) > 0 {
		t.Errorf("arrived: %v, want one of live and one of later; wrong: %v", got, w.wrong)
	}
}

func TestWhatWaitedInABackupIsNotSentAfterARestore(t *testing.T) {
	w := newWebhook(t)
	w.fails = true
	data := t.TempDir()
	s := startServer(t, w.config(), data)
	s.eventually("recsvc_outbox_open", 1)
	s.after(s.write("/v1/events", match("waiting")))
	s.eventually("recsvc_outbox_waiting", 1)
	status, content := s.do("POST", "/admin/v1/backup", "")
	s.stop()
	backup, restored := filepath.Join(t.TempDir(), "b.backup"), t.TempDir()
	if err := os.WriteFile(backup, content, 0o644); err != nil || status != http.StatusOK {
		t.Fatalf("backup: %d, %v", status, err)
	}
	if out, errs, err := call(t, "restore", "-from", backup, "-data", restored, "-config", writeConfig(t, w.config())); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	w.mu.Lock()
	w.fails = false
	w.mu.Unlock()
	s = startServer(t, w.config(), restored)
	s.eventually("recsvc_outbox_waiting", 0)
	s.after(s.write("/v1/events", match("live")))
	w.await(1)
	s.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, user := range w.users {
		if user != "live" {
			t.Errorf("%s of %s was sent", id, user)
		}
	}
	if _, err := os.Stat(filepath.Join(restored, outboxRestoredName)); err == nil {
		t.Errorf("%s is still there", outboxRestoredName)
	}
}
