package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// history is a small data set in files: a catalogue, profiles, and two files of events over two days.
type history struct {
	config, items, users, first, second string
	events, exposures, clicks           int
}

// makeHistory writes a seeded stream in which users click on what has the parity of their number.
func makeHistory(t *testing.T) (h history) {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var items, users, first, second bytes.Buffer
	for i := range 30 {
		fmt.Fprintf(&items, `{"item":"i%d","categories":["c%d"],"created":"2026-01-01T00:00:00Z"}`+"\n", i, i%2)
	}
	for u := range 10 {
		fmt.Fprintf(&users, `{"user":"u%d","age":%d}`+"\n", u, 20+u)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	now := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	line := func(kind string, u, i int) {
		out := &first
		if u%2 == 1 {
			out = &second
		}
		h.events++
		fmt.Fprintf(out, `{"id":"e%d","type":%q,"user":"u%d","item":"i%d","ts":%q}`+"\n", h.events, kind, u, i, now.Format(time.RFC3339Nano))
	}
	for range 800 {
		now = now.Add(time.Duration(rng.IntN(20_000)) * time.Millisecond)
		u, i := rng.IntN(10), rng.IntN(30)
		line("exposure", u, i)
		h.exposures++
		if rng.Float64() < 0.1+0.6*float64((u+i+1)%2) {
			now = now.Add(time.Second)
			line("click", u, i)
			h.clicks++
		}
	}
	h.config = writeConfig(t, smallConfig)
	h.items, h.users = file("items.jsonl", items.Bytes()), file("users.jsonl", users.Bytes())
	h.first = file("first.jsonl", first.Bytes())
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(second.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	h.second = file("second.jsonl.gz", packed.Bytes())
	return h
}

// summary is what replay -json prints, by the contract.
type summary struct {
	Events     int     `json:"events"`
	Applied    int     `json:"applied"`
	Duplicates int     `json:"duplicates"`
	Late       int     `json:"late"`
	Rejected   int     `json:"rejected"`
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"events_per_second"`
	Digest     string  `json:"digest"`
	Heads      map[string]figures
	Days       []struct {
		Day   string
		Heads map[string]figures
	}
}

type figures struct {
	N, Positives      int
	AUC, LogLoss      *float64
	NormalizedEntropy *float64 `json:"normalized_entropy"`
	Calibration       *float64
}

// replay runs the command and decodes what it prints.
func (h history) replay(t *testing.T, args ...string) (s summary) {
	t.Helper()
	out, errs, err := call(t, append([]string{"replay", "-json", "-config", h.config}, args...)...)
	if err != nil {
		t.Fatalf("replay %v: %v: %s", args, err, errs)
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if s.Events != s.Applied+s.Duplicates+s.Late+s.Rejected {
		t.Errorf("%+v", s)
	}
	return s
}

func TestAReplayTellsWhatWasLearnedTheSameEachTime(t *testing.T) {
	h := makeHistory(t)
	all := []string{"-items", h.items, "-users", h.users, "-from", h.first, h.second}
	one, two := h.replay(t, all...), h.replay(t, all...)
	if one.Events != h.events || one.Applied != h.events || one.Seconds <= 0 || one.Rate <= 0 || len(one.Digest) != 32 {
		t.Errorf("%+v, want %d events", one, h.events)
	}
	click := one.Heads["click"]
	if click.N != h.exposures || click.Positives != h.clicks || *click.AUC < 0.7 || *click.LogLoss > 0.6 ||
		*click.NormalizedEntropy >= 1 || *click.Calibration < 0.7 || *click.Calibration > 1.4 {
		t.Errorf("%d exposures and %d clicks: %+v", h.exposures, h.clicks, click)
	}
	if long := one.Heads["long_dwell"]; long.N != h.exposures || long.Positives != 0 || long.AUC != nil || long.Calibration != nil || long.LogLoss == nil {
		t.Errorf("a head without a positive: %+v", long)
	}
	if len(one.Days) != 2 || one.Days[0].Day != "2026-03-01" || one.Days[1].Day != "2026-03-02" {
		t.Errorf("days %+v", one.Days)
	} else if n := one.Days[0].Heads["click"].N + one.Days[1].Heads["click"].N; n != h.exposures {
		t.Errorf("the days have %d exposures together", n)
	}
	two.Seconds, two.Rate = one.Seconds, one.Rate
	a, _ := json.Marshal(one)
	b, _ := json.Marshal(two)
	if !bytes.Equal(a, b) {
		t.Errorf("once %s, and once %s", a, b)
	}

	// The order in which the files are named decides nothing but ties.
	if other := h.replay(t, "-items", h.items, "-users", h.users, "-from", h.second, "-from", h.first); other.Heads["click"].N != h.exposures {
		t.Errorf("%+v", other)
	}
}

func TestTheJSONOfAReplayHasTheFieldsOfTheContract(t *testing.T) {
	h := makeHistory(t)
	out, _, err := call(t, "replay", "-json", "-config", h.config, "-from", h.first)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	has := func(where string, m any, keys ...string) {
		t.Helper()
		for _, k := range keys {
			if _, ok := m.(map[string]any)[k]; !ok {
				t.Errorf("%s lacks %q: %s", where, k, out)
			}
		}
	}
	has("the object", got, "events", "applied", "duplicates", "late", "rejected", "seconds", "events_per_second", "digest", "heads", "days")
	metrics := []string{"n", "positives", "auc", "logloss", "normalized_entropy", "calibration"}
	has("a head", got["heads"].(map[string]any)["click"], metrics...)
	day := got["days"].([]any)[0].(map[string]any)
	has("a day", day, "day", "heads")
	has("a day's head", day["heads"].(map[string]any)["click"], metrics...)
}

func TestAFileReplayedTwiceCountsOnce(t *testing.T) {
	h := makeHistory(t)
	once := h.replay(t, "-items", h.items, "-from", h.first)
	twice := h.replay(t, "-items", h.items, "-from", h.first, "-from", h.first)
	if twice.Applied != once.Applied || twice.Duplicates != once.Applied || twice.Heads["click"].N != once.Heads["click"].N {
		t.Errorf("once %+v, twice %+v", once, twice)
	}
}

func TestAReplayGoesOnWhereAnotherEnded(t *testing.T) {
	h := makeHistory(t)
	data := filepath.Join(t.TempDir(), "data")
	first := h.replay(t, "-items", h.items, "-data", data, "-from", h.first)
	if _, _, err := call(t, "replay", "-config", h.config, "-data", data, "-from", h.first); err == nil || !strings.Contains(err.Error(), "-append") {
		t.Errorf("a directory that was used before: %v", err)
	}
	again := h.replay(t, "-append", "-data", data, "-from", h.first)
	if again.Applied != 0 || again.Duplicates != first.Applied || again.Events != first.Events {
		t.Errorf("the same file again: %+v, first %+v", again, first)
	}
	if again.Heads["click"].N != first.Heads["click"].N {
		t.Errorf("judged %d predictions, then %d", first.Heads["click"].N, again.Heads["click"].N)
	}
	rest := h.replay(t, "-append", "-data", data, "-from", h.second)
	if rest.Applied != h.events-first.Applied || rest.Heads["click"].N != h.exposures || rest.Digest == first.Digest {
		t.Errorf("the other file: %+v", rest)
	}

	s := startServer(t, smallConfig, data) // what was learned can be served
	if click := s.status().head("click"); click.N != int64(h.exposures) || click.Positives != int64(h.clicks) {
		t.Errorf("served with %+v", click)
	}
	if got := s.recommend("user", "u1", "n", "3"); len(got.Items) != 3 || got.Items[0].Score == 0.5 {
		t.Errorf("%+v", got)
	}
}

func TestBadLinesOfAFileAreCountedAndTheRestIsLearned(t *testing.T) {
	config := writeConfig(t, smallConfig)
	path := filepath.Join(t.TempDir(), "events.jsonl")
	text := `{"type":"view","user":"u1","item":"i1"}
{"type":"view","user":"u1","item":"i1","ts":"2026-01-01T00:00:00Z"}
{"type":"view","user":"u1","item":"i1"}
{"type":"view","user":"u1",

{"type":"view","item":"i1","ts":"2026-01-01T00:00:01Z"}
{"type":"view","user":"u1","item":"i1","ts":"2025-12-01T00:00:00Z"}
{"type":"exposure","user":"u1","item":"i1","ts":"2026-01-01T00:00:02Z","propensity":7}
{"type":"view","user":"u1","item":"i1","ts":"2026-01-01T00:00:03Z"}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := history{config: config}.replay(t, "-from", path)
	if got.Events != 8 || got.Applied != 3 || got.Late != 1 || got.Rejected != 4 {
		t.Errorf("%+v", got)
	}
}

func TestAReplayWithoutJSONEndsWithATable(t *testing.T) {
	h := makeHistory(t)
	out, _, err := call(t, "replay", "-config", h.config, "-items", h.items, "-from", h.first, h.second)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out, "\n")
	for _, want := range []string{"2026-03-01 click", "2026-03-02 click", "2026-03-01 long_dwell", "overall click", "overall long_dwell"} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(strings.Join(strings.Fields(l), " "), want) }) {
			t.Errorf("no row %q in\n%s", want, out)
		}
	}
	if !strings.Contains(out, fmt.Sprintf("%d events in ", h.events)) || !strings.Contains(out, "\ndigest ") {
		t.Errorf("no summary in\n%s", out)
	}
}

func TestAReplayOfWhatIsNotThereSaysSo(t *testing.T) {
	for _, args := range [][]string{
		{"-from", "none.jsonl"}, {"-items", "none.jsonl", "-from", os.DevNull}, {"-config", "none.yaml", "-from", os.DevNull},
	} {
		if _, _, err := call(t, append([]string{"replay"}, args...)...); err == nil || !strings.Contains(err.Error(), "none.") {
			t.Errorf("replay %v: %v", args, err)
		}
	}
}
