package api

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

func (w *world) bury(texts ...string) {
	for _, text := range texts {
		n := int64(len(w.letters))
		w.letters = append(w.letters, ingest.Letter{
			Seq: n + 1, Partition: 2, Offset: 10 * n, Received: event.FromTime(now),
			DeadLetter: event.DeadLetter{Source: "http", Reason: "bad_json", Detail: "cut", Place: "/v1/events", Bytes: []byte(text), Size: 80_000},
		})
	}
}

func (w *world) listLetters(query string) (list DeadLetterList) {
	w.t.Helper()
	decodeStrict(w.t, w.want(w.do("GET", "/admin/v1/dead-letters"+query, ""), http.StatusOK).Body.Bytes(), &list)
	return list
}

func TestDeadLettersShowWhereTheyCameFromAndWhatTheyHold(t *testing.T) {
	w := newWorld(t)
	w.bury(`{"type":`, "\xff\x00")
	rec := w.want(w.do("GET", "/admin/v1/dead-letters", ""), http.StatusOK)
	want := `{"dead_letters":[` +
		`{"id":"2-10","seq":2,"source":"http","partition":2,"offset":10,"place":"/v1/events","reason":"bad_json","detail":"cut",` +
		`"received":"2026-11-23T12:00:00Z","size":80000,"bytes":"/wA="},` +
		`{"id":"2-0","seq":1,"source":"http","partition":2,"offset":0,"place":"/v1/events","reason":"bad_json","detail":"cut",` +
		`"received":"2026-11-23T12:00:00Z","size":80000,"text":"{\"type\":"}]}` + "\n"
	if got := rec.Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDeadLettersComeInPages(t *testing.T) {
	w := newWorld(t)
	for i := range 25 {
		w.bury(fmt.Sprint(i))
	}
	var got []string
	pages := 0
	for query := "?n=10"; query != ""; pages++ {
		list := w.listLetters(query)
		for _, l := range list.DeadLetters {
			got = append(got, l.Text)
		}
		if query = ""; list.Next > 0 {
			query = fmt.Sprint("?n=10&before=", list.Next)
		}
	}
	if pages != 3 || len(got) != 25 || got[0] != "24" || got[24] != "0" {
		t.Errorf("%d pages: %q", pages, got)
	}
	if list := w.listLetters("?n=25"); len(list.DeadLetters) != 25 || list.Next != 0 {
		t.Errorf("%d letters, next %d", len(list.DeadLetters), list.Next)
	}

	w.letters = nil
	big := strings.Repeat("x", 64<<10)
	for range 200 {
		w.bury(big)
	}
	if list := w.listLetters("?n=10000"); len(list.DeadLetters) != 64 || list.Next != list.DeadLetters[63].Seq {
		t.Errorf("a page of %d letters of 64 KiB", len(list.DeadLetters))
	}
}

func TestDeadLettersAreRetriedAndPurgedByIDOrAllTogether(t *testing.T) {
	w := newWorld(t)
	some := ingest.LetterSelection{Places: []event.PartitionOffset{{Offset: 17}, {Partition: 3, Offset: 4}}}
	all := ingest.LetterSelection{All: true}
	const retried = `{"retried":1,"records":2,"rejected":[{"id":"0-8","reason":"item: is required"},{"id":"1-9","index":0,"reason":"late"}]}`
	const purged = `{"purged":3,"rejected":[]}`
	for _, tc := range []struct {
		method, target, body string
		want                 ingest.LetterSelection
		answer               string
	}{
		{"POST", "/admin/v1/dead-letters/retry", `{"ids":["0-17","3-4"]}`, some, retried},
		{"POST", "/admin/v1/dead-letters/retry", `{"all":true}`, all, retried},
		{"DELETE", "/admin/v1/dead-letters", `{"ids":["0-17","3-4"]}`, some, purged},
		{"DELETE", "/admin/v1/dead-letters", `{"all":true}`, all, purged},
		{"DELETE", "/admin/v1/dead-letters?ids=0-17&ids=3-4", "", some, purged},
		{"DELETE", "/admin/v1/dead-letters?all=true", "", all, purged},
	} {
		rec := w.want(w.do(tc.method, tc.target, tc.body), http.StatusOK)
		if got := strings.TrimSpace(rec.Body.String()); got != tc.answer || !reflect.DeepEqual(w.selected, tc.want) {
			t.Errorf("%s %s %s selected %+v and answered %s", tc.method, tc.target, tc.body, w.selected, got)
		}
	}
}

func TestWhichLettersAreMeantMustBeClear(t *testing.T) {
	w := newWorld(t)
	many := `{"ids":["0-1"` + strings.Repeat(`,"0-1"`, 1000) + `]}`
	for _, body := range []string{
		"", "{}", `{"all":false}`, `{"ids":[]}`, `{"ids":["0-1"],"all":true}`, `{"ids":["1"]}`, `{"ids":["0-1.1-2"]}`, `{"ids":[""]}`,
		`{"ids":[17]}`, `{"id":"0-1"}`, `{"all":true} {}`, `[]`, many,
	} {
		w.want(w.do("POST", "/admin/v1/dead-letters/retry", body), http.StatusBadRequest)
		w.want(w.do("DELETE", "/admin/v1/dead-letters", body), http.StatusBadRequest)
	}
	for _, query := range []string{"?all=maybe", "?ids=x", "?ids=0-1&all=true", "?id=0-1", "?ids=0-1,0-2"} {
		w.want(w.do("DELETE", "/admin/v1/dead-letters"+query, ""), http.StatusBadRequest)
	}
	w.want(w.do("DELETE", "/admin/v1/dead-letters?ids=0-1", `{"all":true}`), http.StatusBadRequest)
	if w.selected.All || w.selected.Places != nil {
		t.Errorf("selected %+v", w.selected)
	}
}

func TestLettersStayWhileNothingCanBeWritten(t *testing.T) {
	w := newWorld(t)
	w.lettersErr = errors.New("disk on fire")
	rec := w.want(w.do("POST", "/admin/v1/dead-letters/retry", `{"all":true}`), http.StatusServiceUnavailable)
	if strings.Contains(rec.Body.String(), "fire") || !strings.Contains(rec.Body.String(), "retried again without harm") {
		t.Errorf("got %s", rec.Body)
	}
	w.want(w.do("DELETE", "/admin/v1/dead-letters?all=true", ""), http.StatusServiceUnavailable)
	w.selected = ingest.LetterSelection{}
	w.gateErr = fmt.Errorf("%w: the disk is full", ErrUnavailable)
	w.want(w.do("DELETE", "/admin/v1/dead-letters?all=true", ""), http.StatusServiceUnavailable)
	if w.selected.All {
		t.Error("the gate was not asked")
	}
}

func TestWhoChangesLettersIsNamedInTheLog(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	const key = "0123456789abcdef"
	w := newWorld(t, withKeys(Key{Name: "ann", Key: key, Roles: RoleAdmin}, Key{Name: "bob", Key: key + "0", Roles: RoleWrite | RoleRead}),
		func(_ *Rooms, o *Options) { o.Log = zap.New(core) })
	for _, method := range []string{"POST /admin/v1/dead-letters/retry", "DELETE /admin/v1/dead-letters", "POST /admin/v1/backup"} {
		verb, path, _ := strings.Cut(method, " ")
		w.want(w.do(verb, path, `{"all":true}`, "Authorization", "Bearer "+key+"0"), http.StatusForbidden)
	}
	logged.TakeAll()
	w.want(w.do("POST", "/admin/v1/dead-letters/retry", `{"ids":["0-1"]}`, "Authorization", "Bearer "+key), http.StatusOK)
	w.want(w.do("DELETE", "/admin/v1/dead-letters", `{"all":true}`, "Authorization", "Bearer "+key), http.StatusOK)
	lines := logged.FilterMessage("admin request").All()
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, want := range []map[string]any{
		{"key": "ann", "asked": int64(1), "all": false, "retried": int64(1), "records": int64(2), "rejected": int64(2)},
		{"key": "ann", "asked": int64(0), "all": true, "purged": int64(3)},
	} {
		got := lines[i].ContextMap()
		for name, value := range want {
			if got[name] != value {
				t.Errorf("line %d: %s is %v, want %v", i, name, got[name], value)
			}
		}
	}
}
