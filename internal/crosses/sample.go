package crosses

import (
	"fmt"
	"math"
)

// Sample is exposures in the order of their time. Memory: 4 bytes for each field of each, and 29.
type Sample struct {
	fields   []string
	values   []uint32 // [exposure][field]; 0: missing
	logits   []float64
	positive []bool
	known    map[[2]int]bool // pairs that are not to be tried, lesser field first
}

// NewSample returns an empty sample of exposures with the given categorical fields.
func NewSample(fields []string) *Sample {
	return &Sample{fields: fields, known: map[[2]int]bool{}}
}

// Len returns the number of exposures.
func (s *Sample) Len() int { return len(s.positive) }

// maxLogit bounds what a model may have said: a probability of 1 would make any other outcome an infinite loss.
const maxLogit = 15

// Add adds an exposure: a value for each field, 0 where it has none, what the model predicted before anything of the outcome was known (a
// logit), and the outcome. values are copied.
func (s *Sample) Add(values []uint32, logit float64, positive bool) {
	if len(values) != len(s.fields) {
		panic(fmt.Sprintf("crosses: %d values for %d fields", len(values), len(s.fields)))
	}
	if math.IsNaN(logit) {
		return
	}
	s.values = append(s.values, values...)
	s.logits = append(s.logits, max(-maxLogit, min(logit, maxLogit)))
	s.positive = append(s.positive, positive)
}

// Exclude keeps a pair of fields from being tried: the model has it.
func (s *Sample) Exclude(a, b string) {
	i, j := s.field(a), s.field(b)
	if i >= 0 && j >= 0 {
		s.known[[2]int{min(i, j), max(i, j)}] = true
	}
}

func (s *Sample) field(name string) int {
	for i, f := range s.fields {
		if f == name {
			return i
		}
	}
	return -1
}

// pairs are all that may be tried, without those of which a field is the same value throughout.
func (s *Sample) pairs() (all [][2]int) {
	constant := make([]bool, len(s.fields))
	for f := range s.fields {
		constant[f] = s.constant(f)
	}
	for a := range s.fields {
		for b := a + 1; b < len(s.fields); b++ {
			if p := [2]int{a, b}; !constant[a] && !constant[b] && !s.known[p] {
				all = append(all, p)
			}
		}
	}
	return all
}

func (s *Sample) constant(field int) bool {
	for i := field; i < len(s.values); i += len(s.fields) {
		if s.values[i] != s.values[field] {
			return false
		}
	}
	return true
}
