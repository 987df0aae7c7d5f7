package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

const declaredTwice = `
models: [{name: ctr, heads: [{name: click, positive: [click]}]}]
features:
  - {name: yaml, kind: count, scope: user, on: {types: click, where: "item.price > 5"}, window: 1m, slide: 10s, as: log}
  - name: sql
    sql: "SELECT user, COUNT(*) FROM clicks WHERE item.price > 5 GROUP BY user, HOP(ts, INTERVAL '10' SECOND, INTERVAL '1' MINUTE)"
    as: log
  - {name: spent, kind: sum, scope: user, on: purchase, windows: [1d, 7d]}
`

func TestAFeatureInSQLHasTheStateOfTheSameInYAML(t *testing.T) {
	var out, log bytes.Buffer
	if err := run(context.Background(), []string{"features", "explain", "-config", writeConfig(t, declaredTwice)}, stdio{&out, &log}); err != nil {
		t.Fatal(err, log.String())
	}
	for _, want := range []string{
		"# SELECT user, COUNT(*) FROM clicks WHERE", "window     1m0s in tiles of 10s\n", "on         click where item.price > 5\n",
		"state      64 bytes a key\n", "state      that of yaml\n", "spent_1d:", "window     168h0m0s in tiles of 14h0m0s\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestExplainedFeaturesAreChosenByName(t *testing.T) {
	var out, log bytes.Buffer
	file := writeConfig(t, declaredTwice)
	if err := run(context.Background(), []string{"features", "explain", "-config", file, "-json", "sql"}, stdio{&out, &log}); err != nil {
		t.Fatal(err, log.String())
	}
	var got []explanation
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got) != 1 || got[0].Definition.Name != "sql" || got[0].SQL == "" {
		t.Errorf("%+v, error %v", got, err)
	}
	err := run(context.Background(), []string{"features", "list", "-config", file, "speed"}, stdio{&out, &log})
	if err == nil || !strings.Contains(err.Error(), `no feature "speed"`) {
		t.Errorf("error %v", err)
	}
}

func TestMistakesInSQLSayWhereTheyStand(t *testing.T) {
	for _, tc := range []struct{ name, feature, want string }{
		{"an unknown column", `{name: a, sql: "SELECT COUNT(*) FROM clicks WHERE price > 3"}`,
			`recsvc.yaml:3:20: features[0].sql: feature "a": 1:35: no column price`},
		{"what the statement says already", `{name: a, sql: "SELECT COUNT(*) FROM clicks", scope: user}`,
			`features[0].scope: feature "a": is said by sql already`},
		{"a form that the kind lacks", `{name: a, sql: "SELECT COUNT(*) FROM clicks", as: ratio}`,
			`recsvc.yaml:3:20: features[0].sql: feature "a": as: "ratio" is none of raw, log, sqrt`},
		{"a type that does not fit", `{name: a, sql: "SELECT COUNT(*) FROM clicks WHERE value > 'x'"}`,
			`features[0].sql: feature "a": on.where: 1:`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := writeConfig(t, "models: [{name: ctr, heads: [{name: click, positive: [click]}]}]\nfeatures:\n  - "+tc.feature+"\n")
			_, err := loadConfig(file, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want … %s …", err, tc.want)
			}
		})
	}
}
