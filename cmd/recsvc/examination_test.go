package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/zeebo/xxh3"
	"go.uber.org/zap"

	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/examination"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/ingest"
)

// overlaid is the curve that is laid over a stream which has no positions.
var overlaid = []float64{1, .59, .44, .35, .30}

// overlay learns from clicks that were thinned by a known curve; the head rel knows them all.
const overlay = `
models:
  - name: m
    bits: 20
    heads:
      - {name: naive, positive: [click], alpha: 0.1}
      - {name: pbm, positive: [click], alpha: 0.1, examination: pbm}
      - {name: soft, positive: [click], alpha: 0.1, examination: soft}
      - {name: rel, positive: [relevant], alpha: 0.1}
feedback:
  positions: [1, 0.62, 0.46, 0.38, 0.32] # k^-0.7: a guess, until something is known
  examination: {head: pbm, method: swaps, positions: 5, half_life: 8760h, randomised: {field: context.randomised}}
features:
  - {name: user, kind: attribute, field: user.id}
  - {name: item, kind: attribute, field: item.id}
  - {name: tab, kind: attribute, field: context.tab}
  - {name: category, kind: attribute, field: "item.categories[0]"}
  - {name: author, kind: attribute, field: "item.tags[0]"}
  - {name: duration, kind: attribute, field: context.duration, as: log}
  - {name: duration_bucket, kind: bucketize, input: duration, buckets: [1.5, 2, 2.3, 2.6, 2.9, 3.2, 3.5, 3.8, 4.1, 4.5, 5, 5.5, 6]}
  - {name: tab_duration, kind: cross, inputs: [tab, duration_bucket]}
  - {name: user_tab, kind: cross, inputs: [user, tab]}
`

// unit is a number in [0, 1) that a text decides.
func unit(text string, seed uint64) float64 {
	return float64(xxh3.HashStringSeed(text, seed)>>11) / (1 << 53)
}

// layOver writes the exposures and clicks of a stream with positions: half of them drawn, the others by the item, whatever its relevance.
// A click stays where the position is looked at; each is also a "relevant".
func layOver(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	zipped, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(out)
	put := func(e map[string]any) {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(append(b, '\n'))
	}
	looked := map[string]bool{}
	lines := bufio.NewScanner(zipped)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e map[string]any
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		pair := fmt.Sprint(e["user"], "/", e["item"])
		switch e["type"] {
		case "exposure":
			at := fmt.Sprint(pair, e["ts"])
			drawn := unit(at, 1) < .5
			k := int(unit(at, 2) * 5)
			if !drawn {
				k = min(4, int(5*(.75*unit(fmt.Sprint(e["item"]), 3)+.25*unit(at, 4))))
			}
			looked[pair] = unit(at, 5) < overlaid[k]
			context, _ := e["context"].(map[string]any)
			if context == nil {
				context = map[string]any{}
			}
			context["randomised"] = drawn
			e["position"], e["context"] = k+1, context
			put(e)
		case "click":
			if looked[pair] {
				put(e)
			}
			e["type"], e["id"] = "relevant", fmt.Sprint("r", e["id"])
			put(e)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// judge pairs what each head has predicted at capture with what the last of them knows.
type judge struct {
	waiting         map[uint64]*[4]float32
	seen            map[uint64]int
	loss, predicted [4]float64
	relevant, count float64
	label           map[uint64]bool
}

func (j *judge) Parked(uint64, int)                               {}
func (j *judge) Requested(uint64, *event.Event)                   {}
func (j *judge) Shown(uint64, *event.Event, feedback.Shown)       {}
func (j *judge) Labelled(uint64, int, *event.Event)               {}
func (j *judge) Ended(uint64, feedback.End)                       {}
func (j *judge) Begin(*event.Record, *features.Query)             {}
func (j *judge) Captured(int, *features.Query, feedback.Captured) {}
func (j *judge) Err() error                                       { return nil }
func (j *judge) Settled(id uint64, s feedback.Settled) {
	p := j.waiting[id]
	if p == nil {
		p = new([4]float32)
		j.waiting[id] = p
	}
	p[s.Head] = s.P
	if s.Head == 3 {
		j.label[id] = s.Positive
	}
	if j.seen[id]++; j.seen[id] < len(p) {
		return
	}
	y := 0.0
	if j.label[id] {
		y = 1
	}
	j.count++
	j.relevant += y
	for h, p := range p {
		j.predicted[h] += float64(p)
		j.loss[h] -= math.Log(1 - math.Abs(y-float64(p)))
	}
	delete(j.waiting, id)
	delete(j.seen, id)
	delete(j.label, id)
}

func TestTheCurveLaidOverRealClicksIsFoundAndUndone(t *testing.T) {
	data := os.Getenv("OVERLAY")
	if data == "" {
		t.Skip("OVERLAY names the folder of kuairand: some minutes")
	}
	path := filepath.Join(t.TempDir(), "events.jsonl")
	layOver(t, filepath.Join(data, "events.jsonl.gz"), path)
	j := &judge{waiting: map[uint64]*[4]float32{}, seen: map[uint64]int{}, label: map[uint64]bool{}}
	a, err := openObserved(readConfig(t, overlay, filepath.Join(t.TempDir(), "data")), zap.NewNop(), func(*features.Store) (engine.Observer, error) { return j, nil })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	files, err := ingest.NewFiles(a.validator, ingest.FilesOptions{Events: []string{path}, Items: []string{filepath.Join(data, "items.jsonl.gz")}})
	if err != nil {
		t.Fatal(err)
	}
	src := &closing{source: files, after: a.engine.Longest() + a.config.Lateness}
	if err := a.engine.Run(t.Context(), a.backlog().then(ingest.Logged(src, a.sink))); err != nil {
		t.Fatal(err)
	}
	report := a.engine.Positions()[0]
	for m := examination.Swaps; m <= examination.EM; m++ {
		for k, e := range report.Of(m) {
			t.Logf("%-8s position %d: %.4f (%.4f to %.4f), effective %.0f, laid over %v", m, k+1, e.Theta, e.Low, e.High, e.Effective, overlaid[k])
			if m == examination.Swaps && math.Abs(e.Theta-overlaid[k]) > .02 {
				t.Errorf("θ of position %d is %.4f, want %v ± .02", k+1, e.Theta, overlaid[k])
			}
		}
	}
	for h, name := range []string{"naive", "pbm", "soft", "rel"} {
		loss, calibration := j.loss[h]/j.count, j.predicted[h]/j.relevant
		t.Logf("%-6s log-loss against all clicks %.5f, Σp/Σclicks %.3f, of %.0f", name, loss, calibration, j.count)
		if (name == "pbm" || name == "soft") && math.Abs(calibration-1) > .03 {
			t.Errorf("%s predicts %.3f of what is clicked where all is looked at", name, calibration)
		}
		if name != "naive" && loss > j.loss[0]/j.count-.05 {
			t.Errorf("%s: log-loss %.5f, from the thinned clicks as they are %.5f", name, loss, j.loss[0]/j.count)
		}
	}
	if s := examinationStatus(a.engine); len(s) != 1 || len(s[0].Positions) != 5 || s[0].Positions[4].InForce == nil || s[0].Positions[4].Swaps == nil {
		t.Errorf("status: %+v", s)
	}
}
