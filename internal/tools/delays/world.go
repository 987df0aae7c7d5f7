package main

import (
	"math"
	"math/rand/v2"
	"time"

	"recsvc/internal/event"
)

// world is a stream of exposures whose truth is known: what is shown has an outcome with probability σ(base + segment + item),
// and it comes after a delay that is exponential. Items live for some hours, so that a model that waits knows less of them.
type world struct {
	rng      *rand.Rand
	rate     float64       // exposures a second
	delay    time.Duration // mean; 0: outcomes come at once
	base     float64       // logit
	segments []float64
	items    []item
	lifetime event.Time
	named    int
}

type item struct {
	number int
	effect float64
	until  event.Time
}

const (
	segments = 40
	slots    = 60 // items at a time
)

func newWorld(seed uint64, delay time.Duration) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 11)), rate: 4, delay: delay, base: -2.2, lifetime: event.Time(4 * time.Hour)}
	for range segments {
		w.segments = append(w.segments, 0.7*w.rng.NormFloat64())
	}
	for i := range slots {
		w.items = append(w.items, w.newItem(event.Time(i)*w.lifetime/slots))
	}
	return w
}

func (w *world) newItem(until event.Time) item {
	w.named++
	return item{number: w.named, effect: w.rng.NormFloat64(), until: until}
}

// shown is one exposure and what comes of it.
type shown struct {
	segment, item int
	p             float64       // of an outcome
	after         time.Duration // that it comes; below 0: none does
}

// next draws the exposure at t. Every world of a seed draws the same ones, with the same outcomes, whatever the delay.
func (w *world) next(t event.Time) shown {
	s, i := w.rng.IntN(segments), w.rng.IntN(slots)
	it := &w.items[i]
	if t > it.until {
		*it = w.newItem(it.until + w.lifetime)
	}
	p := 1 / (1 + math.Exp(-(w.base + w.segments[s] + it.effect)))
	u, wait := w.rng.Float64(), w.rng.ExpFloat64()
	out := shown{segment: s, item: it.number, p: p, after: -1}
	if u < p {
		out.after = time.Duration(wait * float64(w.delay))
	}
	return out
}
