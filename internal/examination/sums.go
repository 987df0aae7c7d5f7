package examination

// side is what was seen at one position: decayed sums.
type side struct {
	n  float64 // Σw
	n2 float64 // Σw²
	c  float64 // Σw of the positive ones
}

func (s *side) add(w float64, positive bool) {
	s.n += w
	s.n2 += float64(w * w)
	if positive {
		s.c += w
	}
}

// scale multiplies the weights by a power of two: nothing is rounded but what becomes 0.
func (s *side) scale(f float64) {
	s.n *= f
	s.n2 *= float64(f * f)
	s.c *= f
}

// effective is (Σw)²/Σw²: how many equally weighted outcomes would tell as much.
func (s *side) effective() float64 {
	if !(s.n2 > 0) {
		return 0
	}
	return s.n / s.n2 * s.n
}

// pair is what was seen of two positions that held equally relevant items on average.
type pair struct {
	high, low side
	both      float64 // Σw² of matched outcomes that are positive at both
}

func (p *pair) scale(f float64) {
	p.high.scale(f)
	p.low.scale(f)
	p.both *= float64(f * f)
}

// triangle is the place of the pair high < low, positions from 0, in a slice of all pairs: those with the same low stand together.
func triangle(high, low int) int { return low*(low-1)/2 + high }
