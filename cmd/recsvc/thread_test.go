package main

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

// One thread through the whole house: what a user does is in the next list, and has been learned from.
func TestAClickChangesTheNextList(t *testing.T) {
	s := startServer(t, smallConfig, t.TempDir())
	s.after(s.write("/v1/items", catalogue(10)))

	first := s.recommend("user", "u1", "n", "5")
	if len(first.Items) != 5 || len(first.Degraded) != 0 || first.Model != "ctr@20" || first.Request == "" {
		t.Fatalf("the first list: %+v", first)
	}
	cold := s.scores("u1", "a9", "b9")

	var seen []fields
	for _, it := range first.Items {
		seen = append(seen, fields{"type": "exposure", "user": "u1", "item": it.Item, "request": first.Request, "position": it.Position})
	}
	clicked := first.Items[2].Item
	kin, other := "a9", "b9"
	if clicked[0] == 'b' {
		kin, other = other, kin
	}
	cursor := s.events(append(seen, fields{"type": "click", "user": "u1", "item": clicked, "request": first.Request, "position": 3})...)

	second := s.recommend("user", "u1", "n", "5", "after", cursor)
	if slices.Equal(itemsOf(first), itemsOf(second)) {
		t.Errorf("the list is still %v", itemsOf(second))
	}
	if slices.Contains(itemsOf(second), clicked) {
		t.Errorf("the list %v holds what was just clicked, %s", itemsOf(second), clicked)
	}
	if second.Items[0].Item[0] != clicked[0] {
		t.Errorf("first stands %s, not one of the kind of %s", second.Items[0].Item, clicked)
	}
	warm := s.scores("u1", kin, other)
	if cold[kin] != cold[other] || warm[kin] <= warm[other] {
		t.Errorf("the click took the scores of %s, its kin, and of %s from %v to %v", kin, other, cold, warm)
	}

	status := s.status()
	if click := status.head("click"); click.N != 1 || click.Positives != 1 {
		t.Errorf("progressive validation has %+v", click)
	}
	if got := s.live(clicked); got["exposures"] != 1 || got["clicks"] != 1 {
		t.Errorf("counters of %s: %v", clicked, got)
	}
	var user struct {
		Recent []struct{ Type, Item string }
	}
	s.want(http.StatusOK, &user, "GET", "/v1/users/u1", "")
	if len(user.Recent) != 1 || user.Recent[0].Type != "click" || user.Recent[0].Item != clicked {
		t.Errorf("what the user did: %+v", user.Recent)
	}

	next := second.Items[0]
	cursor = s.events(
		fields{"type": "exposure", "user": "u1", "item": next.Item, "request": second.Request, "position": 1},
		fields{"type": "click", "user": "u1", "item": next.Item, "request": second.Request, "position": 1})
	s.after(cursor)
	if hot := s.scores("u1", kin); hot[kin] <= warm[kin] {
		t.Errorf("another click took the score of %s, its kin, from %v to %v", kin, warm[kin], hot[kin])
	}
	for family, want := range map[string]float64{
		"recsvc_model_observations": 4, "recsvc_model_positives": 4, // over everything, and lately
		"recsvc_ingest_events_total": 8,
	} {
		if got := s.metric(family, ""); got != want {
			t.Errorf("%s is %v, want %v", family, got, want)
		}
	}
	if skew := s.metric("recsvc_engine_serving_skew_total", ""); skew != 0 {
		t.Errorf("%v served scores differ from those at capture", skew)
	}
}

// Many users at once, against the race detector: every list is served from a state that includes what it asks for.
func TestManyUsersLearnBesideEachOther(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, smallConfig, data)
	s.after(s.write("/v1/items", catalogue(10)))
	const users, rounds = 4, 8
	done := make(chan int, users)
	for u := range users {
		go func() {
			clicks := 0
			defer func() { done <- clicks }()
			user, cursor := fmt.Sprintf("u%d", u), ""
			for range rounds {
				list := s.recommend("user", user, "n", "4", "after", cursor, "explain", "true")
				var out []fields
				for _, it := range list.Items {
					out = append(out, fields{"type": "exposure", "user": user, "item": it.Item, "request": list.Request, "position": it.Position})
					if it.Item[0] == "ab"[u%2] {
						clicks++
						out = append(out, fields{"type": "click", "user": user, "item": it.Item, "request": list.Request})
					}
				}
				cursor = s.events(out...)
			}
		}()
	}
	clicks := 0
	for range users {
		clicks += <-done
	}
	s.after(s.events(fields{"type": "enter", "user": "u0"}))
	status := s.status()
	if got := status.head("click"); got.Positives != int64(clicks) {
		t.Errorf("%d clicks, %d positives", clicks, got.Positives)
	}
	for u := range users {
		if p := s.scores(fmt.Sprintf("u%d", u), "a9", "b9"); (p["a9"] > p["b9"]) != (u%2 == 0) {
			t.Errorf("user %d clicks on %c only, and has %v", u, "ab"[u%2], p)
		}
	}
	s.stop()
	if got, want := digestOf(t, smallConfig, data), relearned(t, smallConfig, data); got != want {
		t.Errorf("digest %s, the log alone leads to %s", got, want)
	}
}

func TestWithoutAnythingThereIsStillAnAnswer(t *testing.T) {
	s := startServer(t, smallConfig, t.TempDir())
	for _, query := range [][]string{{"user", "nobody"}, {}, {"user", "nobody", "item", "nothing"}} {
		l := s.recommend(query...)
		if len(l.Items) != 0 || !slices.Equal(l.Degraded, []string{"empty catalogue"}) || l.Scene != "default" {
			t.Errorf("an empty server answers %v with %+v", query, l)
		}
	}
	s.after(s.write("/v1/items", `[
		{"item": "old", "created": "2025-01-01T00:00:00Z"},
		{"item": "new", "created": "2026-01-01T00:00:00Z"},
		{"item": "gone", "created": "2026-02-01T00:00:00Z", "available": false}]`))
	for _, query := range [][]string{{"user", "nobody"}, {}} {
		l := s.recommend(query...)
		if got := itemsOf(l); len(got) != 2 || slices.Contains(got, "gone") {
			t.Errorf("a new server answers %v with %v", query, got)
		}
	}
	if l := s.recommend("n", "1"); l.Items[0].Item != "new" || !slices.Contains(l.Items[0].Channels, "new") {
		t.Errorf("the newest item does not come first: %+v", l.Items)
	}
	for path, want := range map[string]int{
		"/v1/items/nothing": 404, "/v1/users/nobody": 404, "/v1/recommendations?n=0": 400, "/v1/recommendations?after=x": 400,
		"/v1/recommendations?after=0-9999": 400, "/v1/recommendations?after=7-1": 421, "/v1/recommendations?filter=(": 400,
		"/v1/recommendations?scene=none": 400, "/healthz": 200, "/readyz": 200, "/openapi.json": 200, "/": 200, "/none": 404,
	} {
		if got, b := s.do("GET", path, ""); got != want {
			t.Errorf("GET %s: %d, want %d: %.200s", path, got, want, b)
		}
	}
}

func TestADeletedItemIsInNoListAnyMore(t *testing.T) {
	s := startServer(t, smallConfig, t.TempDir())
	s.after(s.write("/v1/items", catalogue(2)))
	s.want(http.StatusAccepted, nil, "DELETE", "/v1/items/a1", "")
	if got := itemsOf(s.recommend("user", "u1")); len(got) != 3 || slices.Contains(got, "a1") {
		t.Errorf("the list is %v", got)
	}
	s.want(http.StatusNotFound, nil, "DELETE", "/v1/items/a1", "")
}

func TestAProfileAndItsPartialUpsert(t *testing.T) {
	s := startServer(t, smallConfig, t.TempDir())
	s.write("/v1/users", `{"user": "u1", "age": 24, "city": "Turin", "beta": true}`)
	s.after(s.write("/v1/users", `{"user": "u1", "age": 25, "beta": null}`))
	var view struct {
		User       string         `json:"user"`
		Attributes map[string]any `json:"attributes"`
		Recent     []any          `json:"recent"`
	}
	s.want(http.StatusOK, &view, "GET", "/v1/users/u1", "")
	if view.User != "u1" || len(view.Attributes) != 2 || view.Attributes["age"] != 25.0 || view.Attributes["city"] != "Turin" || view.Recent == nil {
		t.Errorf("%+v", view)
	}
}
