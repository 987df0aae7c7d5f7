package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"recsvc/internal/api"
	"recsvc/internal/config"
)

// smallConfig is a server whose model fits a test, that draws nothing at random and shows what it learns at once.
const smallConfig = `
listen: 127.0.0.1:0
seed: 1
request_deadline: 30s
limits: {free_bytes: 1MiB}
models:
  - name: ctr
    bits: 14
    heads:
      - {name: click, positive: [{type: click}], alpha: 0.3}
      - {name: long_dwell, positive: [{type: long_view}, {type: dwell, min: 30}], alpha: 0.3}
features:
  - {name: user, kind: attribute, field: user.id}
  - {name: item, kind: attribute, field: item.id}
  - {name: category, kind: attribute, field: "item.categories[0]"}
  - {name: user_x_category, kind: cross, inputs: [user, category]}
  - {name: user_category_ctr, kind: rate, scope: [user, "item.categories[0]"], of: click, over: exposure, prior: {strength: 4}, as: log_odds}
  - {name: item_ctr_1h, kind: rate, scope: item, of: click, over: exposure, half_life: 1h, prior: {strength: 10}, as: log_odds}
  - {name: user_clicks_5m, kind: count, scope: user, on: click, window: 5m, slide: 30s, as: log}
  - {name: user_last, kind: last_k, scope: user, on: exposure, outcomes: [click], n: 4, as: outcomes}
rank:
  scenes:
    default: {epsilon: 0, budget: 20s}
`

// patience is how long a test waits for what must happen. Nothing is measured by it.
const patience = 60 * time.Second

// writeConfig writes a configuration to a file of its own.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recsvc.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readConfig(t *testing.T, text, data string) *config.Config {
	t.Helper()
	c, err := loadConfig(writeConfig(t, text), map[string]string{"data": data})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// client talks to one server.
type client struct {
	t    *testing.T
	url  string
	http *http.Client
}

func newClient(t *testing.T, url string) *client {
	c := &client{t: t, url: url, http: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// do sends a request and returns the answer's status and body.
func (c *client) do(method, path, body string, header ...string) (int, []byte) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	r, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.StatusCode, b
}

// get decodes the answer of a GET, or of another method with a body, that must have the wanted status.
func (c *client) want(status int, into any, method, path, body string) {
	c.t.Helper()
	got, b := c.do(method, path, body)
	if got != status {
		c.t.Fatalf("%s %s %s: %d, want %d: %s", method, path, body, got, status, b)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(b, into); err != nil {
		c.t.Fatalf("%s %s: %v in %s", method, path, err, b)
	}
}

// write posts records that must all be taken, and returns the cursor behind them.
func (c *client) write(path, body string) string {
	c.t.Helper()
	var a api.WriteAnswer
	c.want(http.StatusAccepted, &a, "POST", path, body)
	if len(a.Rejected) > 0 || a.Accepted == 0 {
		c.t.Fatalf("POST %s: %+v", path, a)
	}
	return a.Cursor
}

// events posts events given as maps.
func (c *client) events(list ...fields) string {
	c.t.Helper()
	return c.write("/v1/events", list2json(list))
}

// fields is one record on the wire.
type fields map[string]any

func list2json(list []fields) string {
	b, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// recommend asks for a list; the query is given as name, value pairs.
func (c *client) recommend(query ...string) api.List {
	c.t.Helper()
	v := url.Values{}
	for i := 0; i < len(query); i += 2 {
		v.Set(query[i], query[i+1])
	}
	var l api.List
	c.want(http.StatusOK, &l, "GET", "/v1/recommendations?"+v.Encode(), "")
	return l
}

// after waits until the state includes the cursor.
func (c *client) after(cursor string) {
	c.t.Helper()
	c.recommend("after", cursor, "dry_run", "true", "n", "1")
}

// scores ranks candidates for a user and returns the score of each. Nothing is logged.
func (c *client) scores(user string, items ...string) map[string]float64 {
	c.t.Helper()
	var candidates []fields
	for _, id := range items {
		candidates = append(candidates, fields{"item": id})
	}
	body, err := json.Marshal(fields{"user": user, "candidates": candidates, "n": len(items), "dry_run": true})
	if err != nil {
		c.t.Fatal(err)
	}
	var l api.List
	c.want(http.StatusOK, &l, "POST", "/v1/rank", string(body))
	out := map[string]float64{}
	for _, it := range l.Items {
		out[it.Item] = it.Score
	}
	if len(out) != len(items) {
		c.t.Fatalf("scores of %d items, want %d", len(out), len(items))
	}
	return out
}

// serverStatus is the part of /admin/v1/status that tests look at.
type serverStatus struct {
	Cursor     string     `json:"cursor"`
	Watermark  *time.Time `json:"watermark"`
	LagRecords int64      `json:"lag_records"`
	Checkpoint struct {
		Epoch uint64 `json:"epoch"`
	} `json:"checkpoint"`
	Counts api.Counts        `json:"counts"`
	Models []api.ModelStatus `json:"models"`
	Source []api.Source      `json:"sources"`
}

func (s serverStatus) head(name string) api.HeadMetrics { return s.Models[0].Heads[name] }

func (c *client) status() (s serverStatus) {
	c.t.Helper()
	c.want(http.StatusOK, &s, "GET", "/admin/v1/status", "")
	if n := s.Counts.Applied + s.Counts.Duplicate + s.Counts.Late + s.Counts.DeadLettered; n != s.Counts.Received {
		c.t.Errorf("received %d, but %+v", s.Counts.Received, s.Counts)
	}
	return s
}

// live returns the counters of an item.
func (c *client) live(item string) map[string]float64 {
	c.t.Helper()
	var view struct {
		Live map[string]float64 `json:"live"`
	}
	c.want(http.StatusOK, &view, "GET", "/v1/items/"+item, "")
	return view.Live
}

// metric sums the samples of a family whose labels contain the text.
func (c *client) metric(family, label string) (sum float64) {
	c.t.Helper()
	_, b := c.do("GET", "/metrics", "")
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if base, _, _ := strings.Cut(name, "{"); base != family || !strings.Contains(name, label) {
			continue
		}
		var x float64
		if _, err := fmt.Sscan(rest, &x); err != nil {
			c.t.Fatal(err)
		}
		sum += x
	}
	return sum
}

// inProcess is a server inside the test.
type inProcess struct {
	*client
	server *server
	logs   *observer.ObservedLogs
	cancel context.CancelFunc
	ended  chan error
	once   sync.Once
}

// startServer runs a server on a data directory until stop, or the end of the test. It returns when the server is ready.
func startServer(t *testing.T, text, data string) *inProcess {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	if err := prepareData(data); err != nil {
		t.Fatal(err)
	}
	s, err := openServer(readConfig(t, text, data), zap.New(core), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &inProcess{server: s, logs: logs, cancel: cancel, ended: make(chan error, 1)}
	t.Cleanup(p.stop)
	ready := make(chan string, 1)
	go func() {
		p.ended <- s.run(ctx, func(_ context.Context, url string) error {
			ready <- url
			return nil
		})
	}()
	select {
	case url := <-ready:
		p.client = newClient(t, url)
	case err := <-p.ended:
		p.ended <- err
		t.Fatalf("the server ended before it was ready: %v", err)
	case <-time.After(patience):
		t.Fatal("the server did not become ready")
	}
	return p
}

// stop ends the server well. A second stop does nothing.
func (p *inProcess) stop() {
	p.once.Do(func() {
		p.cancel()
		if err := <-p.ended; err != nil && p.client != nil {
			p.client.t.Errorf("the server ended with %v", err)
		}
		if p.client != nil {
			p.client.http.CloseIdleConnections()
		}
	})
}

// catalogue is 2n items, half of them of category a and half of b.
func catalogue(n int) string {
	var items []fields
	for i := range n {
		for _, c := range []string{"a", "b"} {
			items = append(items, fields{"item": fmt.Sprintf("%s%d", c, i), "categories": []string{c}, "created": "2026-01-01T00:00:00Z"})
		}
	}
	return list2json(items)
}

// digestOf is the digest of the last checkpoint of a data directory that nobody serves.
func digestOf(t *testing.T, text, data string) string {
	t.Helper()
	return inDirectory(t, text, data, nil)
}

// relearned is the digest that the log of a data directory leads to, learned from the beginning in one go.
func relearned(t *testing.T, text, data string) string {
	t.Helper()
	return anew(t, text, data, func(a *app) error { return a.engine.Run(t.Context(), a.backlog()) })
}

// anew is inDirectory with a copy of a data directory that lacks its state.
func anew(t *testing.T, text, data string, fn func(a *app) error) (digest string) {
	t.Helper()
	copyDir := t.TempDir()
	for _, part := range []string{"log", "snapshots"} {
		if err := os.CopyFS(filepath.Join(copyDir, part), os.DirFS(filepath.Join(data, part))); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return inDirectory(t, text, copyDir, fn)
}

func inDirectory(t *testing.T, text, data string, fn func(a *app) error) (digest string) {
	t.Helper()
	a, err := openApp(readConfig(t, text, data), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if fn != nil {
		err = fn(a)
	}
	c, ok := a.engine.LastCheckpoint()
	if !ok {
		t.Error("there is no checkpoint")
	}
	if end := a.wal.Next(); c.Cursor.Offset(0) != end {
		t.Errorf("the last checkpoint is of %s, the log ends at %d", c.Cursor, end)
	}
	if err := errors.Join(err, a.Close()); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%016x%016x", c.Digest.Hi, c.Digest.Lo)
}

// call runs one command to its end and returns what it has written.
func call(t *testing.T, args ...string) (out, errs string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	err = run(t.Context(), args, stdio{&o, &e})
	return o.String(), e.String(), err
}

func itemsOf(l api.List) (ids []string) {
	for _, it := range l.Items {
		ids = append(ids, it.Item)
	}
	return ids
}
