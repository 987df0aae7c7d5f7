package clickrate

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

func TestAHotKeyHasFourEventsInFive(t *testing.T) {
	const n = 10_000
	hot := 0
	for _, e := range Hot(n).Events {
		if e.User == HotUser {
			hot++
		}
	}
	if hot < n*4/5 || hot > n*4/5+10 {
		t.Errorf("%d events of %d", hot, n)
	}
}

// Decoding runs on all cores; what comes of it is in the order of the input, for the hot key and for all others.
func TestEventsOfEachKeyKeepTheirOrderBesideAHotOne(t *testing.T) {
	const n = 20_000
	path := filepath.Join(t.TempDir(), "events.jsonl")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out, want := bufio.NewWriter(file), map[string][]string{}
	part, names := Hot(n), NewNames()
	for i, e := range part.Events {
		user, id := names.users[e.User], fmt.Sprint("e", i)
		want[user] = append(want[user], id)
		fmt.Fprintf(out, `{"type":"click","user":%q,"item":%q,"id":%q,"ts":%d}`+"\n", user, names.items[e.Item], id, e.TS/1000*1000)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}

	v, err := ingest.NewValidator(ingest.ValidatorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	src, err := ingest.NewFiles(v, ingest.FilesOptions{Events: []string{path}, Workers: 4})
	if err != nil {
		t.Fatal(err)
	}
	batches, ended := make(chan *ingest.Batch), make(chan error, 1)
	go func() {
		ended <- src.Run(t.Context(), nil, batches)
		close(batches)
	}()
	got := map[string][]string{}
	for b := range batches {
		for _, r := range b.Records {
			if r.Kind != event.KindEvent {
				t.Fatalf("a record of kind %d", r.Kind)
			}
			got[r.Event.User] = append(got[r.Event.User], r.Event.ID)
		}
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for user := range want {
		if !slices.Equal(got[user], want[user]) {
			t.Errorf("%s: %d events in another order than they came in", user, len(want[user]))
		}
	}
}
