package ope

import (
	"fmt"
	"math"
)

// Sample is one logged choice as an evaluated policy sees it.
type Sample struct {
	Cluster   uint64  // who it belongs to, as a hash: samples of one cluster may depend on each other
	Weight    float64 // πₑ(a|x)/π₀(a|x), 0 or more
	Reward    float64
	Predicted float64 // q̂(x, a) of what was shown
	Direct    float64 // Σₐ πₑ(a|x)·q̂(x, a)
	Missing   float64 // mass that πₑ gives to what π₀ can never show, as far as is known, in [0, 1]
}

func (s *Sample) valid() bool {
	sum := s.Weight + s.Reward + s.Predicted + s.Direct + s.Missing // not finite if one of them is not
	return sum-sum == 0 && s.Weight >= 0 && s.Weight <= maxWeight && math.Abs(s.Reward) <= maxReward &&
		s.Missing >= 0 && s.Missing <= 1
}

// What is beyond these is refused: sums of squares stay finite.
const (
	maxWeight = 1e15
	maxReward = 1e30
)

// Options of a Tally. A zero field takes the default named beside it.
type Options struct {
	Clip     float64 // M of the clipped estimators, 1 or more; 10
	Clusters int     // how many are told apart; 65,536. About 120 bytes each
	ByPlace  int     // of an Evaluation: how many are told apart for each position; Clusters
}

func (o Options) withDefaults() (Options, error) {
	if o.Clip == 0 {
		o.Clip = 10
	}
	if o.Clusters == 0 {
		o.Clusters = 1 << 16
	}
	if o.ByPlace == 0 {
		o.ByPlace = o.Clusters
	}
	switch {
	case !(o.Clip >= 1) || math.IsInf(o.Clip, 0):
		return o, fmt.Errorf("ope: clip %v: want a number from 1 on", o.Clip)
	case min(o.Clusters, o.ByPlace) < 2 || max(o.Clusters, o.ByPlace) > 1<<24:
		return o, fmt.Errorf("ope: %d clusters, %d by position: want 2 to %d", o.Clusters, o.ByPlace, 1<<24)
	}
	return o, nil
}

// Tally sums samples up. What it holds is bounded by the number of clusters. It belongs to one goroutine.
type Tally struct {
	opts     Options
	total    sums
	clusters []sums
	places   map[uint64]int32 // of clusters, by hash

	squares  float64 // Σw²
	clipped2 float64 // Σ min(w, M)²
	greatest float64 // max w
	refused  int64
}

// sums are what all estimators are functions of.
type sums struct {
	n       float64
	reward  float64 // Σr
	w       float64 // Σw
	wr      float64 // Σwr
	c       float64 // Σ min(w, M)
	cr      float64 // Σ min(w, M)·r
	direct  float64
	wq      float64 // Σw·q̂
	missing float64
}

func (s *sums) add(o *sums) {
	s.n += o.n
	s.reward += o.reward
	s.w += o.w
	s.wr += o.wr
	s.c += o.c
	s.cr += o.cr
	s.direct += o.direct
	s.wq += o.wq
	s.missing += o.missing
}

// NewTally returns an empty one.
func NewTally(opts Options) (*Tally, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return newTally(opts), nil
}

func newTally(opts Options) *Tally { return &Tally{opts: opts, places: map[uint64]int32{}} }

// Add counts a sample. It is false, and the sample is only counted as refused, when a number is not finite or out of range.
func (t *Tally) Add(s *Sample) bool {
	if !s.valid() {
		t.refused++
		return false
	}
	c := min(s.Weight, t.opts.Clip)
	one := sums{
		n: 1, reward: s.Reward, w: s.Weight, wr: float64(s.Weight * s.Reward), c: c, cr: float64(c * s.Reward),
		direct: s.Direct, wq: float64(s.Weight * s.Predicted), missing: s.Missing,
	}
	t.total.add(&one)
	t.cluster(s.Cluster).add(&one)
	t.squares += float64(s.Weight * s.Weight)
	t.clipped2 += float64(c * c)
	t.greatest = max(t.greatest, s.Weight)
	return true
}

// cluster returns the sums of a cluster. When all places are taken, it shares one.
func (t *Tally) cluster(hash uint64) *sums {
	if at, ok := t.places[hash]; ok {
		return &t.clusters[at]
	}
	if len(t.clusters) >= t.opts.Clusters {
		return &t.clusters[hash%uint64(len(t.clusters))]
	}
	t.places[hash] = int32(len(t.clusters))
	t.clusters = append(t.clusters, sums{})
	return &t.clusters[len(t.clusters)-1]
}

// Merge adds what another tally holds; its clusters are those of the same hash here.
func (t *Tally) Merge(o *Tally) {
	hashes := make([]uint64, len(o.clusters))
	for hash, at := range o.places {
		hashes[at] = hash
	}
	for at := range o.clusters {
		t.cluster(hashes[at]).add(&o.clusters[at])
	}
	t.total.add(&o.total)
	t.squares += o.squares
	t.clipped2 += o.clipped2
	t.greatest = max(t.greatest, o.greatest)
	t.refused += o.refused
}

// Reset empties a tally and keeps its memory.
func (t *Tally) Reset() {
	t.total, t.squares, t.clipped2, t.greatest, t.refused = sums{}, 0, 0, 0, 0
	t.clusters = t.clusters[:0]
	clear(t.places)
}

// N is how many samples it holds, and Refused how many it did not take.
func (t *Tally) N() int64       { return int64(t.total.n) }
func (t *Tally) Refused() int64 { return t.refused }
