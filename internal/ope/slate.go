package ope

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// ErrPropensity reports a list whose propensities are not those of its scene's rule, (1−ε)·[top] + ε/|pool|.
var ErrPropensity = errors.New("the logged propensities do not fit the scene's epsilon")

// Slate is a served list, read slot by slot: what could have stood in each slot, as far as the log knows.
//
// The log holds neither the pool nor the scores of what was not shown. But a propensity tells whether its slot has the top of what
// remained, and how large the pool was. And the tops further down are a beginning of the ranking of what remained, with nothing
// ranked between. As many items as there are tops below a slot, the best of the pool, are its [Slot.Known]: they are known
// whatever the slot itself was given, so that how many they are has nothing to do with that choice. A policy ranks them anew; all else
// it shows by its own exploration alone, as the logging policy did. Where all of the pool was shown, all of it is known.
type Slate struct {
	slots []Slot
	known []int32
}

// Slot is one choice of a slate.
type Slot struct {
	Propensity float64
	Pool       float64 // candidates that remained, the shown one among them
	Known      []int32 // places in the list, of those whose order the log knows; the shown one is among them unless Outside
	Outside    bool    // brought in by exploration from beyond what is known
	Top        bool    // it had the best of what remained
	Certain    bool    // nothing else could have been shown
}

// Slots returns the slots in order, good until the next Read.
func (s *Slate) Slots() []Slot { return s.slots }

// Whole reports whether all of the pool was shown.
func (s *Slate) Whole() bool {
	n := len(s.slots)
	return n == 0 || int(s.slots[n-1].Pool) == 1
}

// Read takes a list apart: the propensity and the score of each of its items, under the rule of its scene.
func (s *Slate) Read(propensities, scores []float64, epsilon float64) error {
	n := len(propensities)
	s.slots, s.known = s.slots[:0], s.known[:0]
	for k, p := range propensities {
		slot, top, err := readSlot(p, n-k, epsilon)
		if err != nil {
			return err
		}
		slot.Top = top
		s.slots = append(s.slots, slot)
	}
	tops, lowest := 0, math.Inf(1) // below k, and the score of the last of them
	for k := n - 1; k >= 0; k-- {
		slot := &s.slots[k]
		whole := int(slot.Pool) == n-k
		least, depth := lowest, max(1, tops)
		if slot.Top {
			least = min(lowest, scores[k])
			tops, lowest = tops+1, least
		}
		start := len(s.known)
		for j := k; j < n; j++ {
			if whole || scores[j] >= least {
				s.known = append(s.known, int32(j))
			}
		}
		slot.Known = s.known[start:len(s.known):len(s.known)]
		if !whole && len(slot.Known) > depth {
			slices.SortStableFunc(slot.Known, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
			slot.Known = slot.Known[:depth]
		}
		slot.Outside = !slices.Contains(slot.Known, int32(k))
	}
	return nil
}

// readSlot inverts p = (1−ε)·[top] + ε/|pool|.
func readSlot(p float64, remaining int, epsilon float64) (slot Slot, top bool, err error) {
	slot = Slot{Propensity: p, Certain: p == 1}
	if !(p > 0 && p <= 1) || !(epsilon >= 0 && epsilon <= 1) {
		return slot, false, ErrPropensity
	}
	if epsilon == 0 {
		slot.Pool = float64(remaining) // of the rest nothing is known, and nothing else could be shown
		if p != 1 {
			return slot, false, ErrPropensity
		}
		return slot, true, nil
	}
	if epsilon < 1 && p > 1-epsilon { // with epsilon 1 all are drawn, and none is the top
		if pool, ok := wholePool(epsilon/(p-(1-epsilon)), remaining); ok {
			slot.Pool = pool
			return slot, true, nil
		}
	}
	pool, ok := wholePool(epsilon/p, remaining)
	if !ok {
		return slot, false, ErrPropensity
	}
	slot.Pool = pool
	return slot, false, nil
}

// wholePool is the number of candidates that a computed one stands for, if it stands for any.
func wholePool(x float64, remaining int) (pool float64, ok bool) {
	pool = math.Round(x)
	return pool, pool >= float64(remaining) && math.Abs(x-pool) <= 1e-6*pool
}

// chance is what a policy makes of one choice.
type chance struct {
	shown   float64 // πₑ of what was shown
	direct  float64 // Σ πₑ·q̂ over what is known
	outside float64 // mass of πₑ on the rest
}

// choose gives the chances of a slot under a rule: scores and q̂ are by place in the list. epsilon is the scene's own.
func (r Rule) choose(slot *Slot, k int, scores, predicted []float64, epsilon float64, scratch []float64) chance {
	if r.Epsilon >= 0 {
		epsilon = r.Epsilon
	}
	each := epsilon / slot.Pool
	c := chance{outside: each * max(0, slot.Pool-float64(len(slot.Known)))}
	if slot.Outside {
		c.shown = each
	}
	n := len(slot.Known)
	if n == 0 { // what is known ends above: the rest is exploration's, and someone else's top
		c.outside = 1
		return c
	}
	of, pi := scratch[:n], scratch[n:2*n]
	for i, j := range slot.Known {
		of[i] = scores[j]
	}
	r.exploit(pi, of)
	for i, j := range slot.Known {
		p := float64((1-epsilon)*pi[i]) + each
		if int(j) == k {
			c.shown = p
		}
		c.direct += float64(p * predicted[j])
	}
	return c
}
