package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeSample writes events of which one in ten exposures is clicked, or six in ten on a phone, with a catalogue.
func writeSample(t *testing.T) (events, items string) {
	t.Helper()
	dir := t.TempDir()
	events, items = filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "items.jsonl")
	var e, c strings.Builder
	for i := range 100 {
		fmt.Fprintf(&c, `{"item":"i%d","categories":["c%d","d%d"],"price":%d.5,"created":"2026-01-01T00:00:00Z"}`+"\n", i, i%7, i%5, 1+i*i)
	}
	draw := rand.New(rand.NewPCG(3, 4))
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 4000 {
		at = at.Add(20 * time.Second)
		user, item, device, rate := draw.IntN(60), draw.IntN(100), "desk", 0.1
		if draw.IntN(2) == 0 {
			device, rate = "phone", 0.6
		}
		body := fmt.Sprintf(`"user":"u%d","item":"i%d","request":"r%d"`, user, item, i)
		fmt.Fprintf(&e, `{"id":"e%d","type":"exposure",%s,"ts":"%s","context":{"device":"%s"}}`+"\n", i, body, at.Format(time.RFC3339), device)
		if draw.Float64() < rate {
			fmt.Fprintf(&e, `{"id":"c%d","type":"click",%s,"ts":"%s"}`+"\n", i, body, at.Add(time.Second).Format(time.RFC3339))
		}
	}
	for path, text := range map[string]string{events: e.String(), items: c.String()} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return events, items
}

func TestAProposedConfigurationIsValidAndLearnsFrom(t *testing.T) {
	events, items := writeSample(t)
	path := filepath.Join(t.TempDir(), "proposal.yaml")
	_, table, err := call(t, "autofeature", "-from", events, "-items", items, "-out", path)
	if err != nil {
		t.Fatal(err, table)
	}
	if !strings.Contains(table, "context.device") {
		t.Errorf("the table tells nothing of a field:\n%s", table)
	}
	if _, stderr, err := call(t, "check", "-config", path); err != nil {
		t.Fatal(err, stderr)
	}
	learned := history{config: path}.replay(t, "-from", events, "-items", items)
	if auc := *learned.Heads["click"].AUC; auc < 0.72 { // who knows the device alone reaches 0.76
		t.Errorf("AUC %v with the proposal", auc)
	}
}

func TestAutofeatureSaysWhatIsWrongWithItsFlags(t *testing.T) {
	events, items := writeSample(t)
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"no events", nil, "name at least one event file"},
		{"a sample of nothing", []string{"-from", events, "-n", "10"}, "less than 1000 events"},
		{"an archive and files", []string{"-from", events, "-from", t.TempDir()}, "use one or the other"},
		{"an archive and a catalogue", []string{"-from", t.TempDir(), "-items", items}, "leave out -items"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, stderr, err := call(t, append([]string{"autofeature"}, tc.args...)...)
			if err == nil || !strings.Contains(stderr, tc.want) {
				t.Errorf("%v, %q; want %q", err, stderr, tc.want)
			}
		})
	}
}
