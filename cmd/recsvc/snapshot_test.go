package main

import (
	"bytes"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"recsvc/internal/api"
)

// attributesOnly leaves the model's weights as the only thing that predictions depend on.
const attributesOnly = `
listen: 127.0.0.1:0
seed: 1
request_deadline: 30s
limits: {free_bytes: 1MiB}
models:
  - name: ctr
    bits: 14
    heads: [{name: click, positive: [{type: click}], alpha: 0.3}]
features:
  - {name: user, kind: attribute, field: user.id}
  - {name: item, kind: attribute, field: item.id}
  - {name: category, kind: attribute, field: "item.categories[0]"}
rank: {scenes: {default: {epsilon: 0, budget: 20s}}}
`

func TestARestoreBringsThePredictionsBack(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, attributesOnly, data)
	s.after(s.write("/v1/items", catalogue(5)))
	items := []string{"a0", "a1", "a4", "b0", "b4"}
	learn := func(item string) {
		for range 5 {
			s.after(s.events(fields{"type": "exposure", "user": "u1", "item": item}, fields{"type": "click", "user": "u1", "item": item}))
		}
	}
	learn("a0")
	want := s.scores("u1", items...)

	var snap api.Snapshot
	s.want(http.StatusCreated, &snap, "POST", "/admin/v1/snapshots", `{"note":"before b"}`)
	if snap.ID == "" || snap.Cursor == "" || snap.Note != "before b" || len(snap.SHA256) != 64 || snap.Bytes == 0 ||
		len(snap.Models) != 1 || snap.Metrics["ctr"]["click"].Positives != 5 {
		t.Errorf("%+v", snap)
	}
	learn("b0")
	if maps.Equal(s.scores("u1", items...), want) {
		t.Fatal("nothing was learned")
	}
	metrics := s.status().head("click").Metrics
	var restored api.Restored
	s.want(http.StatusOK, &restored, "POST", "/admin/v1/snapshots/"+snap.ID+"/restore", "")
	if got := s.scores("u1", items...); !maps.Equal(got, want) {
		t.Errorf("restored: %v, want %v", got, want)
	}
	if after := s.status(); restored.Model != after.Models[0].Version || after.head("click").N != metrics.N {
		t.Errorf("restored %+v, status %+v", restored, after.Models)
	}

	var list api.SnapshotList
	s.want(http.StatusOK, &list, "GET", "/admin/v1/snapshots", "")
	if len(list.Snapshots) != 1 || list.Snapshots[0].ID != snap.ID {
		t.Errorf("%+v", list)
	}
	s.want(http.StatusOK, nil, "GET", "/admin/v1/snapshots/"+snap.ID, "")
	s.want(http.StatusConflict, nil, "DELETE", "/admin/v1/snapshots/"+snap.ID, "") // the log needs it

	var other api.Snapshot
	s.want(http.StatusCreated, &other, "POST", "/admin/v1/snapshots", `{}`)
	s.want(http.StatusNoContent, nil, "DELETE", "/admin/v1/snapshots/"+other.ID, "")
	s.want(http.StatusNotFound, nil, "GET", "/admin/v1/snapshots/"+other.ID, "")
	for path, status := range map[string]int{"/none/restore": 404, "/..%2fx/restore": 400} {
		s.want(status, nil, "POST", "/admin/v1/snapshots"+path, "")
	}
	s.stop()

	s = startServer(t, attributesOnly, data)
	if got := s.scores("u1", items...); !maps.Equal(got, want) {
		t.Errorf("after a restart: %v, want %v", got, want)
	}
	s.stop()
	if got, want := digestOf(t, attributesOnly, data), relearned(t, attributesOnly, data); got != want {
		t.Errorf("digest %s, the log alone leads to %s", got, want)
	}
}

func TestASnapshotGoesFromOneServerToAnother(t *testing.T) {
	from := startServer(t, attributesOnly, t.TempDir())
	from.after(from.write("/v1/items", catalogue(5)))
	items := []string{"a0", "b0"}
	for range 5 {
		from.after(from.events(fields{"type": "exposure", "user": "u1", "item": "a0"}, fields{"type": "click", "user": "u1", "item": "a0"}))
	}
	want := from.scores("u1", items...)
	var made api.Snapshot
	from.want(http.StatusCreated, &made, "POST", "/admin/v1/snapshots", `{"note":"from the other side"}`)
	status, content := from.do("GET", "/admin/v1/snapshots/"+made.ID+"/content", "")
	if status != http.StatusOK || int64(len(content)) != made.Bytes {
		t.Fatalf("%d, %d bytes of %d", status, len(content), made.Bytes)
	}
	from.stop()

	to := startServer(t, attributesOnly, t.TempDir())
	to.after(to.write("/v1/items", catalogue(5)))
	to.after(to.events(fields{"type": "view", "user": "u1", "item": "a1"})) // it must know whom it ranks for
	var kept, again api.Snapshot
	to.want(http.StatusCreated, &kept, "POST", "/admin/v1/snapshots/import?sha256="+made.SHA256, string(content))
	if !reflect.DeepEqual(kept, made) {
		t.Errorf("kept %+v, made %+v", kept, made)
	}
	to.want(http.StatusOK, &again, "POST", "/admin/v1/snapshots/import", string(content))
	to.want(http.StatusOK, nil, "POST", "/admin/v1/snapshots/"+kept.ID+"/restore", "")
	if got := to.scores("u1", items...); !maps.Equal(got, want) {
		t.Errorf("scores %v, want %v", got, want)
	}

	edited := bytes.Replace(content, []byte("from the other side"), []byte("from the other room"), 1)
	for what, bad := range map[string][]byte{"edited": edited, "cut short": content[:len(content)-1], "empty": {}} {
		if status, text := to.do("POST", "/admin/v1/snapshots/import", string(bad)); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	to.stop()
	other := startServer(t, strings.Replace(attributesOnly, "bits: 14", "bits: 15", 1), t.TempDir())
	if status, text := other.do("POST", "/admin/v1/snapshots/import", string(content)); status != http.StatusConflict {
		t.Errorf("under other definitions: %d %s", status, text)
	}
	var list api.SnapshotList
	other.want(http.StatusOK, &list, "GET", "/admin/v1/snapshots", "")
	if len(list.Snapshots) != 0 {
		t.Errorf("what was refused is kept: %+v", list)
	}
	other.stop()
}
