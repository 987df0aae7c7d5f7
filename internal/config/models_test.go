package config

import (
	"slices"
	"strings"
	"testing"
)

func TestOneOfTheModelsIsChampion(t *testing.T) {
	head := "heads: [{name: h, positive: [click]}]"
	for _, tc := range []struct {
		name, yaml string
		roles      []string
	}{
		{"the first, where none is named", "models: [{name: a, " + head + "}, {name: b, " + head + "}]", []string{"champion", "challenger"}},
		{"the one that is", "models: [{name: a, " + head + "}, {name: b, role: champion, " + head + "}]", []string{"challenger", "champion"}},
		{"the first that is not something else", "models: [{name: a, role: shadow, " + head + "}, {name: b, " + head + "}]", []string{"shadow", "champion"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := mustParse(t, tc.yaml)
			var roles []string
			for _, m := range c.Models {
				roles = append(roles, m.Role)
			}
			if !slices.Equal(roles, tc.roles) || c.Models[c.Champion()].Role != "champion" {
				t.Errorf("roles %q with champion %d, want %q", roles, c.Champion(), tc.roles)
			}
		})
	}
}

func TestModelsThatCannotStandSideBySideAreRefused(t *testing.T) {
	head := "heads: [{name: h, positive: [click]}]"
	many := "heads: [" + strings.Repeat("{name: h, positive: [click]}, ", 33) + "]"
	for _, tc := range []struct{ name, yaml, want string }{
		{"of one name", "models: [{name: a, " + head + "}, {name: a, " + head + "}]", `models[1].name: "a" is defined twice`},
		{"two champions", "models: [{name: a, role: champion, " + head + "}, {name: b, role: champion, " + head + "}]", `models[1].role: "a" is the champion already`},
		{"no champion", "models: [{name: a, role: shadow, " + head + "}]", `models[0].role: no model is champion`},
		{"an unknown role", "models: [{name: a, role: boss, " + head + "}]", `models[0].role: unknown word "boss"`},
		{"other features", "models: [{name: a, features: [x], " + head + "}, {name: b, features: [y], " + head + "}]", `models[1].features: all models see one vector: name the features that "a" sees`},
		{"too many heads", "models: [{name: a, " + many + "}, {name: b, " + many + "}]", `models: 66 heads in all models together: 64 are the most`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parse(t, tc.yaml)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}
