package config

import (
	"strings"
	"testing"
	"time"
)

const twoModels = "models: [{name: a, heads: [{name: h, positive: [click]}]}, {name: b, heads: [{name: h, positive: [click]}]}]\n"

func TestATrainingThatCannotBeIsToldWhereItStands(t *testing.T) {
	const head = "heads: [{name: h, positive: [click]}]"
	for _, tc := range []struct{ name, yaml, want string }{
		{"too often", twoModels + "train: {every: 10s}", `f.yaml:2:16: train.every: must be 0, which is never, or lie between 1m and 366d`},
		{"no pass", twoModels + "train: {every: 1h, passes: 0}", "f.yaml:2:28: train.passes: must lie between 1 and 100"},
		{"no pass, while off", twoModels + "train: {passes: 101}", "train.passes"},
		{"no such model", twoModels + "train: {every: 1h, model: other}", `f.yaml:2:27: train.model: there is no model "other"; known are a, b`},
		{"the champion", twoModels + "train: {every: 1h, model: a}", `train.model: "a" is the champion`},
		{"one model", "models: [{name: a, " + head + "}]\ntrain: {every: 1h}", "train.every: there are 0 challengers: name the one to train in train.model"},
		{"a log that is a topic", twoModels + "train: {every: 1h}\nkafka: {brokers: ['k:9092'], topic: t}", "train.every: needs the embedded log from its beginning"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Parse("f.yaml", []byte(tc.yaml), Overrides{}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}

func TestNothingIsTrainedUnlessItIsAskedFor(t *testing.T) {
	if c := mustParse(t, twoModels); c.Train.Every != 0 || c.Train.Passes != 2 {
		t.Errorf("%+v", c.Train)
	}
	for _, text := range []string{"train: {every: 24h}", "train: {every: 24h, model: b, passes: 3}"} {
		if c := mustParse(t, twoModels+text); c.Train.Every != 24*time.Hour {
			t.Errorf("%s: %+v", text, c.Train)
		}
	}
}
