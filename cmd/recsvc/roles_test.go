package main

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inRole is attributesOnly with a role and a directory for what is published.
func inRole(role, dir string) string {
	return attributesOnly + "\nrole: " + role + "\npublish: {directory: " + dir + ", every: 100ms, keep: 2}\n"
}

// pair is a trainer and a server that get the same events.
type pair struct {
	t               *testing.T
	trainer, server *inProcess
}

func (p pair) learn(item string, times int) {
	p.t.Helper()
	for range times {
		for _, s := range []*inProcess{p.trainer, p.server} {
			s.after(s.events(fields{"type": "exposure", "user": "u1", "item": item}, fields{"type": "click", "user": "u1", "item": item}))
		}
	}
}

// same waits until the server scores as the trainer does, and returns the scores.
func (p pair) same(items ...string) map[string]float64 {
	p.t.Helper()
	want := p.trainer.scores("u1", items...)
	p.server.await("the published weights", func() bool { return maps.Equal(p.server.scores("u1", items...), want) })
	return want
}

func TestAServerServesByWhatATrainerPublishes(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	p := pair{t, startServer(t, inRole("trainer", dir), t.TempDir()), startServer(t, inRole("server", dir), data)}
	for _, s := range []*inProcess{p.trainer, p.server} {
		s.after(s.write("/v1/items", catalogue(5)))
	}
	items := []string{"a0", "a1", "b0"}
	p.learn("a0", 5)
	first := p.same(items...)
	p.learn("b0", 5)
	if second := p.same(items...); maps.Equal(first, second) {
		t.Error("what is published does not change")
	}

	status := p.server.status()
	if m := status.Models[0]; m.Role != roleChampion || m.Version != p.trainer.status().Models[0].Version || m.Weights == 0 || m.Heads["click"].N == 0 {
		t.Errorf("the server says of its model: %+v", m)
	}
	if l := p.server.recommend("user=u1", "n=1"); l.Model != status.Models[0].Version || len(l.Degraded) != 0 {
		t.Errorf("a list by %s, degraded %v", l.Model, l.Degraded)
	}
	p.server.want(http.StatusServiceUnavailable, nil, "POST", "/admin/v1/snapshots", "{}") // it has nothing of its own
	if kept, err := filepath.Glob(filepath.Join(dir, "*.snapshot")); err != nil || len(kept) > 2 {
		t.Errorf("%d versions are kept, %v", len(kept), err)
	}

	p.trainer.stop()
	want := p.server.scores("u1", items...)
	p.server.stop()
	p.server = startServer(t, inRole("server", dir), data)
	if got := p.server.scores("u1", items...); !maps.Equal(got, want) {
		t.Errorf("after a restart %v, before %v", got, want)
	}
	p.server.stop()

	alone := startServer(t, attributesOnly, data) // learns anew what it was only a server of
	if got := alone.status().head("click"); got.Positives != 10 {
		t.Errorf("%+v", got)
	}
	alone.stop()
}

func TestAServerWithoutWeightsAnswersAndSaysSo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not there yet")
	s := startServer(t, inRole("server", dir), t.TempDir())
	s.after(s.write("/v1/items", catalogue(3)))
	l := s.recommend("user=u1", "n=3")
	if len(l.Items) == 0 || !slices.Contains(l.Degraded, "model") {
		t.Errorf("%d items, degraded %v", len(l.Items), l.Degraded)
	}
	if len(s.status().Models) != 0 {
		t.Error("it has models")
	}
	s.stop()
}

func TestAVersionThatCannotBeUsedLeavesTheOneBefore(t *testing.T) {
	dir := t.TempDir()
	p := pair{t, startServer(t, inRole("trainer", dir), t.TempDir()), startServer(t, inRole("server", dir), t.TempDir())}
	for _, s := range []*inProcess{p.trainer, p.server} {
		s.after(s.write("/v1/items", catalogue(5)))
	}
	p.learn("a0", 3)
	want := p.same("a0", "b0")
	p.trainer.stop()

	newest := newestVersion(t, dir)
	content, err := os.ReadFile(newest + ".snapshot")
	if err != nil {
		t.Fatal(err)
	}
	description, err := os.ReadFile(newest + ".json")
	if err != nil {
		t.Fatal(err)
	}
	id := filepath.Base(newest)
	content[len(content)/2] ^= 1
	later := strings.ReplaceAll(string(description), id, "later")
	later = strings.Replace(later, `"created": "2`, `"created": "3`, 1)
	for name, b := range map[string][]byte{"later.snapshot": content, "later.json": []byte(later)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.server.await("the refusal", func() bool { return p.server.metric("recsvc_publish_load_failures_total", "") > 0 })
	if got := p.server.scores("u1", "a0", "b0"); !maps.Equal(got, want) {
		t.Errorf("scores %v, before %v", got, want)
	}
	p.server.stop()
}

// newestVersion is the path of a published version without its suffix.
func newestVersion(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return strings.TrimSuffix(slices.Max(names), ".json") // ids begin with the time
}
