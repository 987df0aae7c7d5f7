package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"recsvc/internal/api"
	"recsvc/internal/event"
)

// doctored is a server whose doctor looks when the test says so.
const doctored = `
listen: 127.0.0.1:0
seed: 1
request_deadline: 30s
limits: {free_bytes: 1MiB}
models:
  - name: ctr
    bits: 14
    heads: [{name: click, positive: [{type: click}], alpha: 0.3, window: 5s}]
  - name: next
    bits: 14
    heads: [{name: click, positive: [{type: click}], alpha: 0.3, window: 5s}]
features:
  - {name: item, kind: attribute, field: item.id}
  - {name: size, kind: attribute, field: item.size, as: number}
rank: {scenes: {default: {epsilon: 0, budget: 20s}}}
health:
  drift: {window: 300, sample: 1}
  quality: {min_outcomes: 200, min_positive: 20}
  autosave: {every: 1s, keep: 20}
  promotion: {min_outcomes: 500}
  check_every: 24h
`

// ward is a server with a doctor, and people whose events it hears of.
type ward struct {
	*inProcess
	rng *rand.Rand
	now time.Time // of the next event
	day time.Time // as far as the doctor is told
}

func newWard(t *testing.T, data string) *ward {
	w := &ward{inProcess: startServer(t, doctored, data), rng: rand.New(rand.NewPCG(1, 1)), now: time.Now().Add(-5 * time.Hour), day: time.Now()}
	w.write("/v1/items", catalogue(10))
	return w
}

// hear posts so many exposures, a second apart, with the clicks that follow: on items of category a most of the time, or, turned, on
// those of b. The doctor looks after every fifty, until it has rolled back.
func (w *ward) hear(n int, turned bool) (rolledBack bool) {
	w.t.Helper()
	before := w.server.engine.Health().Rollback.Count
	for range n / 50 {
		var list []fields
		for range 50 {
			category := "ab"[w.rng.IntN(2)]
			rate := .1
			if (category == 'a') != turned {
				rate = .9
			}
			e := fields{"type": "exposure", "user": fmt.Sprintf("u%d", w.rng.IntN(9)), "item": fmt.Sprintf("%c%d", category, w.rng.IntN(10)), "ts": w.now.Format(time.RFC3339Nano)}
			list = append(list, e)
			if w.rng.Float64() < rate {
				list = append(list, fields{"type": "click", "user": e["user"], "item": e["item"], "ts": w.now.Add(100 * time.Millisecond).Format(time.RFC3339Nano)})
			}
			w.now = w.now.Add(time.Second)
		}
		w.after(w.events(list...))
		w.day = w.day.Add(time.Second)
		if err := w.server.doctor.look(w.t.Context(), w.day); err != nil {
			w.t.Fatal(err)
		}
		if w.server.engine.Health().Rollback.Count > before {
			return true
		}
	}
	return false
}

func (w *ward) models() (list api.ModelList) {
	w.t.Helper()
	w.want(http.StatusOK, &list, "GET", "/admin/v1/models", "")
	return list
}

func TestAPoisonedModelGoesBackToTheLastHealthySnapshotByItself(t *testing.T) {
	data := t.TempDir()
	w := newWard(t, data)
	if w.hear(2000, false) {
		t.Fatal("rolled back while all was well")
	}
	list := w.models()
	if list.Models[0].Health.State != "ok" || list.Health.Healthy == "" || list.Health.Rollback != nil {
		t.Fatalf("before the poison: %+v, %+v", list.Models[0].Health, list.Health)
	}
	sane := w.scores("u1", "a1", "b1")

	if !w.hear(1500, true) {
		t.Fatalf("not rolled back: %+v", w.models().Models[0])
	}
	list = w.models()
	back := list.Health.Rollback
	if back == nil || back.Count != 1 || !strings.HasPrefix(back.Reason, "automatic: head click: ") {
		t.Fatalf("rolled back to %+v", back)
	}
	if got := w.scores("u1", "a1", "b1"); got["a1"] < got["b1"] || got["a1"] < sane["a1"]-.15 {
		t.Errorf("scores %v after it, before the poison %v", got, sane)
	}
	if n := w.metric("recsvc_health_rollbacks_total", "restored"); n != 1 {
		t.Errorf("%v roll-backs are counted", n)
	}
	if w.hear(600, true) { // the poison goes on, and the hour is not over
		t.Error("rolled back twice within the pause")
	}

	w.day = w.day.Add(2 * time.Hour)
	w.hear(50, false) // bad still: it goes back once more
	if w.hear(1000, false) {
		t.Error("rolled back although people are as before")
	}
	list = w.models()
	if list.Models[0].Health.State == "failing" {
		t.Errorf("it has not recovered: %+v", list.Models[0].Health)
	}
	h := w.server.engine.Health().Heads[0]
	if ne := h.Recent.NormalizedEntropy(); !(ne < 1) {
		t.Errorf("normalised entropy %v after the recovery", ne)
	}
	var snaps api.SnapshotList
	w.want(http.StatusOK, &snaps, "GET", "/admin/v1/snapshots", "")
	if n := len(snaps.Snapshots); n < 2 || n > 22 {
		t.Errorf("%d snapshots are kept", n)
	}
	w.stop()

	digest := digestOf(t, doctored, data)
	if got := relearned(t, doctored, data); got != digest {
		t.Errorf("digest %s, the log alone leads to %s", digest, got)
	}
	reasons := 0
	readLog(t, doctored, data, func(r *event.Record) {
		if r.Kind == event.KindControl && strings.HasPrefix(r.Control.Text("reason"), "automatic: ") {
			reasons++
		}
	})
	if reasons == 0 {
		t.Error("the log does not say why")
	}
	again := startServer(t, doctored, data)
	var after api.ModelList
	again.want(http.StatusOK, &after, "GET", "/admin/v1/models", "")
	if after.Health.Rollback == nil || after.Health.Rollback.Reason != list.Health.Rollback.Reason {
		t.Errorf("after a restart %+v, want %+v", after.Health.Rollback, list.Health.Rollback)
	}
	again.stop()
}

func TestOnlyAChallengerThatIsFitMayServe(t *testing.T) {
	w := newWard(t, t.TempDir())
	promote := func(body string, status int) string {
		t.Helper()
		got, b := w.do("POST", "/admin/v1/models/next/promote", body)
		if got != status {
			t.Fatalf("promote %s: %d, want %d: %s", body, got, status, b)
		}
		return string(b)
	}
	w.hear(100, false)
	if body := promote("{}", http.StatusConflict); !strings.Contains(body, "of 500") {
		t.Errorf("too early: %s", body)
	}
	w.hear(1500, false)
	promote(`{"reason":"as good"}`, http.StatusOK)
	if list := w.models(); list.Models[0].Name != "next" {
		t.Errorf("%s serves", list.Models[0].Name)
	}
	frozen := `{"frozen":true}`
	w.want(http.StatusOK, nil, "PATCH", "/admin/v1/models/ctr", frozen)
	w.server.doctor.config.Health.Rollback.Enabled = false
	w.hear(2000, true) // ctr has not learned of it
	got, b := w.do("POST", "/admin/v1/models/ctr/promote", "{}")
	if got != http.StatusConflict || !strings.Contains(string(b), "log-loss") {
		t.Errorf("a worse one: %d %s", got, b)
	}
	w.want(http.StatusOK, nil, "POST", "/admin/v1/models/ctr/promote", `{"force":true}`)
}

func TestHugeValuesAreRefusedCountedAndShown(t *testing.T) {
	w := newWard(t, t.TempDir())
	w.after(w.write("/v1/items", `{"item":"huge","size":1e38}`))
	w.after(w.events(
		fields{"type": "exposure", "user": "u1", "item": "huge"}, fields{"type": "click", "user": "u1", "item": "huge"},
		fields{"type": "exposure", "user": "u1", "item": "a1", "propensity": 1e-12}))
	for _, p := range []float64{0, -1, 1.5} {
		var a api.WriteAnswer
		body := list2json([]fields{{"type": "exposure", "user": "u1", "item": "a1", "propensity": p}})
		if _, b := w.do("POST", "/v1/events", body); json.Unmarshal(b, &a) != nil || len(a.Rejected) != 1 {
			t.Errorf("propensity %v: %s", p, b)
		}
	}
	var q api.Quarantine
	w.want(http.StatusOK, &q, "GET", "/admin/v1/quarantine", "")
	if len(q.Samples) == 0 || q.Samples[0].Reason != "magnitude" || q.Samples[0].Greatest < 9e37 {
		t.Errorf("%+v", q)
	}
	if n := w.metric("recsvc_quarantine_samples_total", "magnitude"); int(n) != len(q.Samples) {
		t.Errorf("%v are counted, %d kept", n, len(q.Samples))
	}
	for item, p := range w.scores("u1", "huge", "a1") {
		if !(p >= 0 && p <= 1) {
			t.Errorf("%s is scored %v", item, p)
		}
	}
	if list := w.models(); list.Models[0].Health.Reasons == nil {
		t.Errorf("%+v", list)
	}
}

func TestAHeadWithoutOutcomesSaysSo(t *testing.T) {
	w := newWard(t, t.TempDir())
	if err := w.server.doctor.look(t.Context(), w.day); err != nil {
		t.Fatal(err)
	}
	h := w.models().Models[0].Health
	if h.State != "watched" || len(h.Reasons) != 1 || h.Reasons[0] != "head click: no outcomes yet" {
		t.Errorf("%+v", h)
	}
}
