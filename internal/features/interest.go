package features

import (
	"math"

	"recsvc/internal/event"
)

// interest is the decayed mean of vectors, with their decayed weight. Of its cell the first word names a bag:
//
//	bag | instant as of which the weight is | weight       the mean, two float32 to a word
//
// It keeps the mean, not the sum: a mean lies among what was put in, however long nothing came.
type interest struct {
	size     int
	halfLife float64 // ns
}

func (v interest) layout() layout {
	words := (v.size + 1) / 2
	return layout{words: 3, bagged: []int{0}, most: words}
}

// What an event may weigh at most, and what the weight of all events must be for them to count.
const (
	maxInterest = 1e9
	minInterest = 1e-9
)

// add puts a vector in, with a weight above 0, at time t. One from before the last counts with the decay that it has had since.
func (v interest) add(s slot, t event.Time, weight float64, x []float32) {
	last, total := event.Time(s.w[1]), math.Float64frombits(s.w[2])
	if s.w[0] == 0 {
		last, total = t, 0
	}
	if weight = min(weight, maxInterest); t >= last {
		total, last = total*v.decay(t-last), t
	} else {
		weight *= v.decay(last - t)
	}
	if weight == 0 {
		return
	}
	b := s.bag(0)
	if b == nil {
		b = make([]uint64, (v.size+1)/2)
	}
	old := total
	total += weight
	old, share := old/total, weight/total
	for i, y := range x {
		m := float64(float64(float32At(b, i)) * old)
		setFloat32(b, i, float32(m+float64(float64(y)*share)))
	}
	s.keep(0, b)
	s.w[1], s.w[2] = uint64(last), math.Float64bits(total)
}

func (v interest) decay(age event.Time) float64 {
	return math.Exp(-math.Ln2 * float64(age) / v.halfLife)
}

// read appends the mean to dst as seen at t, merged with a profile (nil: none) that weighs as much as given; ok is false when there is nothing.
func (v interest) read(dst []float32, s slot, t event.Time, profile []float32, strength float64) (_ []float32, ok bool) {
	b, total := s.bag(0), 0.0
	if b != nil {
		if total = math.Float64frombits(s.w[2]); t > event.Time(s.w[1]) {
			total *= v.decay(t - event.Time(s.w[1]))
		}
	}
	if total < minInterest {
		b, total = nil, 0
	}
	if profile == nil {
		strength = 0
	}
	if total+strength == 0 {
		return dst, false
	}
	own, share := total/(total+strength), strength/(total+strength)
	for i := range v.size {
		m := 0.0
		if b != nil {
			m = float64(float64(float32At(b, i)) * own)
		}
		if profile != nil {
			m += float64(float64(profile[i]) * share)
		}
		dst = append(dst, float32(m))
	}
	return dst, true
}

// float32At and setFloat32 are the i-th float32 of packed words.
func float32At(b []uint64, i int) float32 {
	return math.Float32frombits(uint32(b[i/2] >> (i % 2 * 32)))
}

func setFloat32(b []uint64, i int, x float32) {
	shift := i % 2 * 32
	b[i/2] = b[i/2]&^(math.MaxUint32<<shift) | uint64(math.Float32bits(x))<<shift
}
