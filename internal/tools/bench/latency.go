package main

import (
	"math"
	"slices"
	"time"
)

// latencies collects how long single requests took. It belongs to one goroutine.
type latencies []time.Duration

// sorted merges what several goroutines have collected.
func sorted(parts ...latencies) latencies {
	all := slices.Concat(parts...)
	slices.Sort(all)
	return all
}

// quantile is the smallest of sorted values that at least the share q of them does not exceed; 0 of none.
func (l latencies) quantile(q float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(l))))
	return l[min(max(rank, 1), len(l))-1]
}

// median of any values; NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	mid := len(s) / 2
	if len(s)%2 == 1 {
		return s[mid]
	}
	return (s[mid-1] + s[mid]) / 2
}
