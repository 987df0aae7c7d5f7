package ope

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// golden are the figures of testdata/obd_ope.json, made by another program.
type golden struct {
	Policy map[string]float64 `json:"pi_e_from_bts_log_frequencies"`
}

// counted are rows of testdata/obd_counts.json: position, item, exposures, clicks of the Open Bandit logs (Saito et al. 2021, Apache-2.0).
type counted map[string][][4]int

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func TestTheRandomOpenBanditLogValuesTheOtherPolicyAsOthersDo(t *testing.T) {
	var want map[string]golden
	var logs map[string]counted
	readJSON(t, "testdata/obd_ope.json", &want)
	readJSON(t, "testdata/obd_counts.json", &logs)
	for name, pool := range map[string]float64{"men": 34, "all": 80} {
		t.Run(name, func(t *testing.T) {
			log := logs[name]
			for _, clip := range []float64{5, 10, 50} {
				tally := evaluateCounts(t, log, pool, Options{Clip: clip})
				got := tally.Estimates(Bootstrap{})
				policy := want[name].Policy
				suffix := map[float64]string{5: "_clip5", 10: "_clip10", 50: "_clip50"}[clip]
				near(t, "IPS", Find(got, IPS).Value, policy["IPS"])
				near(t, "IPS_se", Find(got, IPS).StdErr, policy["IPS_se"])
				near(t, "SNIPS", Find(got, SNIPS).Value, policy["SNIPS"])
				near(t, "IPS"+suffix, Find(got, ClippedIPS).Value, policy["IPS"+suffix])
				near(t, "SNIPS"+suffix, Find(got, ClippedSNIPS).Value, policy["SNIPS"+suffix])
				near(t, "DM", Find(got, DM).Value, policy["DM_smoothed_mean"])
				near(t, "DR", Find(got, DR).Value, policy["DR_smoothed_mean"])
				near(t, "SNDR", Find(got, SNDR).Value, policy["SNDR_smoothed_mean"])
				o := tally.Overlap()
				near(t, "ESS", o.ESS/policy["ESS"], 1)
				near(t, "mean_w", o.MeanWeight, policy["mean_w"])
				near(t, "max_w", o.MaxWeight, policy["max_w"])
			}
		})
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if want == 0 || !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("%s is %.17g, want %.17g", what, got, want)
	}
}

// evaluateCounts values the frequencies of the bts log on the random log, each exposure a cluster of its own. q̂ is the smoothed mean
// of a position and item: the mean of all, with the weight of ten exposures.
func evaluateCounts(t *testing.T, log counted, pool float64, opts Options) *Tally {
	t.Helper()
	table := NewFrequencies()
	for _, row := range log["bts"] {
		for range row[2] {
			table.Add(int32(row[0]), string(rune(row[1])))
		}
	}
	all, clicks := 0, 0
	for _, row := range log["random"] {
		all += row[2]
		clicks += row[3]
	}
	mean := float64(clicks) / float64(all)
	q := map[[2]int]float64{}
	for _, row := range log["bts"] { // a cell that was never shown at random
		q[[2]int{row[0], row[1]}] = mean
	}
	for _, row := range log["random"] {
		q[[2]int{row[0], row[1]}] = (float64(row[3]) + 10*mean) / (float64(row[2]) + 10)
	}
	direct := map[int]float64{}
	for cell, value := range q {
		p, ok := table.P(int32(cell[0]), string(rune(cell[1])))
		if !ok {
			t.Fatalf("no position %d", cell[0])
		}
		direct[cell[0]] += p * value
	}
	tally, err := NewTally(opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range log["random"] {
		p, _ := table.P(int32(row[0]), string(rune(row[1])))
		for i := range row[2] {
			s := Sample{
				Cluster: uint64(tally.N()), Weight: p / (1 / pool), Predicted: q[[2]int{row[0], row[1]}], Direct: direct[row[0]],
			}
			if i < row[3] {
				s.Reward = 1
			}
			if !tally.Add(&s) {
				t.Fatalf("refused %+v", s)
			}
		}
	}
	return tally
}
