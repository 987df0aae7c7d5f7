package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"recsvc/internal/api"
)

// kafkaConfig is a server whose log is a topic of a broker inside the test.
func kafkaConfig(t *testing.T) (text string, produce func(kind, key, value string)) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "behaviour"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("behaviour"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	produce = func(kind, key, value string) {
		t.Helper()
		r := &kgo.Record{Key: []byte(key), Value: []byte(value)}
		if kind != "" {
			r.Headers = []kgo.RecordHeader{{Key: "kind", Value: []byte(kind)}}
		}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return smallConfig + "kafka: {brokers: ['" + strings.Join(cluster.ListenAddrs(), "', '") + "'], topic: behaviour, group: one}\n", produce
}

func TestTheSameThroughKafka(t *testing.T) {
	text, produce := kafkaConfig(t)
	data := t.TempDir()
	s := startServer(t, text, data)
	s.after(s.write("/v1/items", catalogue(10)))
	first := s.recommend("user", "u1", "n", "5")
	clicked := first.Items[1].Item
	cursor := s.events(
		fields{"type": "exposure", "user": "u1", "item": clicked, "request": first.Request, "position": 2, "id": "e1"},
		fields{"type": "click", "user": "u1", "item": clicked, "request": first.Request, "position": 2, "id": "c1"})
	second := s.recommend("user", "u1", "n", "5", "after", cursor)
	if slices.Equal(itemsOf(first), itemsOf(second)) || slices.Contains(itemsOf(second), clicked) || second.Items[0].Item[0] != clicked[0] {
		t.Errorf("after a click on %s the list %v became %v", clicked, itemsOf(first), itemsOf(second))
	}

	for after, want := range map[string]int{"2-1": 421, "0-0.7-3": 421, "0-0.1-0": 200} {
		s.want(want, nil, "GET", "/v1/recommendations?dry_run=true&after="+after, "")
	}

	// Others write to the topic, too: good records and bad ones, told apart by nothing but their content.
	produce("", "u1", `{"type":"click","user":"u1","item":"`+clicked+`","id":"c1"}`)
	produce("", "u2", `{"type":"click","user":"u2","item":"`+clicked+`","id":"c1"}`)
	produce("", "u2", `{"type":"click","user":"u2"`)
	produce("nonsense", "u2", `{}`)
	s.after(s.events(fields{"type": "view", "user": "u1", "item": "a0"}, fields{"type": "view", "user": "u2", "item": "a0"}))
	status := s.status()
	if c := status.Counts; c.Duplicate != 1 || c.DeadLettered != 2 {
		t.Errorf("%+v, want 1 duplicate and 2 dead letters", c)
	}
	if got := s.live(clicked); got["clicks"] != 2 {
		t.Errorf("counters of %s: %v, want 2 clicks", clicked, got)
	}
	var letters struct {
		DeadLetters []struct{ Source, Place, Reason, Text string } `json:"dead_letters"`
	}
	s.want(http.StatusOK, &letters, "GET", "/admin/v1/dead-letters", "")
	if n := len(letters.DeadLetters); n != 2 || letters.DeadLetters[1].Text != `{"type":"click","user":"u2"` ||
		!strings.HasPrefix(letters.DeadLetters[1].Place, "behaviour/") || letters.DeadLetters[1].Source != "kafka:behaviour" {
		t.Errorf("%+v", letters)
	}
	s.stop()

	// The state knows where to go on, whatever the consumer group does: this one has never committed anything.
	s = startServer(t, strings.Replace(text, "group: one", "group: two", 1), data)
	s.after(s.events(fields{"type": "view", "user": "u1", "item": "a0"}, fields{"type": "view", "user": "u2", "item": "a0"}))
	after := s.status().Counts
	if grown := after.Applied - status.Counts.Applied; grown < 2 || grown > 6 || after.Duplicate != 1 || after.DeadLettered != 2 {
		t.Errorf("counted %+v, after a restart %+v", status.Counts, after)
	}
	if got := s.live(clicked); got["clicks"] != 2 || got["exposures"] != 1 {
		t.Errorf("counters of %s after a restart: %v", clicked, got)
	}
}

func TestBadInputIsKeptInTheTopic(t *testing.T) {
	text, _ := kafkaConfig(t)
	s := startServer(t, text, t.TempDir())
	var a api.WriteAnswer
	s.want(http.StatusAccepted, &a, "POST", "/v1/events", `[{"type":"click","user":"u1","item":"i1"},{"type":"click","item":"i1"}]`)
	if a.Accepted != 1 || len(a.Rejected) != 1 {
		t.Errorf("%+v", a)
	}
	s.want(http.StatusBadRequest, nil, "POST", "/v1/events", `{"type":`)
	s.after(a.Cursor)
	var b api.WriteAnswer
	for b.Accepted == 0 || s.status().Counts.DeadLettered < 2 { // letters stand in partitions of their own choice
		s.want(http.StatusAccepted, &b, "POST", "/v1/events", `[{"type":"view","user":"u1","item":"i1"},{"type":"view","user":"u2","item":"i1"}]`)
		s.after(b.Cursor)
	}
	if c := s.status().Counts; c.DeadLettered != 2 {
		t.Errorf("%+v", c)
	}
}
