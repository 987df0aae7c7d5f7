package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"recsvc/internal/api"
)

// Whatever comes in: the producer is told, the reason is counted, the bytes are kept, and the stream goes on.
func TestBadInputIsAnsweredCountedKeptAndHasNoEffect(t *testing.T) {
	s := startServer(t, smallConfig+"lateness: 1s\n", t.TempDir())
	long := strings.Repeat("x", 257)
	future := time.Now().Add(time.Hour).Format(time.RFC3339Nano)
	ago := time.Now().Add(-25 * time.Hour).Format(time.RFC3339Nano)

	s.after(s.events(fields{"type": "view", "user": "u1", "item": "i1"}))
	watermark := *s.status().Watermark

	const noLetter = "-" // the reason is counted and told, and nothing is kept
	for _, tc := range []struct {
		name, path, body string
		status           int
		reason           string // label of the metric and of the dead letter
		said             string // in the answer
	}{
		{"half an object", "/v1/events", `{"type":"click","user":`, 400, "bad_json", ""},
		{"no JSON at all", "/v1/events", `click u1 i1`, 400, "bad_json", ""},
		{"not UTF-8", "/v1/events", "{\"type\":\"click\",\"user\":\"\xff\",\"item\":\"i1\"}", 400, "bad_json", ""},
		{"a number that is none", "/v1/events", `{"type":"dwell","user":"u1","item":"i1","value":NaN}`, 400, "bad_json", ""},
		{"an infinite number", "/v1/events", `{"type":"dwell","user":"u1","item":"i1","value":1e999}`, 422, "out_of_range", "value: "},
		{"not an object", "/v1/events", `[17]`, 422, "not_object", ""},
		{"no user", "/v1/events", `{"type":"click","item":"i1"}`, 422, "missing_field", "user: is required"},
		{"no type", "/v1/events", `{"user":"u1","item":"i1"}`, 422, "missing_field", "type: is required"},
		{"no item", "/v1/events", `{"type":"click","user":"u1"}`, 422, "missing_field", "item: is required"},
		{"an empty user", "/v1/events", `{"type":"click","user":"","item":"i1"}`, 422, "bad_id", "user: "},
		{"a user of 257 bytes", "/v1/events", `{"type":"click","user":"` + long + `","item":"i1"}`, 422, "bad_id", "user: "},
		{"an item of 257 bytes", "/v1/events", `{"type":"click","user":"u1","item":"` + long + `"}`, 422, "bad_id", "item: "},
		{"a control character in an id", "/v1/events", `{"type":"click","user":"u\u0000","item":"i1"}`, 422, "bad_id", "user: "},
		{"a user that is a number", "/v1/events", `{"type":"click","user":5,"item":"i1"}`, 422, "wrong_type", "user: "},
		{"a position that is a text", "/v1/events", `{"type":"click","user":"u1","item":"i1","position":"1"}`, 422, "wrong_type", "position: "},
		{"position 0", "/v1/events", `{"type":"click","user":"u1","item":"i1","position":0}`, 422, "out_of_range", "position: "},
		{"propensity 0", "/v1/events", `{"type":"exposure","user":"u1","item":"i1","propensity":0}`, 422, "out_of_range", "propensity: "},
		{"propensity above 1", "/v1/events", `{"type":"exposure","user":"u1","item":"i1","propensity":1.01}`, 422, "out_of_range", "propensity: "},
		{"a negative propensity", "/v1/events", `{"type":"exposure","user":"u1","item":"i1","propensity":-0.5}`, 422, "out_of_range", "propensity: "},
		{"an hour ahead", "/v1/events", `{"type":"click","user":"u1","item":"i1","ts":"` + future + `"}`, 422, "future", "ts: "},
		{"the year 9999", "/v1/events", `{"type":"click","user":"u1","item":"i1","ts":"9999-12-31T23:59:59Z"}`, 422, "bad_time", "ts: "},
		{"a time that is none", "/v1/events", `{"type":"click","user":"u1","item":"i1","ts":"yesterday"}`, 422, "bad_time", "ts: "},
		{"older than the horizon", "/v1/events", `{"type":"click","user":"u1","item":"i1","ts":"` + ago + `"}`, 422, "late" + noLetter, "replay"},
		{"a type that the server writes", "/v1/events", `{"type":"served","user":"u1","item":"i1"}`, 422, "reserved_type", "type: "},
		{"a record of a megabyte", "/v1/events", `{"type":"click","user":"u1","item":"i1","text":"` + strings.Repeat("y", 1<<20) + `"}`, 422, "too_large", ""},
		{"a body above the limit", "/v1/events", strings.Repeat(`{"type":"click","user":"u1","item":"i1"}`+"\n", 300_000), 413, "too_large", ""},
		{"too many records", "/v1/events", "[" + strings.Repeat(`{},`, 10_000) + "{}]", 413, "too_large", ""},
		{"a price that is a text", "/v1/items", `{"item":"i1","price":"cheap"}`, 422, "wrong_type", "price: "},
		{"an item without a name", "/v1/items", `{"price":1}`, 422, "missing_field", "item: "},
		{"a user without a name", "/v1/users", `{"age":1}`, 422, "missing_field", "user: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &client{t: t, url: s.url, http: s.http}
			reason, unkept := strings.CutSuffix(tc.reason, noLetter)
			counted := c.metric("recsvc_ingest_rejected_total", `"`+reason+`"`)
			before := c.status()
			status, answer := c.do("POST", tc.path, tc.body, "Content-Type", "application/json")
			if status != tc.status {
				t.Fatalf("answered %d, want %d: %.300s", status, tc.status, answer)
			}
			var p api.Problem
			if err := json.Unmarshal(answer, &p); err != nil || p.Status != tc.status || p.Title == "" || p.Detail == "" {
				t.Errorf("not a problem detail: %v, %.300s", err, answer)
			}
			if !strings.Contains(string(answer), tc.said) {
				t.Errorf("the answer does not say %q: %.300s", tc.said, answer)
			}
			if tc.status == 422 && (len(p.Rejected) != 1 || p.Rejected[0].Reason == "" || len(p.Errors) != 1) {
				t.Errorf("the answer names no record: %.300s", answer)
			}
			if reason != "" {
				if n := c.metric("recsvc_ingest_rejected_total", `"`+reason+`"`); n != counted+1 {
					t.Errorf("%q was counted %v times, want once", reason, n-counted)
				}
			}

			// the stream goes on
			c.after(c.write("/v1/events", `{"type":"view","user":"u1","item":"i1","ts":"`+watermark.Add(-time.Second).Format(time.RFC3339Nano)+`"}`))
			after := c.status()
			letters := int64(1)
			if unkept {
				letters = 0
			}
			if n := after.Counts.DeadLettered - before.Counts.DeadLettered; n != letters {
				t.Errorf("%d dead letters more, want %d", n, letters)
			}
			if n := after.Counts.Applied - before.Counts.Applied; n != 1 {
				t.Errorf("%d records applied more, want that of the test alone", n)
			}
			if !after.Watermark.Equal(watermark) {
				t.Errorf("the watermark has moved from %v to %v", watermark, after.Watermark)
			}
			if letters == 0 {
				return
			}
			var list struct {
				DeadLetters []struct {
					Source, Reason, Detail, Place, Text string
					Bytes                               []byte
					Size                                int
				} `json:"dead_letters"`
			}
			c.want(http.StatusOK, &list, "GET", "/admin/v1/dead-letters?n=1", "")
			got := list.DeadLetters[0]
			kept := got.Text + string(got.Bytes)
			if got.Source != "http" || !strings.HasPrefix(got.Place, tc.path) || got.Detail == "" || (reason != "" && got.Reason != reason) {
				t.Errorf("the letter: %.300v", got)
			}
			if kept == "" || !strings.Contains(tc.body, kept) {
				t.Errorf("the letter does not hold what came: %.300q", kept)
			}
			if whole := len(kept) == got.Size; !whole && len(kept) != 64<<10 {
				t.Errorf("the letter holds %d of %d bytes", len(kept), got.Size)
			}
		})
	}
}

func TestABatchIsJudgedRecordByRecord(t *testing.T) {
	s := startServer(t, smallConfig, t.TempDir())
	body := `[{"type":"click","user":"u1","item":"i1","id":"e0"},
		{"type":"click","user":"u1","item":"i1","id":"e1","position":0},
		{"type":"click","user":"u1","item":"i1","id":"e0"},
		{"type":"click","user":"u1","id":"e3"},
		{"type":"click","user":"u1","item":"i1","id":"e4"}]`
	for name, body := range map[string]string{
		"an array": body,
		"NDJSON":   strings.NewReplacer("[{", "{", "},\n", "}\n", "}]", "}\n\n").Replace(body),
	} {
		var a api.WriteAnswer
		s.want(http.StatusAccepted, &a, "POST", "/v1/events", body)
		if a.Accepted != 3 || len(a.Rejected) != 2 || a.Rejected[0].Index != 1 || a.Rejected[0].ID != "e1" || a.Rejected[1].Index != 3 {
			t.Errorf("%s: %+v", name, a)
		}
		if a.Rejected[0].Reason != "position: must be at least 1" {
			t.Errorf("%s: reason %q", name, a.Rejected[0].Reason)
		}
		s.after(a.Cursor)
	}
	if c := s.status().Counts; c.Applied != 2 || c.Duplicate != 4 || c.DeadLettered != 4 {
		t.Errorf("%+v", c)
	}
}

func TestARepeatedIDHasNoSecondEffect(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, smallConfig, data)
	s.write("/v1/items", `{"item":"i1"}`)
	click := fields{"type": "click", "user": "u1", "item": "i1", "id": "c1"}
	other := fields{"type": "click", "user": "u2", "item": "i1", "id": "c1"} // ids are the user's own
	s.events(click)
	s.after(s.events(click, other))
	if got := s.live("i1"); got["clicks"] != 2 {
		t.Errorf("counters %v, want 2 clicks", got)
	}
	s.stop()
	s = startServer(t, smallConfig, data)
	s.after(s.events(click, other))
	if got := s.live("i1"); got["clicks"] != 2 {
		t.Errorf("after a restart: counters %v, want 2 clicks", got)
	}
	if c := s.status().Counts; c.Duplicate != 3 {
		t.Errorf("%+v, want 3 duplicates", c)
	}
}

func TestAFarTimeOfOneProducerDoesNotMoveTheOthers(t *testing.T) {
	s := startServer(t, smallConfig+"lateness: 1s\n", t.TempDir())
	now := time.Now()
	ahead := now.Add(4 * time.Minute) // within what is taken, ahead of its receipt
	s.after(s.write("/v1/events", fmt.Sprintf(`{"type":"view","user":"u1","item":"i1","ts":%q}`, ahead.Format(time.RFC3339Nano))))
	if w := *s.status().Watermark; w.After(time.Now()) {
		t.Errorf("an event of %v took the watermark to %v", ahead, w)
	}
}
