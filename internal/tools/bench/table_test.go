package main

import (
	"strings"
	"testing"
)

func TestTheTableShowsMedianSpreadAndRatio(t *testing.T) {
	var figures table
	for _, v := range []float64{160_000, 120_000, 150_123} {
		f := figures.add("replay", "events/s", atLeast(150_000), v)
		f.cpu = append(f.cpu, usage{server: 1.5, generator: 0.25, others: v / 1e6})
	}
	figures.add("p99", "ms", atMost(10), 20)
	figures.add("disk", "ms", noGoal, 0.1875)
	var b strings.Builder
	if err := figures.write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| replay | ≥ 150,000 events/s | 150,123 events/s | 120,000 … 160,000 | 1.00 | 1.50 + 0.25 + 0.15 |",
		"| p99 | ≤ 10 ms | 20 ms | – | **0.50** |  |",
		"| disk | – | 0.1875 ms | – | – |  |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the row %q is missing in\n%s", want, b.String())
		}
	}
	if cores, during := figures.noise(); cores != 0.16 || during != "replay" {
		t.Errorf("noise is %v during %q", cores, during)
	}
}

func TestNumbersAreWrittenForReaders(t *testing.T) {
	for v, want := range map[float64]string{
		1_234_567.4: "1,234,567", 1000: "1,000", 999.4: "999", 12.345: "12.35", 3: "3", 0.59432: "0.5943", 0: "0", -4321: "-4,321",
	} {
		if got := plain(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
}
