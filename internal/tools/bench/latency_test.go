package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestAQuantileIsAValueThatOccurred(t *testing.T) {
	for _, tc := range []struct {
		name   string
		values latencies
		q      float64
		want   time.Duration
	}{
		{"nothing", nil, 0.5, 0},
		{"one value is every quantile", latencies{7}, 0.99, 7},
		{"the lower middle of two", latencies{1, 2}, 0.5, 1},
		{"the middle of three", latencies{1, 2, 3}, 0.5, 2},
		{"p99 of a hundred leaves one above", make100(), 0.99, 99},
		{"p100 is the greatest", make100(), 1, 100},
		{"p0 is the least", make100(), 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.values.quantile(tc.q); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func make100() (l latencies) {
	for i := range 100 {
		l = append(l, time.Duration(i+1))
	}
	return l
}

func TestQuantilesOfPartsAreThoseOfTheWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var parts [7]latencies
	var whole latencies
	for range 1000 {
		v := time.Duration(rng.ExpFloat64() * 1e6)
		i := rng.IntN(len(parts))
		parts[i], whole = append(parts[i], v), append(whole, v)
	}
	merged := sorted(parts[:]...)
	for _, q := range []float64{0, 0.1, 0.5, 0.99, 1} {
		got := merged.quantile(q)
		// The naive twin: count how many do not exceed it.
		below := 0
		for _, v := range whole {
			if v <= got {
				below++
			}
		}
		if float64(below) < q*float64(len(whole)) || !slices.Contains(whole, got) {
			t.Errorf("quantile %v is %v, which only %d of %d do not exceed", q, got, below, len(whole))
		}
	}
}

func TestTheMedianOfAnEvenCountLiesBetween(t *testing.T) {
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("got %v", got)
	}
	if got := median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("got %v", got)
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("of nothing: %v", got)
	}
}
