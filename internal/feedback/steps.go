package feedback

import "math/bits"

// What a head learns from an impression:
//
//	correct        the first step: y = 0, of which a sample may be kept; when an outcome comes, the correction
//	fake_negative  the same y = 0, and when an outcome comes, y = 1; both in weights that depend on the prediction, or (calibrated) in
//	               none
//	close          one step when the window closes
//
// An outcome that is known by the first step is learned at once. What was shown while outcomes were stalled takes one step when
// its window closes, or none.

// learn puts out the first step of an impression: for each head that does not wait for its window to close, what is known by now.
func (j *Joiner) learn(id uint32) {
	step := j.step(id)
	for h := range j.heads {
		if j.heads[h].delay != Close && j.state(id, h).flags&(isHeld|isClosed) == 0 {
			j.first(step, id, h)
		}
	}
}

// first puts out all that a head learns from what is known of an impression that it has learned nothing from.
func (j *Joiner) first(step Step, id uint32, h int) {
	st := j.state(id, h)
	positive := st.flags&isPositive != 0
	if j.heads[h].delay.fakes() {
		j.negative(step, id, h)
		if positive {
			j.positive(step, id, h)
		}
		return
	}
	if !positive {
		j.negative(step, id, h)
		return
	}
	step.Weight *= st.weight()
	j.positive(step, id, h)
}

// correct puts out what an outcome makes of an impression that was learned as negative.
func (j *Joiner) correct(id uint32, h int) {
	step, st := j.step(id), j.state(id, h)
	switch {
	case j.heads[h].delay.fakes():
		j.positive(step, id, h)
		return
	case j.heads[h].odds && st.flags&isLeftOut != 0: // nothing was learned that is to be taken back
		step.Weight *= st.weight()
		j.positive(step, id, h)
		return
	}
	fix := step
	fix.Y, fix.Correction = 1, true
	j.emit(fix, id, h)
	if st.gain > 0 { // w∇ℓ(1) − ∇ℓ(0) is ∇ℓ(1) − ∇ℓ(0) and (w−1)∇ℓ(1)
		step.Weight *= st.weight() - 1
		j.positive(step, id, h)
	}
}

func (j *Joiner) positive(step Step, id uint32, h int) {
	step.Y = 1
	j.emit(step, id, h)
}

// negative puts out y = 0, if it is kept.
func (j *Joiner) negative(step Step, id uint32, h int) {
	o := &j.heads[h]
	if sampleHash(j.at(id)) >= o.keep {
		j.state(id, h).flags |= isLeftOut
		j.counts.Heads[h].LeftOut++
		return
	}
	step.Weight *= o.inverse
	if j.pools[h].slice > 0 {
		j.offer(&step, id, h)
		return
	}
	j.emit(step, id, h)
}

func (j *Joiner) emit(step Step, id uint32, h int) {
	step.Head = h
	step.Theta = j.theta(id, h)
	step.FakeNegative = j.heads[h].delay == FakeNegative
	j.sink.Learn(step)
}

// step returns what the steps of all heads have in common.
func (j *Joiner) step(id uint32) Step {
	s := j.at(id)
	shared, own := j.vectors(s)
	return Step{ID: j.birth(id), Shared: shared, Own: own, Weight: s.weight, Time: s.base}
}

// sampleHash returns a number that is uniform over the impressions: the same for all heads, so that what one model learns from,
// the other does too.
func sampleHash(s *impression) uint64 {
	if s.key != 0 {
		return mix(s.key)
	}
	return mix(s.userItem ^ mix(uint64(s.base)))
}

// mix is the finaliser of wyhash: every bit of x moves every bit of the result.
func mix(x uint64) uint64 {
	high, low := bits.Mul64(x^0x2d358dccaa6c78a5, 0x8bb84b93962eacc9)
	return high ^ low
}
