package event

// slab hands out values from blocks, so that a batch of records costs a few allocations and not thousands.
// A block stays in memory as long as anything in it is kept.
type slab[T any] struct {
	free  []T // the unused rest of the present block
	block int // values in a block; 0: 64
}

// one returns a pointer to a zero value.
func (s *slab[T]) one() *T { return &s.take(1)[0] }

// take returns n zero values that share nothing with what was handed out before.
func (s *slab[T]) take(n int) []T {
	if n > len(s.free) {
		block := s.block
		if block == 0 {
			block = 64
		}
		if n > block/4 { // too big to share: do not throw the rest of a block away for it
			return make([]T, n)
		}
		s.free = make([]T, block)
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	return out
}

// clone returns a copy of from; nil when it is empty.
func (s *slab[T]) clone(from []T) []T {
	if len(from) == 0 {
		return nil
	}
	out := s.take(len(from))
	copy(out, from)
	return out
}

// slabs are where the parts of decoded records come from.
type slabs struct {
	events  slab[Event]
	attrs   slab[Attribute]
	strings slab[string]
	served  slab[ServedItem]
}
