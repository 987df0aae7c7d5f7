package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// evaluate runs the command and decodes what it prints. Figures are read as what replay prints.
func (h history) evaluate(t *testing.T, args ...string) (e struct {
	Examples int
	Heads    []struct {
		Head string
		Arms []struct {
			Arm              string
			All, Progressive figures
			Gain             struct {
				LogLoss struct{ Value, Low, High float64 }
			}
		}
	}
}) {
	t.Helper()
	out, errs, err := call(t, append([]string{"eval", "-json", "-config", h.config, "-items", h.items, "-users", h.users, "-from", h.first, "-from", h.second}, args...)...)
	if err != nil {
		t.Fatalf("eval %v: %v: %s", args, err, errs)
	}
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return e
}

func TestTheOnlineArmIsTheReplayToTheBit(t *testing.T) {
	h := makeHistory(t)
	for _, calibration := range []string{"none", "platt"} {
		t.Run(calibration, func(t *testing.T) {
			h := h
			h.config = writeConfig(t, strings.ReplaceAll(smallConfig, "alpha: 0.3", "alpha: 0.3, calibration: "+calibration))
			sameAsReplay(t, h)
		})
	}
}

// sameAsReplay compares the online arm with a replay under the same configuration.
func sameAsReplay(t *testing.T, h history) {
	t.Helper()
	want := h.replay(t, "-items", h.items, "-users", h.users, "-from", h.first, "-from", h.second)
	got := h.evaluate(t, "-compare", "1h,online")
	if got.Examples != 2*h.exposures || len(got.Heads) != 2 || got.Heads[0].Head != "ctr/click" {
		t.Fatalf("%+v", got)
	}
	text := func(f any) string {
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for i, name := range []string{"click", "long_dwell"} {
		head := want.Heads[name]
		if head.N == 0 {
			head = want.Heads["ctr/"+name]
		}
		online := got.Heads[i].Arms[3]
		if online.Arm != "online" || text(online.Progressive) != text(head) || head.N == 0 {
			t.Errorf("%s: %s is %s, the replay %s", name, online.Arm, text(online.Progressive), text(head))
		}
	}
}

func TestWhatIsStaleIsWorse(t *testing.T) {
	h := makeHistory(t)
	arms := h.evaluate(t, "-compare", "online,1h").Heads[0].Arms
	var names []string
	for i, a := range arms {
		names = append(names, a.Arm)
		if i > 0 && (*a.All.LogLoss <= *arms[0].All.LogLoss || a.Gain.LogLoss.Value >= 0 || a.Gain.LogLoss.Low > a.Gain.LogLoss.Value) {
			t.Errorf("%s has log-loss %v, online %v; gain %+v", a.Arm, *a.All.LogLoss, *arms[0].All.LogLoss, a.Gain)
		}
	}
	if want := []string{"online", "weights 1h", "features 1h", "weights and features 1h"}; !slices.Equal(names, want) {
		t.Errorf("arms %q", names)
	}
}

func TestAPointOfAGridIsTheReplayWithItsSettings(t *testing.T) {
	h := makeHistory(t)
	got := h.evaluate(t, "-grid", "alpha=0.3,0.05;bits=12,14").Heads[0].Arms
	if len(got) != 4 || got[3].Arm != "alpha=0.05 bits=14" {
		t.Fatalf("%+v", got)
	}
	h.config = writeConfig(t, strings.ReplaceAll(smallConfig, "alpha: 0.3", "alpha: 0.05"))
	want := h.replay(t, "-items", h.items, "-users", h.users, "-from", h.first, "-from", h.second)
	if a, b := *got[3].Progressive.LogLoss, *want.Heads["click"].LogLoss; a != b || a == *got[1].Progressive.LogLoss {
		t.Errorf("log-loss %v, of a replay %v", a, b)
	}
}

func TestAnEvaluationIsWrittenToADirectory(t *testing.T) {
	h := makeHistory(t)
	dir := filepath.Join(t.TempDir(), "out")
	out, errs, err := call(t, "eval", "-config", h.config, "-from", h.first, "-out", dir)
	if err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	if !strings.Contains(out, "| `online` |") || !strings.Contains(out, "### ctr/long_dwell") {
		t.Errorf("%s", out)
	}
	for name, has := range map[string]string{"eval.md": "### ctr/click", "eval.json": `"learn_cpu_seconds"`, "ctr-click.svg": "<svg", "ctr-long_dwell.svg": "</svg>"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(text), has) {
			t.Errorf("%s lacks %q: %v", name, has, err)
		}
	}
}

func TestWrongArgumentsOfAnEvaluationAreNamed(t *testing.T) {
	h := makeHistory(t)
	for _, tc := range []struct{ name, flag, value, want string }{
		{"a grid without values", "-grid", "alpha", `"alpha" is not key=value`},
		{"a key of the join", "-grid", "window=1h,2h", "-grid window: no key of a head or model"},
		{"a value out of range", "-grid", "alpha=-1", "alpha"},
		{"a word", "-grid", "alpha=fast", "fast"},
		{"a refresh that is none", "-compare", "online,often", `"often" is neither online nor a time`},
		{"a refresh twice", "-compare", "1h,1h", "1h is there twice"},
		{"too many arms", "-compare", "1h,2h,3h,4h,5h,6h,7h,8h,9h,10h,11h,12h,13h,14h,15h,16h,17h,18h,19h,20h,21h,22h", "arms"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := call(t, "eval", "-config", h.config, "-from", h.first, tc.flag, tc.value)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
	if _, _, err := call(t, "eval", "-config", h.config); err == nil {
		t.Error("no file is needed")
	}
}
