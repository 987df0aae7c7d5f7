package main

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"recsvc/internal/event"
	"recsvc/internal/model"
)

// withChallenger has a champion, and a challenger with the same heads that learns more slowly.
var withChallenger = strings.Replace(smallConfig, "features:\n", `  - name: next
    bits: 14
    heads:
      - {name: click, positive: [{type: click}], alpha: 0.1}
      - {name: long_dwell, positive: [{type: long_view}, {type: dwell, min: 30}], alpha: 0.1}
features:
`, 1)

// learned makes a data directory that has seen a history.
func learned(t *testing.T) (config, data string) {
	t.Helper()
	h := makeHistory(t)
	h.config, data = writeConfig(t, withChallenger), filepath.Join(t.TempDir(), "data")
	h.replay(t, "-items", h.items, "-users", h.users, "-data", data, "-from", h.first, h.second)
	return h.config, data
}

// weightsOf reads the weights of all models of a data directory, after it has applied its log.
func weightsOf(t *testing.T, config, data string) (all [][]string) {
	t.Helper()
	c, err := loadConfig(config, map[string]string{"data": data})
	if err != nil {
		t.Fatal(err)
	}
	a, err := openApp(c, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.engine.Run(t.Context(), a.backlog()); err != nil {
		t.Fatal(err)
	}
	for _, m := range a.models {
		all = append(all, pagesOfModel(t, m))
	}
	return all
}

func pagesOfModel(t *testing.T, m *model.Model) (pages []string) {
	t.Helper()
	if err := m.Pages(func(k, v []byte) error { pages = append(pages, string(k)+string(v)); return nil }); err != nil {
		t.Fatal(err)
	}
	return pages
}

// train runs the command and decodes what it prints.
func runTrain(t *testing.T, args ...string) (out trained) {
	t.Helper()
	text, errs, err := call(t, append([]string{"train", "-json"}, args...)...)
	if err != nil {
		t.Fatalf("train %v: %v: %s", args, err, errs)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// One pass is the stream as it came: a model that has learned all along is what it makes, to the bit.
func TestOnePassOverTheLogIsTheModelThatHasLearnedAllAlong(t *testing.T) {
	config, data := learned(t)
	before := weightsOf(t, config, data)
	out := runTrain(t, "-config", config, "-data", data, "-passes", "1")
	if out.Model != "next" || out.Passes != 1 || out.Examples == 0 || out.Snapshot == "" || len(out.SHA256) != 64 {
		t.Errorf("%+v", out)
	}
	after := weightsOf(t, config, data)
	if len(before[1]) == 0 || !slices.Equal(before[1], after[1]) || !slices.Equal(before[0], after[0]) {
		t.Error("other weights")
	}
	if m := out.Memory; *m.OldTrained != *m.OldOnline || *m.NewTrained != *m.NewOnline || m.Sampled == 0 {
		t.Errorf("%+v", m)
	}
}

func TestATrainedChallengerTakesItsPlaceAtTheNextStartAndCanBePromoted(t *testing.T) {
	config, data := learned(t)
	before := weightsOf(t, config, data)
	out := runTrain(t, "-config", config, "-data", data, "-model", "next", "-passes", "4")
	if m := out.Memory; !(*m.OldTrained < *m.OldOnline) {
		t.Errorf("four passes leave no more of what was long ago than one: %+v", m)
	}
	after := weightsOf(t, config, data)
	if !slices.Equal(before[0], after[0]) || slices.Equal(before[1], after[1]) {
		t.Error("the champion has changed, or the challenger has not")
	}
	shuffled := runTrain(t, "-config", config, "-data", data, "-passes", "4", "-shuffle", "-seed", "3")
	if shuffled.SHA256 == out.SHA256 || slices.Equal(weightsOf(t, config, data)[1], after[1]) {
		t.Error("the order makes no difference")
	}
	s := startServer(t, withChallenger, data)
	if status, body := s.do("POST", "/admin/v1/models/next/promote", ""); status != 409 || !strings.Contains(string(body), "its present weights have been judged by 0 outcomes only, of 1000") {
		t.Errorf("training is a way past the gate: %d %s", status, body)
	}
	s.want(200, nil, "POST", "/admin/v1/models/next/promote", `{"force":true}`)
	if l := s.recommend("user", "u1", "n", "3"); !strings.HasPrefix(l.Model, "next@") {
		t.Errorf("%+v", l)
	}
	s.want(409, nil, "DELETE", "/admin/v1/snapshots/"+shuffled.Snapshot, "")
	if status, body := s.do("POST", "/admin/v1/snapshots/"+shuffled.Snapshot+"/restore", ""); status < 400 || !strings.Contains(string(body), "nothing of ctr") {
		t.Errorf("weights of one model replace those of all: %d %s", status, body)
	}
	s.stop()

	// It serves now, and is not to be trained under the eyes of those it serves.
	if _, _, err := call(t, "train", "-config", config, "-data", data, "-model", "next"); !errors.Is(err, errChampion) {
		t.Errorf("the model that serves was trained: %v", err)
	}
	runTrain(t, "-config", config, "-data", data, "-model", "ctr", "-passes", "1") // which does not any more
}

func TestATrainingThatIsInterruptedHasChangedNothing(t *testing.T) {
	config, data := learned(t)
	before := weightsOf(t, config, data)
	for _, stage := range []string{"read", "pass 1 of 3", "pass 3 of 3"} {
		t.Run(stage, func(t *testing.T) {
			c, err := loadConfig(config, map[string]string{"data": data})
			if err != nil {
				t.Fatal(err)
			}
			a := &app{config: c, log: zap.NewNop(), registry: prometheus.NewRegistry()}
			defer a.Close()
			if err := a.openHistory(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tr := &training{app: a, definitions: declare(c), place: 1, passes: 3, progress: func(at string, _, _ int64) {
				if at == stage {
					cancel()
				}
			}}
			if err := tr.open(ctx); err != nil {
				t.Fatal(err)
			}
			err = tr.learn(event.Cursor{{Offset: a.wal.Next()}})
			if err == nil && stage != "read" || err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if err := tr.close(); err != nil {
				t.Error(err)
			}
		})
	}
	if left, _ := filepath.Glob(filepath.Join(data, "training-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if after := weightsOf(t, config, data); !slices.Equal(before[1], after[1]) {
		t.Error("other weights")
	}
}

func TestTrainRefusesWhatItCannotDoWithTheReason(t *testing.T) {
	config, data := learned(t)
	alone := writeConfig(t, smallConfig)
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"no such model", []string{"-config", config, "-data", data, "-model", "gone"}, `no model "gone"`},
		{"no challenger", []string{"-config", alone, "-data", data}, "no challenger is declared"},
		{"the champion", []string{"-config", config, "-data", data, "-model", "ctr"}, "champion"},
		{"no directory", []string{"-config", config, "-data", filepath.Join(t.TempDir(), "none")}, "data directory"},
		{"no passes", []string{"-config", config, "-data", data, "-passes", "0"}, "wrong usage"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, errs, err := call(t, append([]string{"train"}, tc.args...)...); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, %s", err, errs)
			}
		})
	}
	startServer(t, withChallenger, data)
	if _, _, err := call(t, "train", "-config", config, "-data", data); err == nil {
		t.Error("a server's directory was trained in")
	}
}

func TestATableOfTrainingTellsWhatIsForgotten(t *testing.T) {
	old, now := 0.5, 0.25
	var out strings.Builder
	if err := (&trained{Model: "next", Passes: 3, Memory: forgotten{Sampled: 7, OldTrained: &old, OldOnline: &now}}).write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"next trained in 3 passes", "sample of 7", "0.50000 against 0.25000", "– against –"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
}
