package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

type madeEvent struct {
	ID, Type, User, Item, Request string
	TS                            int64
}

func made(t *testing.T, s *stream, i uint64) (e madeEvent) {
	t.Helper()
	if err := json.Unmarshal(s.appendEvent(nil, i, time.UnixMilli(int64(i))), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryClickOfAStreamIsOnAnExposureBeforeIt(t *testing.T) {
	s := &stream{seed: 1, users: 100, items: 50}
	shown := map[string]madeEvent{} // by request
	ids, users := map[string]bool{}, map[string]bool{}
	clicks := 0
	for i := range uint64(21_000) {
		e := made(t, s, i)
		if ids[e.ID] || e.TS != int64(i) {
			t.Fatalf("event %d: %+v; was the id there before: %v", i, e, ids[e.ID])
		}
		ids[e.ID] = true
		if user := string(s.appendUser(nil, i)); user != e.User {
			t.Fatalf("event %d is of %s, its key of %s", i, e.User, user)
		}
		if e.Type == "exposure" {
			shown[e.Request] = e
			if users[e.User] = true; i < 100 && len(users) != len(shown) {
				t.Fatalf("event %d: a user was there before all were", i)
			}
			continue
		}
		clicks++
		if was := shown[e.Request]; was.User != e.User || was.Item != e.Item {
			t.Fatalf("event %d is a click on %+v of %+v", i, e, was)
		}
	}
	if clicks != 1000 || len(users) != 100 {
		t.Errorf("%d clicks, %d users", clicks, len(users))
	}
}

func TestRequestsOfAStreamGoOnWhereTheLastEnded(t *testing.T) {
	s := streamed{stream: &stream{seed: 1, users: 9, items: 9}, each: 3}
	s.sent.Store(21)
	seen := map[string]bool{}
	for range 4 {
		for _, e := range parse(t, s.next(nil)) {
			if seen[e.ID] || !e.TS.IsZero() {
				t.Errorf("sent %+v", e)
			}
			seen[e.ID] = true
		}
	}
	if first := made(t, s.stream, 21).ID; len(seen) != 12 || !seen[first] {
		t.Errorf("sent %v, not from %s on", seen, first)
	}
}

func TestItemsOfAStreamAreRecords(t *testing.T) {
	s := &stream{seed: 1, users: 9, items: 9}
	var item struct {
		Item             string
		Categories, Tags []string
		Duration         float64
	}
	if err := json.Unmarshal(s.appendItem(nil, 7), &item); err != nil || item.Item != "v7" || len(item.Categories) != 1 ||
		!strings.HasPrefix(item.Tags[0], "a") || item.Duration < 5 || item.Duration > 305 {
		t.Errorf("%+v, %v", item, err)
	}
}
