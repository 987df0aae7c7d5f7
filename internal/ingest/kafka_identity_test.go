package ingest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsvc/internal/event"
)

func TestKafkaGroupIsOneOfTheDataDirectoryUnlessItIsNamed(t *testing.T) {
	o := KafkaOptions{Brokers: []string{"localhost:9092"}, Topic: "events", File: filepath.Join(t.TempDir(), "kafka-topic.json")}
	group := func(o KafkaOptions) string {
		t.Helper()
		s, err := NewKafkaSource(o)
		if err != nil {
			t.Fatal(err)
		}
		return s.opts.Group
	}
	first := group(o)
	if !strings.HasPrefix(first, "recsvc-") || !kafkaName.MatchString(first) {
		t.Errorf("group %q", first)
	}
	if again := group(o); again != first {
		t.Errorf("after a restart the group is %q, before it was %q", again, first)
	}
	elsewhere := o
	elsewhere.File = filepath.Join(t.TempDir(), "kafka-topic.json")
	if other := group(elsewhere); other == first {
		t.Errorf("two data directories have one group, %q", other)
	}
	o.Group = "mine"
	if got := group(o); got != "mine" {
		t.Errorf("the group that was named became %q", got)
	}
}

func TestKafkaRemembersWhichTopicTheStateIsOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kafka-topic.json")
	state := event.Cursor{{Offset: 5}}
	open := func(from event.Cursor) *kafkaIdentity {
		t.Helper()
		id, err := openKafkaIdentity(path)
		if err != nil {
			t.Fatal(err)
		}
		id.begin(from)
		return id
	}
	if err := open(nil).meet("events", "id-1", "c1"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, topic, id, cluster, want string
		from                           event.Cursor
	}{
		{"the same", "events", "id-1", "c1", "", state},
		{"the same in a cluster that was renamed", "events", "id-1", "c2", "", state},
		{"a broker that has no ids", "events", "", "c1", "", state},
		{"another topic", "clicks", "id-9", "c1", "made from topic events", state},
		{"made anew", "events", "id-2", "c1", "made anew", state},
		{"no ids, and another cluster", "events", "", "c2", "cluster c1", state},
		{"a new state", "events", "id-2", "c2", "", nil},
		{"the new one from now on", "events", "id-1", "c2", "made anew", state},
	} {
		err := open(tc.from).meet(tc.topic, tc.id, tc.cluster)
		if tc.want == "" && err != nil || tc.want != "" && (!errors.Is(err, ErrKafkaTopic) || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestKafkaRefusesAFileThatIsDamagedAndSaysWhenItCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kafka-topic.json")
	for _, text := range []string{"", "{", `{"version":9,"instance":"a"}`, `{"version":1,"instance":""}`, `{"version":1,"instance":"../x"}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openKafkaIdentity(path); !errors.Is(err, ErrStateCorrupt) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if _, err := openKafkaIdentity(filepath.Join(dir, "missing", "kafka-topic.json")); err == nil {
		t.Error("a file was made in a directory that does not exist")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
