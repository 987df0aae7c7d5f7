package main

import (
	"bytes"
	"os"
	"testing"

	"recsvc/internal/config"
)

func TestEachFeatureOfKuairandStandsInAGroup(t *testing.T) {
	text, err := os.ReadFile("../../../configs/kuairand.yaml")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := groupsOf(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("kuairand.yaml", text, config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range groups {
		if len(g.features) == 0 {
			t.Errorf("group %q is empty", g.name)
		}
		n += len(g.features)
	}
	if n != len(c.Features) || len(groups) < 2 {
		t.Errorf("%d features in %d groups, the configuration has %d", n, len(groups), len(c.Features))
	}
	first := only(text, groups[:1])
	c, err = config.Parse("first", first, config.Overrides{})
	if err != nil || len(c.Models[0].Features) != len(groups[0].features) || bytes.Equal(first, text) {
		t.Errorf("the model sees %d of %d features, error %v", len(c.Models[0].Features), len(groups[0].features), err)
	}
}
