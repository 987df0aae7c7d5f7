package main

import "testing"

func TestEqualConfigurationsHaveEqualDefinitions(t *testing.T) {
	one, err := loadConfig("", nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := loadConfig("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if definitionsHash(one) != definitionsHash(two) {
		t.Error("two readings of one file differ: every start would learn anew")
	}
	two.Models[0].Score = "long_dwell"
	if definitionsHash(one) != definitionsHash(two) {
		t.Error("the head that lists are ranked by counts as part of the state")
	}
	two.Models[0].Heads[0].Alpha *= 2
	if definitionsHash(one) == definitionsHash(two) {
		t.Error("another learning rate goes unnoticed")
	}
}
