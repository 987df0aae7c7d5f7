package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"recsvc/internal/api"
)

// evaluate runs recsvc ope and decodes what it prints.
func evaluate(t *testing.T, args ...string) (v api.OffPolicy) {
	t.Helper()
	out, errs, err := call(t, append([]string{"ope", "-json"}, args...)...)
	if err != nil {
		t.Fatalf("ope %v: %v: %s", args, err, errs)
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return v
}

// banditLog is a log of single choices among four items with known propensities, and what a uniform policy would earn on it.
func banditLog(t *testing.T) (items, events string, uniform float64) {
	t.Helper()
	dir := t.TempDir()
	var catalogue, log bytes.Buffer
	shown, rate := []float64{0.55, 0.25, 0.15, 0.05}, []float64{0.1, 0.3, 0.5, 0.2}
	for i := range shown {
		fmt.Fprintf(&catalogue, `{"item":"i%d","categories":["c"]}`+"\n", i)
		uniform += rate[i] / 4
	}
	rng := rand.New(rand.NewPCG(4, 2))
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for n := range 4000 {
		now = now.Add(time.Duration(rng.IntN(5000)) * time.Millisecond)
		item, x := 0, rng.Float64()
		for x > shown[item] {
			x -= shown[item]
			item++
		}
		policy := []string{"a", "b"}[n%2]
		line := fmt.Sprintf(`"user":"u%d","item":"i%d","request":"r%d","position":%d,"propensity":%v,"context":{"policy":%q}}`,
			rng.IntN(300), item, n, 1+n%3, shown[item], policy)
		fmt.Fprintf(&log, `{"id":"e%d","type":"exposure","ts":%q,%s`+"\n", n, now.Format(time.RFC3339Nano), line)
		if rng.Float64() < rate[item] {
			fmt.Fprintf(&log, `{"id":"c%d","type":"click","ts":%q,%s`+"\n", n, now.Add(time.Millisecond).Format(time.RFC3339Nano), line)
		}
	}
	for path, text := range map[*string]*bytes.Buffer{&items: &catalogue, &events: &log} {
		*path = filepath.Join(dir, fmt.Sprintf("%d.jsonl", text.Len()))
		if err := os.WriteFile(*path, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return items, events, uniform
}

func TestOpeValuesPoliciesOfALogWithPropensities(t *testing.T) {
	config := writeConfig(t, smallConfig)
	items, events, uniform := banditLog(t)
	v := evaluate(t, "-config", config, "-items", items, "-from", events, "-policy", "uniform", "-policy", "ctr:softmax=0.1", "-policy", "served")
	if v.Reward != "ctr/click" || len(v.Policies) != 3 || v.Pending != 0 {
		t.Fatalf("%+v", v)
	}
	got := v.Policies[0].Slots
	if len(got) != 1 || got[0].Slots != "independent" || got[0].N != 4000 || len(got[0].Positions) != 3 || got[0].Positions[2].Position != 3 {
		t.Fatalf("%+v", got)
	}
	for _, name := range []string{"ips", "snips", "dr"} {
		if e := got[0].Estimates[name]; !(*e.Low < uniform && uniform < *e.High) || !(*e.BootstrapLow < *e.BootstrapHigh) {
			t.Errorf("%s: %v in %v to %v, truth %v", name, *e.Value, *e.Low, *e.High, uniform)
		}
	}
	if logged := got[0].Estimates["logged"]; *logged.High > uniform {
		t.Errorf("the log earned %v, no less than a uniform policy's %v: this shows nothing", *logged.Value, uniform)
	}
	if model := v.Policies[1].Slots[0].Estimates["snips"]; *model.Value < uniform {
		t.Errorf("a model that has learned what is clicked is worth %v, a uniform choice %v", *model.Value, uniform)
	}
	if p := v.Policies[2]; p.Skipped["candidates not known"] != 4000 || p.Slots[0].N != 0 {
		t.Errorf("scores of lists that there are not: %+v", p)
	}
}

func TestOpeFollowsTheFrequenciesOfAnotherLog(t *testing.T) {
	config := writeConfig(t, smallConfig)
	items, events, _ := banditLog(t)
	v := evaluate(t, "-config", config, "-items", items, "-from", events, "-only", "policy=a", "-policy", "frequencies",
		"-frequencies", events, "-frequencies-only", "policy=b", "-bootstrap", "0")
	got := v.Policies[0].Slots[0]
	if got.N != 2000 || math.Abs(*got.MeanWeight-1) > 0.1 || *got.ESS < 1800 {
		t.Errorf("policies that are the same: %+v", got)
	}
	if e := got.Estimates["ips"]; e.BootstrapLow != nil || math.Abs(*e.Value-*got.Estimates["logged"].Value) > 4**e.StdErr {
		t.Errorf("%+v", e)
	}
}

func TestOpeChangesNothingOfWhatIsLearned(t *testing.T) {
	h := makeHistory(t)
	before := h.replay(t, "-items", h.items, "-from", h.first)
	v := evaluate(t, "-config", h.config, "-items", h.items, "-from", h.first)
	if s := v.Policies[0].Skipped["logged without a propensity"]; s != int64(before.Heads["click"].N) {
		t.Errorf("%+v: %d exposures without a propensity", v.Policies[0], before.Heads["click"].N)
	}
}

func TestOpeReadsTheListsOfAServerFromItsLog(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	text := strings.Replace(smallConfig, "epsilon: 0,", "epsilon: 0.3,", 1)
	s := startServer(t, text, data)
	cursor := ""
	for i := range 6 {
		cursor = s.write("/v1/items", fmt.Sprintf(`{"item":"i%d","categories":["c%d"]}`, i, i%2))
	}
	for n := range 40 {
		user := fmt.Sprintf("u%d", n%9)
		list := s.recommend("user", user, "n", "6", "after", cursor)
		seen := []fields{}
		for _, it := range list.Items {
			seen = append(seen, fields{"type": "exposure", "user": user, "item": it.Item, "request": list.Request, "position": it.Position})
		}
		cursor = s.events(append(seen, fields{"type": "click", "user": user, "item": fmt.Sprintf("i%d", n%2), "request": list.Request})...)
	}
	s.stop()
	v := evaluate(t, "-config", writeConfig(t, text), "-data", data, "-policy", "served", "-policy", "served:greedy", "-policy", "uniform", "-policy", "ctr/long_dwell", "-pending", "close")
	for i, p := range v.Policies {
		if len(p.Slots) != 3 || p.Slots[0].N != 240 || p.Slots[1].N != p.Slots[0].N || len(p.Skipped) > 0 {
			t.Errorf("%+v", p)
		}
		for _, slots := range p.Slots {
			mean := *slots.MeanWeight
			if i == 0 && math.Abs(mean-1) > 1e-12 {
				t.Errorf("the policy that made the lists has weights of %v on %s slots", mean, slots.Slots)
			}
			if slots.Slots == "independent" && math.Abs(mean-1) > 5**slots.MeanStdErr+1e-9 {
				t.Errorf("%s, %s: weights average %v ± %v", p.Policy, slots.Slots, mean, *slots.MeanStdErr)
			}
		}
	}
	if e := v.Policies[0].Slots[2].Estimates; *e["snips"].Value != *e["logged"].Value || *e["logged"].Value == 0 {
		t.Errorf("%+v", e)
	}
	if open := evaluate(t, "-config", writeConfig(t, text), "-data", data); open.Pending != 240 || open.Policies[0].Slots[0].N != 0 {
		t.Errorf("impressions count while their windows are open: %+v", open)
	}
}

func TestOpeRefusesWhatItCannotDoWithTheReason(t *testing.T) {
	config := writeConfig(t, smallConfig)
	_, events, _ := banditLog(t)
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"no input", nil, "wrong usage"},
		{"two inputs", []string{"-data", "x", "-from", events}, "wrong usage"},
		{"no such model", []string{"-from", events, "-policy", "gone"}, "there are uniform, served, frequencies, ctr, ctr/click"},
		{"no such setting", []string{"-from", events, "-policy", "ctr:warm=1"}, "want greedy, epsilon=E or softmax=T"},
		{"an epsilon that is none", []string{"-from", events, "-policy", "ctr:epsilon=1.5"}, "want a probability"},
		{"a temperature of nothing", []string{"-from", events, "-policy", "served:softmax=0"}, "above 0"},
		{"settings where there are none", []string{"-from", events, "-policy", "uniform:greedy"}, "has no settings"},
		{"frequencies of nothing", []string{"-from", events, "-policy", "frequencies"}, "-frequencies"},
		{"frequencies of nobody", []string{"-from", events, "-frequencies", events, "-frequencies-only", "policy=z"}, "shows nothing"},
		{"a clip below 1", []string{"-from", events, "-clip", "0.5"}, "wrong usage"},
		{"a clip of nothing", []string{"-from", events, "-clip", "0"}, "wrong usage"},
		{"no such head", []string{"-from", events, "-head", "gone"}, `-head: there is no head "gone"; there are ctr/click`},
		{"no pair", []string{"-from", events, "-only", "policy"}, "KEY=VALUE"},
		{"no such file", []string{"-from", "none.jsonl"}, "none.jsonl"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, errs, err := call(t, append([]string{"ope", "-config", config}, tc.args...)...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, %s", err, errs)
			}
		})
	}
}

func TestOpeWithoutJSONPrintsATableWithItsWarnings(t *testing.T) {
	items, events, _ := banditLog(t)
	out, _, err := call(t, "ope", "-config", writeConfig(t, smallConfig), "-items", items, "-from", events, "-policy", "ctr:greedy")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"reward: ctr/click", "policy ctr:greedy", "slots independent: 4000 impressions", "snips_clipped", "position"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// The Open Bandit logs (OBD_DATA, a folder with obd-men and obd-all) against figures that another program made of them.
func TestOpeValuesTheOpenBanditLogsAsOthersDo(t *testing.T) {
	data := os.Getenv("OBD_DATA")
	if data == "" {
		t.Skip("OBD_DATA names no folder")
	}
	config := writeConfig(t, smallConfig)
	var golden map[string]struct {
		Policy map[string]float64 `json:"pi_e_from_bts_log_frequencies"`
	}
	text, err := os.ReadFile("../../internal/ope/testdata/obd_ope.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float64{
		"all": {0.00420, 0.00236, 0.00236, 0.00233, 0.00315, 1.011, 278, 340.4},
		"men": {0.00690, 0.00301, 0.00301, 0.00319, 0.00383, 0.943, 178, 655.7},
	} {
		events := filepath.Join(data, "obd-"+name, "events.jsonl.gz")
		args := []string{"-config", config, "-items", filepath.Join(data, "obd-"+name, "items.jsonl.gz"), "-from", events, "-bootstrap", "0"}
		got := evaluate(t, append(args, "-only", "policy=bts", "-policy", "uniform")...).Policies[0].Slots[0]
		e := got.Estimates
		for i, x := range []*float64{e["logged"].Value, e["ips"].Value, e["ips_clipped"].Value, e["snips"].Value, e["snips_clipped"].Value, got.MeanWeight, got.MaxWeight, got.ESS} {
			if rounding := []float64{5e-6, 5e-6, 5e-6, 5e-6, 5e-6, 5e-4, 0.5, 0.05}[i]; !(math.Abs(*x-want[i]) <= rounding*1.000001) {
				t.Errorf("%s: figure %d is %v, want %v", name, i, *x, want[i])
			}
		}
		random := append(args, "-only", "policy=random", "-policy", "frequencies", "-frequencies", events, "-frequencies-only", "policy=bts")
		for _, clip := range []string{"5", "10", "50"} {
			got := evaluate(t, append(random, "-clip", clip)...).Policies[0].Slots[0]
			for key, x := range map[string]*float64{
				"IPS": got.Estimates["ips"].Value, "SNIPS": got.Estimates["snips"].Value, "mean_w": got.MeanWeight, "max_w": got.MaxWeight,
				"IPS_clip" + clip: got.Estimates["ips_clipped"].Value, "SNIPS_clip" + clip: got.Estimates["snips_clipped"].Value,
			} {
				if want := golden[name].Policy[key]; want == 0 || !(math.Abs(*x-want) <= 1e-12) {
					t.Errorf("%s: %s is %.17g, want %.17g", name, key, *x, want)
				}
			}
			if want := golden[name].Policy["ESS"]; !(math.Abs(*got.ESS/want-1) <= 1e-12) {
				t.Errorf("%s: ESS is %v, want %v", name, *got.ESS, want)
			}
		}
	}
}

func TestARunningServerTellsWhatChallengersWouldHaveEarned(t *testing.T) {
	text := strings.Replace(smallConfig, "epsilon: 0,", "epsilon: 0.4,", 1)
	text = strings.ReplaceAll(text, "alpha: 0.3}", "alpha: 0.3, window: 1s}")
	text = strings.Replace(text, "features:\n", "  - {name: other, bits: 12, heads: [{name: click, positive: [click], window: 1s}]}\nfeatures:\n", 1) + "lateness: 0s\n"
	s := startServer(t, text, filepath.Join(t.TempDir(), "data"))
	cursor := ""
	for i := range 8 {
		cursor = s.write("/v1/items", fmt.Sprintf(`{"item":"i%d"}`, i))
	}
	past := time.Now().Add(-time.Hour) // windows close as soon as a later event comes
	shown := 0
	for n := range 30 {
		at := past.Add(time.Duration(n) * 3 * time.Second).Format(time.RFC3339Nano)
		user := fmt.Sprintf("u%d", n%7)
		list := s.recommend("user", user, "n", "4", "after", cursor)
		var seen []fields
		for _, it := range list.Items {
			shown++
			seen = append(seen, fields{"type": "exposure", "user": user, "item": it.Item, "request": list.Request, "position": it.Position, "ts": at})
		}
		cursor = s.events(append(seen, fields{"type": "click", "user": user, "item": list.Items[0].Item, "request": list.Request, "ts": at})...)
	}
	s.after(s.events(fields{"type": "view", "user": "u0", "item": "i0"}))
	var v api.OffPolicy
	s.want(200, &v, "GET", "/admin/v1/ope", "")
	if v.Reward != "ctr/click" || v.WindowSeconds != 86400 || len(v.Policies) != 4 || v.Policies[3].Policy != "other" || v.Pending != 0 {
		t.Fatalf("%+v", v)
	}
	for _, p := range v.Policies {
		slots := p.Slots[0]
		if slots.N != int64(shown) || len(p.Skipped) > 0 || len(slots.Positions) != 4 || slots.Clusters != 7 {
			t.Errorf("%d shown: %+v", shown, p)
		}
		if logged := *slots.Estimates["logged"].Value; logged != 0.25 {
			t.Errorf("the log earned %v", logged)
		}
		// Only what stood first was clicked, whatever it was.
		if first := slots.Positions[0].Estimates["snips"]; math.Abs(*first.Value-1) > 1e-12 {
			t.Errorf("%s in position 1: %+v", p.Policy, first)
		}
	}
	if n := s.metric("recsvc_ope_impressions", `outcome="evaluated",policy="other"`); n != float64(shown) {
		t.Errorf("the metric has %v impressions of %d", n, shown)
	}
}

func TestWrongPoliciesOfAConfigurationAreNamedWithTheirPlace(t *testing.T) {
	for setting, want := range map[string]string{
		"policies: [ctr, gone]":   `off_policy.policies[1]`,
		"policies: [frequencies]": "-frequencies",
		"reward: gone":            `off_policy.reward: there is no head "gone"; there are ctr/`,
		"clip: 0.5":               "off_policy.clip",
		"window: 1s":              "off_policy.window",
		"pending: 0":              "off_policy.pending",
	} {
		path := writeConfig(t, smallConfig+"off_policy: {"+setting+"}\n")
		if _, _, err := call(t, "check", "-config", path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	s := startServer(t, smallConfig+"off_policy: {enabled: false}\n", filepath.Join(t.TempDir(), "data"))
	s.want(503, nil, "GET", "/admin/v1/ope", "")
}
