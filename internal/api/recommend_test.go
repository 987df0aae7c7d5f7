package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/rank"
)

const goldenList = `{"request":"r-01J","user":"u1","scene":"default","model":"ctr@1834","variants":{"ranker":"control"},` +
	`"cursor":"0-1834","degraded":[],"items":[` +
	`{"item":"i9","position":1,"score":0.0831,"propensity":0.91,"channels":["similar","trending"]},` +
	`{"item":"i\"2","position":2,"score":1e-09,"propensity":1,"channels":[]}]}` + "\n"

func TestAListHasTheShapeOfTheContract(t *testing.T) {
	w := newWorld(t)
	rec := w.want(w.do("GET", "/v1/recommendations?user=u1", ""), http.StatusOK)
	if got := rec.Body.String(); got != goldenList {
		t.Errorf("got  %s\nwant %s", got, goldenList)
	}
	var l List
	decodeStrict(t, rec.Body.Bytes(), &l)
	again, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(again, &a) != nil || json.Unmarshal(rec.Body.Bytes(), &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("the type that the description is made from says %s", again)
	}
}

func TestQueryAndBodyAskForTheSame(t *testing.T) {
	q := url.Values{
		"user": {"u1"}, "n": {"20"}, "scene": {"home"}, "item": {"i1"}, "context.device": {"ios"}, "context.tab": {"a", "b"},
		"filter": {`item.price < 100`}, "exclude": {"x", "y"}, "explain": {"true"}, "after": {"0-1834"}, "dry_run": {"true"},
	}
	body := `{"user":"u1","n":20,"scene":"home","item":"i1","context":{"tab":["a","b"],"device":"ios"},"filter":"item.price < 100",
		"exclude":["x","y"],"explain":true,"after":"0-1834","dry_run":true,"some_future_field":1}`
	w := newWorld(t)
	w.want(w.do("GET", "/v1/recommendations?"+q.Encode(), ""), http.StatusOK)
	get := w.asked
	w.want(w.do("POST", "/v1/recommendations", body), http.StatusOK)
	post := w.asked
	if get.Filter != post.Filter {
		t.Error("the same filter was compiled twice")
	}
	if !reflect.DeepEqual(get, post) {
		t.Errorf("GET  %+v\nPOST %+v", get, post)
	}
	if get.N != 20 || get.Scene != "home" || get.Item != "i1" || !get.Explain || get.Now != event.FromTime(now) || len(get.Exclude) != 2 {
		t.Errorf("asked %+v", get)
	}
	if len(w.records()) != 0 {
		t.Error("a dry run was logged as served")
	}
}

func TestExcludeTakesCommasToo(t *testing.T) {
	w := newWorld(t)
	w.want(w.do("GET", "/v1/recommendations?exclude=a,b&exclude=c", ""), http.StatusOK)
	if want := []string{"a,b", "a", "b", "c"}; !reflect.DeepEqual(w.asked.Exclude, want) {
		t.Errorf("got %q, want %q", w.asked.Exclude, want)
	}
}

func TestAnExplanationHasTheShapeOfTheContract(t *testing.T) {
	w := newWorld(t)
	rec := w.want(w.do("GET", "/v1/recommendations?user=u1&explain=true", ""), http.StatusOK)
	want := `"explain":{"channels":{"similar":0.8},"heads":{"click":{"p":0.083,"bias":-1.2,"contributions":[` +
		`{"feature":"user_ctr_5m","value":0.4,"weight":0.7,"product":0.28}]}},"rules":[]}`
	if !strings.Contains(rec.Body.String(), want) {
		t.Errorf("got %s", rec.Body)
	}
}

func TestAListIsLoggedAsServedBeforeTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.want(w.do("GET", "/v1/recommendations?user=u1&context.device=ios", ""), http.StatusOK)
	recs := w.records()
	if len(recs) != 1 || recs[0].Kind != event.KindServed {
		t.Fatalf("logged %+v", recs)
	}
	s := recs[0].Served
	if s.Request != "r-01J" || s.User != "u1" || s.Variant != "ranker=control" || len(s.Items) != 2 || s.Items[0].Propensity != 0.91 || len(s.Context) != 1 {
		t.Errorf("served %+v", s)
	}
	if w.durable != 0 {
		t.Error("a list waited for the disk")
	}
}

func TestALogThatFailsDoesNotKeepTheListFromItsReader(t *testing.T) {
	w := newWorld(t)
	w.appendErr = errors.New("disk on fire")
	rec := w.want(w.do("GET", "/v1/recommendations?user=u1", ""), http.StatusOK)
	if !strings.Contains(rec.Body.String(), `"degraded":["served"]`) {
		t.Errorf("got %s", rec.Body)
	}
	if w.counter("recsvc_http_served_unlogged_total") != 1 {
		t.Error("not counted")
	}
}

func TestAnEmptyListIsAnsweredAndNotLogged(t *testing.T) {
	w := newWorld(t)
	w.ranked = func(req rank.Request) rank.List {
		return rank.List{Request: "r", Scene: "default", Degraded: []string{"empty catalogue"}}
	}
	rec := w.want(w.do("GET", "/v1/recommendations", ""), http.StatusOK)
	want := `{"request":"r","user":"","scene":"default","model":"","variants":{},"cursor":"0-1834","degraded":["empty catalogue"],"items":[]}` + "\n"
	if rec.Body.String() != want || len(w.records()) != 0 {
		t.Errorf("got %s, logged %d", rec.Body, len(w.records()))
	}
}

func TestBadRequestsForAListNameTheParameter(t *testing.T) {
	for _, tc := range []struct{ query, field string }{
		{"n=0", "n"}, {"n=501", "n"}, {"n=ten", "n"}, {"n=1&n=2", "n"}, {"explain=maybe", "explain"}, {"dry_run=2", "dry_run"},
		{"after=0", "after"}, {"after=1-2.0-1", "after"}, {"filter=item.price+%3C", "filter"}, {"user=" + strings.Repeat("u", 257), "user"},
		{"item=a%00b", "item"}, {"user=%ff", "user"}, {"context.=x", "context."}, {"%zz=1", ""},
	} {
		w := newWorld(t)
		rec := w.want(w.do("GET", "/v1/recommendations?"+tc.query, ""), http.StatusBadRequest)
		var p Problem
		decodeStrict(t, rec.Body.Bytes(), &p)
		if tc.field != "" && (len(p.Errors) != 1 || p.Errors[0].Pointer != "/"+tc.field || p.Errors[0].Reason == "") {
			t.Errorf("%s: got %+v", tc.query, p)
		}
	}
	for _, body := range []string{``, `[]`, `{"n":"x"}`, `{"n":1}{}`, `{"user":7}`, `{"n":0}`, `{"context":[1]}`, `{"user":"u"`, `{"exclude":"a"}`, `{"after":"x"}`, "{\"user\":\"\xff\"}"} {
		w := newWorld(t)
		w.want(w.do("POST", "/v1/recommendations", body), http.StatusBadRequest)
	}
}

func TestWhatTheRankerRefusesIsTheCallersFault(t *testing.T) {
	w := newWorld(t)
	w.rankErr = fmt.Errorf("%w: scene: no scene %q is configured", rank.ErrRequest, "x")
	w.want(w.do("GET", "/v1/recommendations?scene=x", ""), http.StatusBadRequest)
	w.rankErr = errors.New("an index is out of range")
	rec := w.want(w.do("GET", "/v1/recommendations", ""), http.StatusInternalServerError)
	if !strings.Contains(rec.Body.String(), `"detail":"internal error"`) {
		t.Errorf("the inside shows: %s", rec.Body)
	}
}

func TestAfterWaitsForItsPlaceAndGivesUpAtTheDeadline(t *testing.T) {
	w := newWorld(t, func(_ *Rooms, o *Options) { o.Deadline = time.Millisecond })
	for _, path := range []string{"/v1/recommendations?after=", "/v1/items/i1?after=", "/v1/users/u1?after=", "/v1/trending?after=", "/v1/items/i1/similar?after="} {
		w.want(w.do("GET", path+"0-1834", ""), http.StatusOK)
		w.want(w.do("GET", path+"0-1835", ""), http.StatusGatewayTimeout)
		w.want(w.do("GET", path+"7-1", ""), http.StatusMisdirectedRequest)
		w.want(w.do("GET", path+"now", ""), http.StatusBadRequest)
	}
}

func TestRankTakesTheCallersCandidates(t *testing.T) {
	w := newWorld(t)
	w.want(w.do("POST", "/v1/rank", `{"user":"u1","candidates":[{"item":"i1"},{"item":"i2","price":3}],"context":{"device":"ios"},"explain":true}`), http.StatusOK)
	if want := []string{"i1", "i2"}; !reflect.DeepEqual(w.asked.Candidates, want) || w.asked.User != "u1" || !w.asked.Explain {
		t.Errorf("asked %+v", w.asked)
	}
	w.want(w.do("POST", "/v1/rank", `{"candidates":[]}`), http.StatusOK)
	if w.asked.Candidates == nil {
		t.Error("no candidates became a recommendation")
	}
	w.want(w.do("POST", "/v1/rank", `{"user":"u1"}`), http.StatusBadRequest)
	w.want(w.do("POST", "/v1/rank", `{"candidates":[{"item":""}]}`), http.StatusBadRequest)
	w.want(w.do("POST", "/v1/rank", `{"candidates":[`+strings.Repeat(`{"item":"i"},`, rank.MaxCandidates)+`{"item":"i"}]}`), http.StatusBadRequest)
}

func TestAClientThatLeavesIsNoError(t *testing.T) {
	w := newWorld(t)
	w.rankErr = context.Canceled
	if rec := w.do("GET", "/v1/recommendations", ""); rec.Code != statusClientGone {
		t.Errorf("status %d", rec.Code)
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"user=u1&n=10", "after=0-1.1-2", "filter=item.price<3&context.a=b", "exclude=a,b", "%", "context.=1", "n=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q := readQuery(&http.Request{URL: &url.URL{RawQuery: raw}})
		in, err := q.recommendations()
		if err != nil {
			return
		}
		a := &API{filters: newFilters(t)}
		req, _, err := a.request(&in)
		if err != nil {
			if s := faultOf(err).status; s != http.StatusBadRequest {
				t.Errorf("%q: status %d: %v", raw, s, err)
			}
			return
		}
		if req.N < 0 || req.N > rank.MaxN || (req.User != "" && event.CheckID(req.User) != nil) {
			t.Errorf("%q let through %+v", raw, req)
		}
		for i := 1; i < len(req.Context); i++ {
			if req.Context[i-1].Key >= req.Context[i].Key {
				t.Errorf("%q: context is not sorted: %v", raw, req.Context)
			}
		}
	})
}

func newFilters(t *testing.T) *rank.Filters {
	t.Helper()
	filters, err := rank.NewFilters(1)
	if err != nil {
		t.Fatal(err)
	}
	return filters
}
