package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
)

// writes are requests that the gate is asked about.
var writes = []struct{ method, target, body string }{
	{"POST", "/v1/events", oneEvent},
	{"POST", "/v1/items", `{"item":"i1"}`},
	{"POST", "/v1/users", `{"user":"u1"}`},
	{"DELETE", "/v1/items/i1", ""},
	{"DELETE", "/admin/v1/dead-letters", `{"all":true}`},
	{"POST", "/admin/v1/dead-letters/retry", `{"all":true}`},
}

// reads go on whatever becomes of the log.
var reads = []string{
	"/v1/items/i1", "/v1/users/u1", "/v1/items/i1/similar", "/v1/trending", "/v1/recommendations?user=u1&after=0-1",
	"/admin/v1/status", "/admin/v1/dead-letters", "/healthz", "/readyz", "/metrics",
}

func TestAFullDiskRefusesWritesWithItsReasonAndReadsGoOn(t *testing.T) {
	w := newWorld(t)
	w.gateErr = fmt.Errorf("%w: 3 MiB of the disk are free, 64 MiB are needed", ErrUnavailable)
	for _, tc := range writes {
		rec := w.want(w.do(tc.method, tc.target, tc.body), http.StatusServiceUnavailable)
		var p Problem
		decodeStrict(t, rec.Body.Bytes(), &p)
		if !strings.Contains(p.Detail, "3 MiB of the disk are free") || rec.Header().Get("Retry-After") != "10" {
			t.Errorf("%s %s: Retry-After %q, %s", tc.method, tc.target, rec.Header().Get("Retry-After"), p.Detail)
		}
	}
	for _, target := range reads {
		w.want(w.do("GET", target, ""), http.StatusOK)
	}
	rec := w.want(w.do("POST", "/v1/rank", `{"candidates":[{"item":"i1"}]}`), http.StatusOK)
	if !strings.Contains(rec.Body.String(), `"degraded":["served"]`) {
		t.Errorf("got %s", rec.Body)
	}
	if n := w.counter("recsvc_http_served_unlogged_total"); n != 2 {
		t.Errorf("%v lists counted that were not logged, want 2", n)
	}
	if n := len(w.records()); n != 0 {
		t.Errorf("%d records were logged on a full disk", n)
	}

	w.gateErr = nil
	w.want(w.do("POST", "/v1/events", oneEvent), http.StatusAccepted)
	if rec := w.want(w.do("GET", "/v1/recommendations", ""), http.StatusOK); !strings.Contains(rec.Body.String(), `"degraded":[]`) {
		t.Errorf("with room again: %s", rec.Body)
	}
}

func TestAnEngineThatIsBehindRefusesWritesAndKeepsWhatItServes(t *testing.T) {
	w := newWorld(t)
	w.gateWait = 2500 * time.Millisecond
	for _, tc := range writes {
		rec := w.want(w.do(tc.method, tc.target, tc.body), http.StatusTooManyRequests)
		if rec.Header().Get("Retry-After") != "3" {
			t.Errorf("%s %s: Retry-After %q", tc.method, tc.target, rec.Header().Get("Retry-After"))
		}
	}
	if n := len(w.records()); n != 0 {
		t.Errorf("%d records were logged", n)
	}
	for _, target := range reads {
		w.want(w.do("GET", target, ""), http.StatusOK)
	}
	recs := w.records()
	if len(recs) != 1 || recs[0].Kind != event.KindServed {
		t.Errorf("logged %+v, want the list that was served", recs)
	}
}
