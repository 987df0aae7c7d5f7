package ope

import (
	"fmt"
	"math"
)

// Rule turns the scores of candidates into the probabilities of a slot: with probability Epsilon uniformly over the whole pool, else
// by score.
type Rule struct {
	Epsilon     float64 // in [0, 1]; negative: as the scene itself explores
	Temperature float64 // 0: the best score, greedily; else softmax(score/Temperature)
}

// Check returns an error when a number is out of range.
func (r Rule) Check() error {
	if !(r.Epsilon <= 1) || math.IsInf(r.Epsilon, 0) {
		return fmt.Errorf("ope: epsilon %v: want a probability, or a negative number for the scene's own", r.Epsilon)
	}
	if !(r.Temperature >= 0) || math.IsInf(r.Temperature, 0) {
		return fmt.Errorf("ope: temperature %v: want 0 (greedy) or more", r.Temperature)
	}
	return nil
}

// exploit fills dst with the probabilities by score: they sum to 1. Of equal scores the first is the best. Scores that are not
// numbers come last.
func (r Rule) exploit(dst, scores []float64) {
	best := 0
	for i, s := range scores {
		if s > scores[best] || math.IsNaN(scores[best]) && !math.IsNaN(s) {
			best = i
		}
	}
	if r.Temperature == 0 || math.IsNaN(scores[best]) || math.IsInf(scores[best], 0) {
		clear(dst[:len(scores)])
		dst[best] = 1
		return
	}
	sum := 0.0
	for i, s := range scores {
		dst[i] = 0
		if !math.IsNaN(s) {
			dst[i] = math.Exp((s - scores[best]) / r.Temperature)
		}
		sum += dst[i]
	}
	for i := range scores {
		dst[i] /= sum
	}
}
