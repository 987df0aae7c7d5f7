package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"recsvc/internal/rank"
)

func newRequest(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:8080"
	return r
}

func serve(w *world, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	return rec
}

func TestReadsHaveTheShapesOfTheContract(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct{ path, want string }{
		{"/v1/items/v0", `{"item":"v0","categories":["tag39"],"price":9.5,"live":{"clicks":9,"exposures":120},"features":{"item_ctr":0.075,"lately":["ann"]}}`},
		{"/v1/users/u1", `{"user":"u1","attributes":{"age":24},"features":{"clicks_1h":3,"lately":["i9"]},"recent":[{"type":"click","item":"i9","ts":"2026-11-23T12:00:00Z"}]}`},
		{"/v1/items/v0/similar?n=1", `{"items":[{"item":"i9","position":1,"score":0.0831,"propensity":0.91,"channels":["similar","trending"]}]}`},
		{"/v1/trending?n=3&category=a&window=7d", `{"items":[{"item":"i9","position":1,"score":0.0831,"propensity":0.91,"channels":["similar","trending"]}]}`},
		{"/healthz", `{"status":"ok"}`},
		{"/readyz", `{"status":"ready"}`},
		{"/admin/v1/snapshots", `{"snapshots":[]}`},
		{"/admin/v1/dead-letters", `{"dead_letters":[]}`},
		{"/admin/v1/features", `{"features":[{"name":"clicks_1h","kind":"count","scope":["user"],"version":"0123456789ab","state":"live","progress":1,"definition":{"on":{"types":["click"]},"windows":["1h"]}},` +
			`{"name":"clicks","kind":"count","scope":[],"version":"ba9876543210","state":"backfilling","progress":0.25,"definition":{}}]}`},
		{"/page/users.json", `{"users":[]}`},
		{"/admin/v1/status", `{"cursor":"0-1834","watermark":"2026-11-23T12:00:00Z","lag_records":2,"lag_seconds":0.01,` +
			`"sources":[{"name":"kafka:behaviour","state":"running","next":"0-1834","partitions":[` +
			`{"partition":0,"applied":1834,"end":1836,"state":"running"},{"partition":1,"applied":7,"end":9,"state":"held","reason":"the disk is full"}]},` +
			`{"name":"embedded","state":"","next":"","partitions":[]}],` +
			`"checkpoint":{"epoch":7,"age_seconds":3,"bytes":100,"seconds":0.1},` +
			`"scrub":{"running":true,"finished":"2026-11-23T12:00:00Z","result":"ok","entries":100,"bytes":1000,"seconds":2.5},` +
			`"memory_bytes":1048576,"memory":{"budget_bytes":2097152,"rooms":{"features":1000}},` +
			`"disk":{"free_bytes":3145728,"needed_bytes":67108864,"held":true},` +
			`"counts":{"received":10,"applied":8,"duplicate":1,"late":1,"dead_lettered":0},` +
			`"feedback":{"exposures":9,"implied":1,"duplicate":0,"captured_late":0,"brief":0,"unseen":0,"unexposed":0,"over_quota":0,"heads":[` +
			`{"model":"ctr","head":"click","positive":4,"negative":3,"pending":2,"erased":0,"dropped":0,"absent":0,"late":0,"duplicate":0,"unconfirmed":0,` +
			`"left_out":0,"stalls":0,"stalled_since":"2026-11-23T12:00:00Z"}]},` +
			`"models":[{"name":"ctr","role":"champion","version":"ctr@1834","weights":0,"refresh":"online","frozen":false,"heads":{"click":{"n":10,"positives":4,"auc":0.73,"logloss":null,"normalized_entropy":null,"calibration":null,"bias":null}},"health":{"state":"ok","reasons":[]},"drift":[]}],` +
			`"version":"test"}`},
	} {
		rec := w.want(w.do("GET", tc.path, ""), http.StatusOK)
		if got := strings.TrimSuffix(rec.Body.String(), "\n"); got != tc.want {
			t.Errorf("%s\ngot  %s\nwant %s", tc.path, got, tc.want)
		}
		if ct := rec.Header().Get("Content-Type"); ct != "application/json" {
			t.Errorf("%s: content type %q", tc.path, ct)
		}
	}
}

func TestUnknownThingsAre404AndBadParameters400(t *testing.T) {
	w := newWorld(t)
	for path, status := range map[string]int{
		"/v1/items/unknown": 404, "/v1/users/unknown": 404, "/v1/items/unknown/similar": 404, "/v1/nothing": 404, "/nothing": 404,
		"/v1/items/a%00b": 400, "/v1/users/" + strings.Repeat("u", 300): 400, "/v1/items/i/similar?n=0": 400,
		"/v1/trending?window=soon": 400, "/v1/trending?window=-1h": 400, "/v1/trending?n=501": 400, "/v1/trending?window=99999999d": 400,
		"/admin/v1/snapshots/nope": 404, "/admin/v1/dead-letters?n=0": 400, "/admin/v1/dead-letters?before=x": 400,
	} {
		w.want(w.do("GET", path, ""), status)
	}
}

func TestAWrongMethodIsToldWhichAreRight(t *testing.T) {
	w := newWorld(t)
	for path, allow := range map[string]string{
		"/v1/events": "POST", "/v1/recommendations": "GET, POST", "/healthz": "GET, HEAD", "/v1/items/a%2Fb": "DELETE, GET",
	} {
		rec := w.want(w.do("PATCH", path, ""), http.StatusMethodNotAllowed)
		if got := rec.Header().Get("Allow"); got != allow {
			t.Errorf("%s: Allow %q, want %q", path, got, allow)
		}
	}
}

func TestIdsMayHoldAnythingThatAPathCanEscape(t *testing.T) {
	w := newWorld(t)
	for escaped, id := range map[string]string{"a%2Fb": "a/b", "100%25": "100%", "%E2%82%AC": "€", "a%20b": "a b", "a+b": "a+b", "%2e%2e": "..", "a%252Fb": "a%2Fb"} {
		rec := w.want(w.do("GET", "/v1/users/"+escaped, ""), http.StatusOK)
		var u UserView
		decodeStrict(t, rec.Body.Bytes(), &u)
		if u.User != id {
			t.Errorf("%s: got %q, want %q", escaped, u.User, id)
		}
	}
}

func TestARequestIDIsKeptWhenItIsFitAndMadeOtherwise(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for _, tc := range []struct {
		id   string
		kept bool
	}{{"abc-123", true}, {"trace:1/2+3=", true}, {"", false}, {"a b", false}, {"x\"y", false}, {strings.Repeat("a", 129), false}, {"é", false}} {
		rec := w.do("GET", "/healthz", "", "X-Request-Id", tc.id)
		got := rec.Header().Get("X-Request-Id")
		if (got == tc.id) != tc.kept || got == "" || seen[got] {
			t.Errorf("%q: answered %q", tc.id, got)
		}
		seen[got] = true
	}
}

func TestSnapshotsAreTakenShownRestoredAndRemoved(t *testing.T) {
	w := newWorld(t)
	rec := w.want(w.do("POST", "/admin/v1/snapshots", `{"note":"before the sale"}`), http.StatusCreated)
	want := `{"id":"s1","created":"2026-11-23T12:00:00Z","cursor":"0-1834","models":["ctr@1834"],"metrics":{},"bytes":10,"sha256":"ab","note":"before the sale"}`
	if got := strings.TrimSpace(rec.Body.String()); got != want || rec.Header().Get("Location") != "/admin/v1/snapshots/s1" {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	w.want(w.do("GET", "/admin/v1/snapshots", ""), http.StatusOK)
	w.want(w.do("GET", "/admin/v1/snapshots/s1", ""), http.StatusOK)
	rec = w.want(w.do("POST", "/admin/v1/snapshots/s1/restore", ""), http.StatusOK)
	if got := strings.TrimSpace(rec.Body.String()); got != `{"snapshot":"s1","model":"ctr@1841"}` {
		t.Errorf("restore: %s", got)
	}
	w.want(w.do("DELETE", "/admin/v1/snapshots/s1", ""), http.StatusNoContent)
	w.want(w.do("DELETE", "/admin/v1/snapshots/s1", ""), http.StatusNotFound)
	w.want(w.do("POST", "/admin/v1/snapshots/s1/restore", ""), http.StatusNotFound)
	w.want(w.do("POST", "/admin/v1/snapshots", ""), http.StatusCreated)
	w.want(w.do("POST", "/admin/v1/checkpoint", ""), http.StatusOK)
}

func TestAdminRoutesAreStrict(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{`{"notes":"x"}`, `{"note":1}`, `[]`, `{"note":"` + strings.Repeat("x", 1001) + `"}`, `{} {}`} {
		w.want(w.do("POST", "/admin/v1/snapshots", body), http.StatusBadRequest)
	}
	for _, target := range []string{"/admin/v1/status?verbose=true", "/admin/v1/snapshots?n=3", "/admin/v1/dead-letters?reason=late"} {
		w.want(w.do("GET", target, ""), http.StatusBadRequest)
	}
	for _, id := range []string{"..", "%2e%2e", "%2Fetc%2Fpasswd", ".hidden", "a%00", strings.Repeat("x", 200), "%E2%82%AC", "a%2F..%2Fb", "a%5Cb"} {
		for _, method := range []string{"GET", "DELETE"} {
			w.want(w.do(method, "/admin/v1/snapshots/"+id, ""), http.StatusBadRequest)
		}
	}
}

func TestRoomsThatAreMissingAre503(t *testing.T) {
	w := newWorld(t, func(r *Rooms, _ *Options) {
		r.Snapshots, r.Metrics, r.DeadLetters, r.Gate, r.Backup, r.Features = nil, nil, nil, nil, nil, nil
	})
	w.want(w.do("GET", "/admin/v1/snapshots", ""), http.StatusServiceUnavailable)
	w.want(w.do("GET", "/admin/v1/features", ""), http.StatusServiceUnavailable)
	w.want(w.do("GET", "/metrics", ""), http.StatusServiceUnavailable)
	w.want(w.do("GET", "/admin/v1/dead-letters", ""), http.StatusOK)
	w.want(w.do("DELETE", "/admin/v1/dead-letters?all=true", ""), http.StatusServiceUnavailable)
	w.want(w.do("POST", "/admin/v1/backup", ""), http.StatusServiceUnavailable)
	w.want(w.do("POST", "/v1/events", oneEvent), http.StatusAccepted)
	if _, err := New(Rooms{}, Options{}); err == nil {
		t.Error("an API without rooms was made")
	}
}

func TestReadinessSaysWhyNot(t *testing.T) {
	w := newWorld(t)
	for _, reason := range []string{"the engine is 12.3 s behind", "scrubbing"} {
		w.readyErr = errors.New(reason)
		rec := w.want(w.do("GET", "/readyz", ""), http.StatusServiceUnavailable)
		var p Problem
		decodeStrict(t, rec.Body.Bytes(), &p)
		if p.Detail != reason {
			t.Errorf("got %s", rec.Body)
		}
	}
	w.want(w.do("GET", "/healthz", ""), http.StatusOK)
}

func TestAPanicIsOneFailedRequest(t *testing.T) {
	w := newWorld(t)
	w.ranked = func(rank.Request) rank.List { panic("a bug") }
	rec := w.want(w.do("GET", "/v1/recommendations", ""), http.StatusInternalServerError)
	if strings.Contains(rec.Body.String(), "bug") {
		t.Errorf("the inside shows: %s", rec.Body)
	}
	w.ranked = nil
	w.want(w.do("GET", "/v1/recommendations", ""), http.StatusOK)
}

func TestRequestsAreCountedByRouteAndCode(t *testing.T) {
	w := newWorld(t)
	w.want(w.do("GET", "/v1/users/someone-private", ""), http.StatusOK)
	w.want(w.do("GET", "/wp-admin.php", ""), http.StatusNotFound)
	body := w.want(w.do("GET", "/metrics", ""), http.StatusOK).Body.String()
	for _, want := range []string{
		`recsvc_http_request_seconds_count{code="200",route="GET /v1/users/{user}"} 1`,
		`recsvc_http_request_seconds_count{code="404",route="none"} 1`,
		`recsvc_http_in_flight 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "private") || strings.Contains(body, "wp-admin") {
		t.Error("a path became a label")
	}
}

func TestThePageLoadsNothingFromElsewhere(t *testing.T) {
	w := newWorld(t, func(_ *Rooms, o *Options) { o.PageUsers = []string{"u1"} })
	for path, contentType := range map[string]string{"/": "text/html", "/page/app.js": "text/javascript", "/page/app.css": "text/css"} {
		rec := w.want(w.do("GET", path, ""), http.StatusOK)
		if !strings.HasPrefix(rec.Header().Get("Content-Type"), contentType) || rec.Body.Len() == 0 {
			t.Errorf("%s: %q, %d bytes", path, rec.Header().Get("Content-Type"), rec.Body.Len())
		}
		if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s: policy %q", path, csp)
		}
		for _, bad := range []string{"http://", "https://", "<style", "onclick=", "innerHTML", "eval("} {
			if strings.Contains(rec.Body.String(), bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		again := w.do("GET", path, "", "If-None-Match", rec.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s again: status %d", path, again.Code)
		}
	}
	rec := w.want(w.do("GET", "/page/users.json", ""), http.StatusOK)
	if !json.Valid(rec.Body.Bytes()) || !strings.Contains(rec.Body.String(), "u1") {
		t.Errorf("users %s", rec.Body)
	}
}
