package ingest

import (
	"encoding/hex"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

var update = flag.Bool("update", false, "write the golden file anew")

// A failure here means that checkpoints written by earlier versions can no longer be read: do not update the file, add
// a version to the table's Load.
func TestVersion1OfTheStateIsReadForEver(t *testing.T) {
	const path = "testdata/state_v1.hex"
	c, d, l := newTestClock(), newTestDedup(), must(NewDeadLetters(DeadLettersOptions{}))
	c.Observe(at(3, 10*time.Hour, 11*time.Hour))
	for _, id := range []string{"a", "b"} {
		d.Seen(&event.Event{User: "u", ID: id, Time: event.Time(10 * time.Hour)})
	}
	l.Add(deadLetter(7, 3))

	disk := store{}
	tables := map[byte]stateTable{clockPrefix: c, dedupPrefix: d, letterPrefix: l}
	for _, table := range tables {
		disk.cut(table)
	}
	var now strings.Builder
	for _, key := range slices.Sorted(maps.Keys(disk)) {
		now.WriteString(hex.EncodeToString([]byte(key)) + " " + hex.EncodeToString(disk[key]) + "\n")
	}
	if *update {
		if err := os.WriteFile(path, []byte(now.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if now.String() != string(golden) {
		t.Errorf("the state is now written as\n%swas\n%s", now.String(), golden)
	}

	fresh := map[byte]stateTable{clockPrefix: newTestClock(), dedupPrefix: newTestDedup(), letterPrefix: must(NewDeadLetters(DeadLettersOptions{}))}
	for line := range strings.Lines(string(golden)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		key, value := must(hex.DecodeString(k)), must(hex.DecodeString(v))
		if err := fresh[key[0]].Load(key, value, dirty.SumOf(key, value)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for prefix, table := range fresh {
		if table.Set().Digest() != tables[prefix].Set().Digest() {
			t.Errorf("table %c reads as something else", prefix)
		}
	}
}
