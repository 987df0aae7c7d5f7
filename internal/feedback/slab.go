package feedback

import "unsafe"

// slab numbers values of one type by dense ids from 1 on, and uses freed ids again, the lowest first.
type slab[T any] struct {
	chunks [][]T // nil: given back
	ids    numbers
	held   int // chunks
}

const (
	slabBits = 10
	slabSize = 1 << slabBits
)

func (s *slab[T]) at(id uint32) *T { return &s.chunks[id>>slabBits][id&(slabSize-1)] }

// find returns the value of an id that may be free; nil, or a value that is zero, if it is.
func (s *slab[T]) find(id uint32) *T {
	if c := int(id >> slabBits); c < len(s.chunks) && s.chunks[c] != nil {
		return &s.chunks[c][id&(slabSize-1)]
	}
	return nil
}

// alloc returns an id whose value is zero.
func (s *slab[T]) alloc() uint32 {
	if s.ids.size == 0 {
		s.ids.size = slabSize
		s.ids.take() // 0 is no id
	}
	id := s.ids.take()
	chunk := int(id >> slabBits)
	for chunk >= len(s.chunks) {
		s.chunks = append(s.chunks, nil)
	}
	if s.chunks[chunk] == nil {
		s.chunks[chunk] = make([]T, slabSize)
		s.held++
	}
	return id
}

func (s *slab[T]) release(id uint32) {
	var zero T
	*s.at(id) = zero
	if chunk, drop := s.ids.give(id); drop {
		s.chunks[chunk] = nil
		s.held--
	}
}

// all yields every id in use. Ids may be released meanwhile.
func (s *slab[T]) all(yield func(id uint32) bool) {
	for id, ok := s.ids.next(1); ok; id, ok = s.ids.next(id + 1) {
		if !yield(id) {
			return
		}
	}
}

func (s *slab[T]) live() int { return max(0, s.ids.live-1) }

// used and bytes return what the values in use take, and what all that is allocated takes.
func (s *slab[T]) used() int64 {
	var value T
	return int64(s.live()) * int64(unsafe.Sizeof(value))
}

func (s *slab[T]) bytes() int64 {
	var value T
	return int64(s.held)*slabSize*int64(unsafe.Sizeof(value)) + int64(len(s.ids.taken))*8 + int64(len(s.chunks))*26
}
