package synthetic

import (
	"iter"
	"math"
)

// Policy says by what the positions that are not drawn evenly were chosen.
type Policy uint8

const (
	// ByRelevance puts what is relevant higher, with some noise: rank tells of relevance what the fields do not.
	ByRelevance Policy = iota
	// ByPromotion puts some values of fields 12 and 8 higher, whatever their relevance.
	ByPromotion
)

// Usual is the length of the stream that figures are quoted for.
const Usual = 2_000_000

// Stream makes examples. It is read only, and safe for concurrent use; it takes 8 MB.
type Stream struct {
	length uint64
	policy Policy
	laws   [Fields]law
}

// New returns a stream of so many examples. Its length says where its second half begins, and therefore what its examples are.
func New(length uint64, policy Policy) *Stream {
	s := &Stream{length: length, policy: policy}
	for f, n := range Values {
		s.laws[f] = newLaw(int(n))
	}
	return s
}

// Len returns the number of examples.
func (s *Stream) Len() uint64 { return s.length }

// All goes through the examples with their numbers. The example is reused from step to step.
func (s *Stream) All() iter.Seq2[uint64, *Example] { return s.First(s.length) }

// First goes through the first n examples, all if there are fewer. The example is reused from step to step.
func (s *Stream) First(n uint64) iter.Seq2[uint64, *Example] {
	return func(yield func(uint64, *Example) bool) {
		var ex Example
		for i := range min(n, s.length) {
			s.At(i, &ex)
			if !yield(i, &ex) {
				return
			}
		}
	}
}

// At fills in example i.
func (s *Stream) At(i uint64, ex *Example) {
	draws := mix(seedDraw + i)
	for f := range ex.Values {
		ex.Values[f] = s.laws[f].draw(mix(draws + uint64(f)))
	}
	var epoch uint64
	if i >= s.length/2 {
		epoch = 1
	}
	logit := logitOf(&ex.Values, epoch)
	ex.Probability = 1 / (1 + math.Exp(-logit))
	ex.Relevant = uniform(mix(draws+20)) < ex.Probability
	if ex.Randomised = uniform(mix(draws+23)) < 0.3; ex.Randomised {
		ex.Position = 1 + int(uniformBelow(mix(draws+24), Positions))
	} else {
		ex.Position = s.position(logit, &ex.Values, normal(mix(draws+22)))
	}
	ex.Click = uniform(mix(draws+21)) < Examined[ex.Position] && ex.Relevant
}

// position returns the place that the policy gives, where the better is nearer to 1.
func (s *Stream) position(logit float64, values *[Fields]uint32, noise float64) int {
	x := float64((logit-bias)/1.5) + float64(0.7*noise)
	if s.policy == ByPromotion {
		x = float64(0.8*normal(mix(seedPromotion+uint64(values[12])))) +
			float64(0.3*normal(mix(seedPromotion+1<<40+uint64(values[8])))) + float64(0.5*noise)
	}
	better := int(math.Floor(Positions / (1 + math.Exp(-1.7*x))))
	return min(max(Positions-better, 1), Positions)
}
