package config

import (
	"strings"
	"testing"
	"time"
)

func TestRulesOfEvidenceAreRead(t *testing.T) {
	c := mustParse(t, `
models:
  - name: m
    heads:
      - name: click
        positive: [click]
        delay: fake_negative
        confirm: {type: dwell, min: 3}
        sample: {negatives: 0.25, unseen: {per_exposure: 2, by: popularity}}
      - {name: buy, positive: [purchase], weight_by: value}
feedback:
  min_visible: 1s
  max_outcomes: 30
  stalls: {missing: 50}
`)
	click, buy := c.Models[0].Heads[0], c.Models[0].Heads[1]
	if click.Confirm.Type != "dwell" || *click.Confirm.Min != 3 || click.Sample != (Sample{Negatives: 0.25, Slice: 10 * time.Minute, Unseen: Unseen{2, "popularity", 1}}) || click.WeightBy != "" {
		t.Errorf("click: %+v", click)
	}
	if buy.WeightBy != "value" || buy.WeightCap != 10 || buy.Sample.Negatives != 1 || buy.Confirm.Type != "" {
		t.Errorf("buy: %+v", buy)
	}
	if f := c.Feedback; f.MinVisible != time.Second || f.MaxOutcomes != 30 || f.Stalls != (Stalls{50, time.Minute, 6 * time.Hour}) {
		t.Errorf("feedback: %+v", f)
	}
}

func TestEvidenceThatMakesNoSenseIsRefusedAtItsPlace(t *testing.T) {
	for _, tc := range []struct{ head, feedback, want string }{
		{"confirm: {min: 3}", "", "models[0].heads[0].confirm.type: needs an event type"},
		{"confirm: click", "", "models[0].heads[0].confirm.type: an event cannot confirm itself"},
		{"confirm: exposure", "", "models[0].heads[0].confirm.type: an exposure confirms nothing"},
		{"weight_by: price", "", `models[0].heads[0].weight_by: unknown word "price"`},
		{"weight_cap: 0.5", "", "models[0].heads[0].weight_cap: must lie between 1 and 255"},
		{"sample: {negatives: 0}", "", "models[0].heads[0].sample.negatives: must lie in (0, 1]"},
		{"sample: {negatives: 1.5}", "", "models[0].heads[0].sample.negatives: must lie in (0, 1]"},
		{"delay: fake_negative, examination: pbm", "", "models[0].heads[0].delay: fake_negative needs examination none"},
		{"delay: fake_negative, weight_by: value", "", "models[0].heads[0].delay: fake_negative cannot weigh by value"},
		{"delay: fake_negative_calibrated, sample: {odds: true}", "", "models[0].heads[0].delay: fake_negative_calibrated cannot have sample.odds"},
		{"examination: soft, sample: {odds: true}", "", "models[0].heads[0].sample.odds: needs examination none"},
		{"sample: {odds: true, pool: 5}", "", "models[0].heads[0].sample.odds: cannot have a pool"},
		{"sample: {pool: -1}", "", "models[0].heads[0].sample.pool: must lie between 0"},
		{"sample: {pool: 5, slice: 1ms}", "", "models[0].heads[0].sample.slice: must lie between 1s"},
		{"sample: {unseen: {per_exposure: 65}}", "", "models[0].heads[0].sample.unseen.per_exposure: must lie between 0"},
		{"sample: {unseen: {by: age}}", "", `models[0].heads[0].sample.unseen.by: unknown word "age"`},
		{"sample: {unseen: {weight: 0}}", "", "models[0].heads[0].sample.unseen.weight: must be above 0"},
		{"alpha: 0.1", "min_visible: -1s", `feedback.min_visible: "-1s" is not a duration`},
		{"alpha: 0.1", "max_outcomes: -1", "feedback.max_outcomes: must lie between 0"},
		{"alpha: 0.1", "stalls: {missing: 0.5}", "feedback.stalls.missing: must be 0"},
		{"alpha: 0.1", "stalls: {after: 0s}", "feedback.stalls.after: must be longer than 0"},
		{"alpha: 0.1", "stalls: {half_life: 1ms}", "feedback.stalls.half_life: must lie between 1s"},
	} {
		_, err := parse(t, "models: [{name: m, heads: [{name: h, positive: [click], "+tc.head+"}]}]\nfeedback: {"+tc.feedback+"}\n")
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), ":1:") && !strings.Contains(err.Error(), ":2:") {
			t.Errorf("%s %s: got %v, want %q and its place", tc.head, tc.feedback, err, tc.want)
		}
	}
}
