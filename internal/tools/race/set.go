package race

import (
	"bufio"
	"io"
	"strconv"

	"recsvc/internal/synthetic"
)

// Set is exposures in their order, each with a number for the value of each field, and an outcome.
type Set struct {
	Name   string
	Fields int
	IDs    []uint32 // [exposure][field]; equal numbers of different fields are different values
	Labels []bool
}

// Len returns the number of exposures.
func (s *Set) Len() int { return len(s.Labels) }

// row is what exposure i has in its fields.
func (s *Set) row(i int) []uint32 { return s.IDs[i*s.Fields : (i+1)*s.Fields] }

// y is the label of exposure i.
func (s *Set) y(i int) float32 {
	if s.Labels[i] {
		return 1
	}
	return 0
}

// First returns the first n exposures, all if there are fewer.
func (s *Set) First(n int) *Set {
	n = min(n, s.Len())
	return &Set{Name: s.Name, Fields: s.Fields, IDs: s.IDs[:n*s.Fields], Labels: s.Labels[:n]}
}

// Synthetic is the beginning of the synthetic stream of the usual length, with relevance for an outcome: 80 bytes for each exposure.
func Synthetic(n int) *Set {
	stream := synthetic.New(synthetic.Usual, synthetic.ByRelevance)
	s := &Set{Name: "synthetic", Fields: synthetic.Fields}
	for _, ex := range stream.First(uint64(n)) {
		s.IDs = append(s.IDs, ex.Values[:]...)
		s.Labels = append(s.Labels, ex.Relevant)
	}
	return s
}

// WriteVW writes the set in the format of Vowpal Wabbit: a namespace (a, b, …) for each field, a line for each exposure.
func (s *Set) WriteVW(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	var line []byte
	for i, positive := range s.Labels {
		line = append(line[:0], "-1"...)
		if positive {
			line = append(line[:0], '1')
		}
		for f, id := range s.row(i) {
			line = append(line, ' ', '|', byte('a'+f), ' ')
			line = strconv.AppendUint(line, uint64(id), 10)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
}
