package examination

import "math"

// bins are the ranges of log-odds of predictions that are told apart where nothing came of an impression: half a unit each, from −8 on.
const bins = 32

// sighted is what regression EM needs to know of a position.
type sighted struct {
	all  side
	miss [bins]missed
}

// missed sums the impressions without an outcome whose prediction lies in one range.
type missed struct {
	n, p float64 // Σw, Σw·γ
}

func (s *sighted) add(w, p float64, positive bool) {
	s.all.add(w, positive)
	if positive {
		return
	}
	p = min(max(p, 1e-6), 1-1e-6)
	b := int(math.Floor(2*math.Log(p/(1-p)))) + bins/2
	m := &s.miss[min(max(b, 0), bins-1)]
	m.n += w
	m.p += float64(w * p)
}

func (s *sighted) scale(f float64) {
	s.all.scale(f)
	for i := range s.miss {
		s.miss[i].n *= f
		s.miss[i].p *= f
	}
}

// solve returns log θ and its variance. The two steps of EM (for c = 0: P(E=1) = θ(1−γ)/(1−θγ); then θ = mean P(E=1)) stand still
// where the likelihood C·log θ + Σ log(1−θγ) over the impressions without an outcome is greatest; it is concave in log θ, and so is
// it with the prior of a tenth of a click that keeps it finite.
func (s *sighted) solve() (log, variance float64) {
	scale := 0.0
	if s.all.n2 > 0 {
		scale = s.all.n / s.all.n2 // weights that sum to the effective number
	}
	low, high := -20.0, 20.0
	for i := range s.miss {
		if m := &s.miss[i]; m.n > 0 {
			high = min(high, -math.Log(m.p/m.n))
		}
	}
	var t float64
	for range 100 {
		if t <= low || t >= high {
			t = (low + high) / 2
		}
		score, information, _ := s.score(t, scale)
		if score > 0 {
			low = t
		} else {
			high = t
		}
		step := score / information
		if t += step; math.Abs(step) < 1e-9 {
			break
		}
	}
	_, information, spread := s.score(t, scale)
	return t, spread / information / information
}

// score is the derivative of the log-likelihood by t = log θ, less its own derivative, and the variance of the former.
func (s *sighted) score(t, scale float64) (score, information, spread float64) {
	theta := math.Exp(t)
	clicks := s.all.c * scale
	score = clicks - float64(ridge*t)
	information = ridge
	spread = clicks + ridge
	for i := range s.miss {
		m := &s.miss[i]
		if !(m.n > 0) {
			continue
		}
		seen := min(theta*(m.p/m.n), 1-1e-12)
		odds := seen / (1 - seen)
		n := m.n * scale
		score -= float64(n * odds)
		information += float64(n * odds / (1 - seen))
		spread += float64(n * odds * odds)
	}
	return score, information, spread
}
