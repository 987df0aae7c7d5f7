package engine

import (
	"math"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
)

// The reasons for which a sample is not learned.
const (
	reasonLabel     = iota // a label that is not a finite number
	reasonWeight           // a weight that is negative or not finite
	reasonTheta            // a probability of examination beyond 0 and 1
	reasonValue            // a feature whose value is not finite
	reasonMagnitude        // a step, gradient times value, beyond what a weight can hold
	reasons
)

var reasonNames = [reasons]string{"label", "weight", "theta", "value", "magnitude"}

// quarantined is how many samples are kept.
const quarantined = 100

// Quarantined is a sample that a head has refused.
type Quarantined struct {
	Head             string     // flat name
	Reason           string     // label, weight, theta, value or magnitude
	Partition        int32      // of the record that was applied when the sample was to be learned
	Offset           int64      // likewise
	Shown            event.Time // when the item was shown
	Y, Weight, Theta float32
	Greatest         float32 // greatest |value| of a feature
}

// quarantine counts refused samples by reason and keeps the latest.
type quarantine struct {
	counts [reasons]uint64
	ring   [quarantined]sample
	n      uint64 // that were ever put in
}

// headGone stands for the head of a sample whose model is not there any more.
const headGone = 0xff

// sample is a Quarantined as it is kept.
type sample struct {
	head, reason     int
	place            spot // of the record that was applied when it was to be learned
	shown            event.Time
	y, weight, theta float32
	greatest         float32
}

// diagnose says why a head has refused a step.
func diagnose(s *feedback.Step) (reason int, greatest float32) {
	finite := func(x float32) bool { return x-x == 0 }
	broken := false
	for _, v := range [...]*feedback.Vector{&s.Shared, &s.Own} {
		for _, x := range v.Values {
			if !finite(x) {
				broken = true
				continue
			}
			greatest = max(greatest, float32(math.Abs(float64(x))))
		}
	}
	switch {
	case !finite(s.Y):
		return reasonLabel, greatest
	case !finite(s.Weight) || s.Weight < 0:
		return reasonWeight, greatest
	case !(s.Theta >= 0 && s.Theta <= 1):
		return reasonTheta, greatest
	case broken:
		return reasonValue, greatest
	}
	return reasonMagnitude, greatest
}

// isolate puts a step that a head has refused into quarantine.
func (h *health) isolate(s *feedback.Step, at spot) {
	reason, greatest := diagnose(s)
	slot := int(h.refused.n % quarantined)
	h.set.Touch(rootID)
	h.set.Touch(h.slotID(slot))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused.counts[reason]++
	h.refused.n++
	zero := func(x float32) float32 { // what is kept is finite
		if x-x != 0 {
			return 0
		}
		return x
	}
	h.refused.ring[slot] = sample{
		head: s.Head, reason: reason, place: at, shown: s.Time,
		y: zero(s.Y), weight: zero(s.Weight), theta: zero(s.Theta), greatest: greatest,
	}
}

// report returns the counts by reason, and what is kept, newest first.
func (q *quarantine) report(heads []string) (counts map[string]uint64, list []Quarantined) {
	counts = map[string]uint64{}
	for i, n := range q.counts {
		counts[reasonNames[i]] = n
	}
	for i := range min(q.n, quarantined) {
		s := &q.ring[(q.n-1-i)%quarantined]
		if s.head == headGone {
			continue
		}
		list = append(list, Quarantined{
			Head: heads[s.head], Reason: reasonNames[s.reason], Partition: s.place.partition, Offset: s.place.offset, Shown: s.shown,
			Y: s.y, Weight: s.weight, Theta: s.theta, Greatest: s.greatest,
		})
	}
	return counts, list
}
