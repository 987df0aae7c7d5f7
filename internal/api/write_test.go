package api

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
)

const oneEvent = `{"type":"click","user":"u1","item":"i1","id":"e1"}`

func TestABatchIsAnsweredRecordByRecordOnceItIsDurable(t *testing.T) {
	w := newWorld(t)
	body := `[` + oneEvent + `,{"type":"click","user":"u1","item":"i2","id":"e2","position":0},` + strings.ReplaceAll(oneEvent, "e1", "e3") + `]`
	rec := w.want(w.do("POST", "/v1/events", body, "Content-Type", "application/json"), http.StatusAccepted)
	want := `{"accepted":2,"rejected":[{"index":1,"id":"e2","reason":"position: must be at least 1"}],"cursor":"0-3"}` + "\n"
	if got := rec.Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if w.durable != 3 {
		t.Errorf("durable up to %d, want 3: the answer came before the disk", w.durable)
	}
	if recs := w.records(); len(recs) != 3 || recs[1].Kind != event.KindDeadLetter {
		t.Errorf("logged %d records: what is refused must be a dead letter of the same batch", len(recs))
	}
	var a WriteAnswer
	decodeStrict(t, rec.Body.Bytes(), &a)
}

func TestOneRecordAnArrayAndNDJSONAreTaken(t *testing.T) {
	for _, tc := range []struct{ name, contentType, body string }{
		{"one record", "application/json", oneEvent},
		{"an array", "application/json; charset=utf-8", "[" + oneEvent + "]"},
		{"NDJSON", "application/x-ndjson", oneEvent + "\n"},
		{"what curl -d says", "application/x-www-form-urlencoded", oneEvent},
		{"nothing said", "", oneEvent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.want(w.do("POST", "/v1/events", tc.body, "Content-Type", tc.contentType), http.StatusAccepted)
			if got, want := rec.Body.String(), `{"accepted":1,"rejected":[],"cursor":"0-1"}`+"\n"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestItemsAndUsersAreAnsweredLikeEvents(t *testing.T) {
	w := newWorld(t)
	w.want(w.do("POST", "/v1/items", `{"item":"v0","price":9.5}`), http.StatusAccepted)
	w.want(w.do("POST", "/v1/users", `{"user":"u1","age":24}`), http.StatusAccepted)
	recs := w.records()
	if len(recs) != 2 || recs[0].Kind != event.KindItem || recs[1].Kind != event.KindUser {
		t.Errorf("logged %+v", recs)
	}
}

func TestEachWayAWriteCanFailHasItsStatus(t *testing.T) {
	big := `{"type":"click","user":"u1","item":"i1","text":"` + strings.Repeat("x", 4000) + `"}`
	for _, tc := range []struct {
		name    string
		body    string
		headers []string
		prepare func(*world)
		status  int
		letters int // dead letters that are logged
	}{
		{"not JSON", `{"type":`, nil, nil, 400, 1},
		{"nothing accepted", `{"type":"click","user":"u","item":"i","position":0}`, nil, nil, 422, 1},
		{"too many records", "[" + strings.Repeat("{},", 20) + "{}]", nil, nil, 413, 1},
		{"no body", "", nil, nil, 400, 0},
		{"too late", `{"type":"click","user":"u","item":"i","ts":"2026-11-01T00:00:00Z"}`, nil, nil, 422, 0},
		{"too far ahead", `{"type":"click","user":"u","item":"i","ts":"2026-11-24T00:00:00Z"}`, nil, nil, 422, 1},
		{"written by the server alone", `{"type":"served","user":"u","item":"i"}`, nil, nil, 422, 1},
		{"an empty batch", `[]`, nil, nil, 422, 0},
		{"too large", big, nil, nil, 413, 1},
		{"unknown encoding", oneEvent, []string{"Content-Encoding", "br"}, nil, 415, 0},
		{"not gzip", oneEvent, []string{"Content-Encoding", "gzip"}, nil, 400, 1},
		{"back-pressure", oneEvent, nil, func(w *world) { w.gateWait = 1500 * time.Millisecond }, 429, 0},
		{"disk full", oneEvent, nil, func(w *world) { w.gateErr = errors.New("disk full") }, 503, 0},
		{"log fails on append", oneEvent, nil, func(w *world) { w.appendErr = errors.New("disk on fire") }, 503, 0},
		{"log fails on sync", oneEvent, nil, func(w *world) { w.waitErr = errors.New("disk on fire") }, 503, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, func(_ *Rooms, o *Options) { o.BodyBytes = 2000 })
			if tc.prepare != nil {
				tc.prepare(w)
			}
			rec := w.want(w.do("POST", "/v1/events", tc.body, tc.headers...), tc.status)
			if strings.Contains(rec.Body.String(), "fire") {
				t.Errorf("the inside shows: %s", rec.Body)
			}
			if tc.status == 429 && rec.Header().Get("Retry-After") != "2" {
				t.Errorf("Retry-After %q, want 2", rec.Header().Get("Retry-After"))
			}
			letters := 0
			for _, r := range w.records() {
				if r.Kind == event.KindDeadLetter {
					letters++
				}
			}
			if letters != tc.letters {
				t.Errorf("%d dead letters, want %d", letters, tc.letters)
			}
		})
	}
}

func TestARefusedBatchSaysWhyTwice(t *testing.T) {
	w := newWorld(t)
	rec := w.want(w.do("POST", "/v1/events", `[{"type":"click","user":"u","item":"i","position":0,"id":"x"}]`), http.StatusUnprocessableEntity)
	var p Problem
	decodeStrict(t, rec.Body.Bytes(), &p)
	if p.Accepted == nil || *p.Accepted != 0 || len(p.Rejected) != 1 || len(p.Errors) != 1 || p.Rejected[0].ID != "x" {
		t.Errorf("got %+v", p)
	}
}

func TestALateRecordIsToldOfReplay(t *testing.T) {
	w := newWorld(t)
	body := `[` + oneEvent + `,{"type":"click","user":"u","item":"i","ts":"2026-11-01T00:00:00Z"}]`
	rec := w.want(w.do("POST", "/v1/events", body), http.StatusAccepted)
	if !strings.Contains(rec.Body.String(), `{"index":1,"reason":"late","hint":"`) || !strings.Contains(rec.Body.String(), "replay") {
		t.Errorf("got %s", rec.Body)
	}
	if len(w.records()) != 1 {
		t.Error("a late record was logged")
	}
}

func gzipped(t *testing.T, b []byte) string {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestGzipIsTakenAndABombIsNotUnpacked(t *testing.T) {
	w := newWorld(t, func(_ *Rooms, o *Options) { o.BodyBytes = 1 << 20 })
	w.want(w.do("POST", "/v1/events", gzipped(t, []byte(oneEvent)), "Content-Encoding", "gzip"), http.StatusAccepted)
	bomb := gzipped(t, bytes.Repeat([]byte("0"), 16<<20))
	if len(bomb) > 1<<20 {
		t.Fatalf("the bomb is %d bytes", len(bomb))
	}
	w.want(w.do("POST", "/v1/events", bomb, "Content-Encoding", "gzip"), http.StatusRequestEntityTooLarge)
	members := strings.Repeat(gzipped(t, nil), 100_000)
	w.want(w.do("POST", "/v1/events", members, "Content-Encoding", "gzip"), http.StatusRequestEntityTooLarge)
	if used := w.api.bodies.used.Load(); used != 0 {
		t.Errorf("%d bytes of the budget are gone", used)
	}
}

func TestLargeBodiesShareABudget(t *testing.T) {
	w := newWorld(t, func(_ *Rooms, o *Options) { o.BodyBytes, o.BodiesBytes = 1<<20, 1<<20 })
	if !w.api.bodies.take(1<<20 - 100) {
		t.Fatal("budget")
	}
	w.want(w.do("POST", "/v1/events", "["+strings.Repeat(oneEvent+",", 10)+oneEvent+"]"), http.StatusTooManyRequests)
	w.api.bodies.give(1<<20 - 100)
	w.want(w.do("POST", "/v1/events", oneEvent), http.StatusAccepted)
	if used := w.api.bodies.used.Load(); used != 0 {
		t.Errorf("%d bytes of the budget are gone", used)
	}
}

func TestADeletedItemIsGoneWhenTheAnswerComes(t *testing.T) {
	w := newWorld(t)
	w.want(w.do("DELETE", "/v1/items/a%2Fb", ""), http.StatusAccepted)
	recs := w.records()
	if len(recs) != 1 || recs[0].Item == nil || recs[0].Item.ID != "a/b" || !recs[0].Item.Deleted {
		t.Errorf("logged %+v", recs)
	}
	w.want(w.do("DELETE", "/v1/items/unknown", ""), http.StatusNotFound)
}

func TestADeadLetterOfABodyKeepsItsBeginning(t *testing.T) {
	w := newWorld(t, func(_ *Rooms, o *Options) { o.BodyBytes = 200 << 10 })
	w.want(w.do("POST", "/v1/events", fmt.Sprintf(`{"x":"%s"}`, strings.Repeat("y", 300<<10))), http.StatusRequestEntityTooLarge)
	recs := w.records()
	if len(recs) != 1 {
		t.Fatalf("%d records", len(recs))
	}
	l := recs[0].DeadLetter
	if l.Reason != event.ReasonTooLarge || len(l.Bytes) != event.MaxDeadLetterBytes || l.Size != 300<<10+8 || l.Place != "/v1/events" {
		t.Errorf("reason %s, %d bytes of %d at %s", l.Reason, len(l.Bytes), l.Size, l.Place)
	}
}
