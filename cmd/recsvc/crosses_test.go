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

const crossesConfig = `
models:
  - name: ctr
    bits: 16
    score: click
    heads:
      - {name: click, positive: [{type: click}], window: 10m}
features:
  - {name: item, kind: attribute, field: item.id}
  - {name: device, kind: attribute, field: context.device}
  - {name: mood, kind: attribute, field: context.mood}
  - {name: weather, kind: attribute, field: context.weather}
`

// writePairs writes events of which those with device and mood of the same number are clicked four times as often as others.
func writePairs(t *testing.T) (events, configuration string) {
	t.Helper()
	var e strings.Builder
	draw := rand.New(rand.NewPCG(7, 8))
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 3000 {
		at = at.Add(5 * time.Second)
		device, mood, weather, rate := draw.IntN(3), draw.IntN(3), draw.IntN(3), 0.2
		if device == mood {
			rate = 0.8
		}
		body := fmt.Sprintf(`"user":"u%d","item":"i%d","request":"r%d"`, draw.IntN(50), draw.IntN(20), i)
		fmt.Fprintf(&e, `{"id":"e%d","type":"exposure",%s,"ts":"%s","context":{"device":"d%d","mood":"m%d","weather":"w%d"}}`+"\n",
			i, body, at.Format(time.RFC3339), device, mood, weather)
		if draw.Float64() < rate {
			fmt.Fprintf(&e, `{"id":"c%d","type":"click",%s,"ts":"%s"}`+"\n", i, body, at.Add(time.Second).Format(time.RFC3339))
		}
	}
	dir := t.TempDir()
	events, configuration = filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "recsvc.yaml")
	for path, text := range map[string]string{events: e.String(), configuration: crossesConfig} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return events, configuration
}

const pairLine = "- {name: device_x_mood, kind: cross, inputs: [device, mood]}"

func TestTheCrossThatIsFoundIsReadyToBePasted(t *testing.T) {
	events, configuration := writePairs(t)
	found, stderr, err := call(t, "crosses", "-from", events, "-config", configuration)
	if err != nil {
		t.Fatal(err, stderr)
	}
	if !strings.Contains(found, "\n  "+pairLine) || strings.Count(found, "kind: cross") != 1 {
		t.Fatalf("found\n%s", found)
	}
	before := history{config: configuration}.replay(t, "-from", events)
	_, lines, _ := strings.Cut(found, "features:\n")
	pasted := filepath.Join(t.TempDir(), "recsvc.yaml")
	if err := os.WriteFile(pasted, []byte(crossesConfig+lines), 0o644); err != nil {
		t.Fatal(err)
	}
	after := history{config: pasted}.replay(t, "-from", events)
	if b, a := *before.Heads["click"].AUC, *after.Heads["click"].AUC; b > 0.6 || a < 0.7 {
		t.Errorf("AUC %.3f without the cross, %.3f with it", b, a)
	}
	again, stderr, err := call(t, "crosses", "-from", events, "-config", pasted)
	if err != nil || strings.Contains(again, pairLine) {
		t.Errorf("what the configuration has is found again: %v %s\n%s", err, stderr, again)
	}
}

func TestEqualHistoriesGiveEqualCrosses(t *testing.T) {
	events, configuration := writePairs(t)
	file := filepath.Join(t.TempDir(), "found.yaml")
	if _, stderr, err := call(t, "crosses", "-from", events, "-config", configuration, "-n", "2000", "-out", file); err != nil {
		t.Fatal(err, stderr)
	}
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(first), "on 2000 exposures of click") {
		t.Errorf("-n 2000 gives\n%s", first)
	}
	if second, _, _ := call(t, "crosses", "-from", events, "-config", configuration, "-n", "2000"); second != string(first) {
		t.Errorf("once\n%s\nand then\n%s", first, second)
	}
}

func TestWrongUseOfCrossesIsTold(t *testing.T) {
	events, configuration := writePairs(t)
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"no input", nil, "-from"},
		{"both inputs", []string{"-from", events, "-data", "x"}, "one or the other"},
		{"too few exposures", []string{"-from", events, "-n", "10"}, "-n 10"},
		{"no crosses", []string{"-from", events, "-keep", "0"}, "-keep 0"},
		{"no budget", []string{"-from", events, "-budget", "0"}, "-budget 0"},
		{"no such head", []string{"-from", events, "-config", configuration, "-head", "dwell"}, `"dwell"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, stderr, err := call(t, append([]string{"crosses"}, tc.args...)...)
			if err == nil || !strings.Contains(stderr+err.Error(), tc.want) {
				t.Errorf("%v, told %q; want something of %q", err, stderr, tc.want)
			}
		})
	}
}
