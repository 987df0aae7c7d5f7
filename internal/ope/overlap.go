package ope

import (
	"fmt"
	"math"
)

// Overlap says how far the log can speak for the policy.
type Overlap struct {
	N           int64
	Refused     int64   // samples with a number that is not finite or out of range
	Clusters    int     // people, or what stands for them
	ESS         float64 // effective sample size (Σw)²/Σw², at most N
	MeanWeight  float64 // 1 in expectation where π₀ covers πₑ
	MeanStdErr  float64
	MaxWeight   float64
	ClippedMass float64 // share of Σw above the clip, in [0, 1)
	Missing     float64 // mean mass that πₑ gives to what π₀ can never show, as far as is known
	Warnings    []string
}

// Limits of good overlap. They are conventions, not laws.
const (
	minShare    = 0.1  // ESS/N
	minESS      = 100  // effective samples
	minClusters = 30   // for intervals by the normal distribution
	maxShare    = 0.05 // of Σw in a single sample
	maxClipped  = 0.05 // of Σw above the clip
	maxMissing  = 0.01 // of πₑ where π₀ is 0
	maxOff      = 4    // standard errors of the mean weight from 1
)

// Overlap returns the figures with a warning for each that makes the estimates doubtful.
func (t *Tally) Overlap() Overlap {
	s := &t.total
	weight := mean("", func(s *sums) float64 { return s.w })
	m := t.estimate(&weight)
	o := Overlap{
		N: t.N(), Refused: t.refused, Clusters: len(t.clusters), ESS: s.w * s.w / t.squares, MeanWeight: m.Value, MeanStdErr: m.StdErr,
		MaxWeight: t.greatest, ClippedMass: max(0, 1-s.c/s.w), Missing: s.missing / s.n,
	}
	if o.N > 0 && s.w == 0 {
		o.ESS, o.ClippedMass = 0, 0
	}
	o.Warnings = o.judge(s.w)
	return o
}

func (o *Overlap) judge(sum float64) (warnings []string) {
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	if o.N == 0 {
		warn("no samples")
		return warnings
	}
	if share := o.ESS / float64(o.N); share < minShare {
		warn("the effective sample size is %.3g, %.2g %% of %d samples: the policies differ much, and few samples carry the estimate", o.ESS, 100*share, o.N)
	} else if o.ESS < minESS {
		warn("the effective sample size is %.3g: too few for anything but a hint", o.ESS)
	}
	if o.Clusters < minClusters {
		warn("there are %d clusters: intervals by the normal distribution are too narrow", o.Clusters)
	}
	if share := o.MaxWeight / sum; sum > 0 && share > maxShare {
		warn("one sample has %.2g %% of all weight (%.4g)", 100*share, o.MaxWeight)
	}
	if o.ClippedMass > maxClipped {
		warn("%.2g %% of all weight lies above the clip: clipped estimates are too low", 100*o.ClippedMass)
	}
	if o.Missing > maxMissing {
		warn("the policy would show in %.2g %% of the choices what the logging policy never shows: nothing is known of that", 100*o.Missing)
	}
	if off := math.Abs(o.MeanWeight - 1); off > maxOff*o.MeanStdErr && off > maxMissing {
		warn("weights average %.4g, not 1: the logged propensities are not those of the log, or the policy shows what was never shown", o.MeanWeight)
	}
	return warnings
}
