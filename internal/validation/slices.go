package validation

// sliced are tallies by dimension and value.
type sliced struct {
	by    *Slicer // nil: nothing is sliced
	list  [][256]*tally
	first uint32 // id of the first
}

func newSliced(by *Slicer, first uint32) sliced {
	s := sliced{by: by, first: first}
	if by != nil {
		s.list = make([][256]*tally, len(by.dimensions))
	}
	return s
}

// at returns the tally of a value, making it where there is none.
func (s *sliced) at(dimension int, value uint8) *tally {
	t := &s.list[dimension][value]
	if *t == nil {
		*t = &tally{hist: histogram{shift: coarse}}
	}
	return *t
}

// observeSlices counts an outcome once in every dimension.
func (v *Head) observeSlices(tag Tag, out outcome) {
	s := &v.sliced
	if s.by == nil {
		return
	}
	known := s.by.knows(tag)
	for d := range s.list {
		value := uint8(otherValue) // tagged under other dimensions
		if known {
			value = tag.value(d)
		}
		v.set.Touch(s.first + uint32(d)<<8 + uint32(value))
		s.at(d, value).add(out)
	}
}

// Slice is the metrics of what has one value in one dimension.
type Slice struct {
	Dimension, Value string
	Metrics
}

// Slices returns the metrics by dimension, in the order of the options, and within it by value in the order in which values first
// came. Those of a dimension add up to what was observed since it was first sliced by: what is beyond the values that are told
// apart is under "(other)", what has no value under "(none)". The writer is let through between one and the next.
func (v *Head) Slices() (out []Slice) {
	for d := range v.sliced.list {
		for _, value := range order {
			v.mu.RLock()
			if t := v.sliced.list[d][value]; t != nil {
				out = append(out, Slice{v.sliced.by.dimensions[d], v.sliced.by.name(d, value), t.metrics()})
			}
			v.mu.RUnlock()
		}
	}
	return out
}

// order is that in which slices are listed: what has no value and all the others come last.
var order = func() (out []uint8) {
	for i := 1; i <= MaxValues; i++ {
		out = append(out, uint8(i))
	}
	return append(out, otherValue, noValue)
}()
