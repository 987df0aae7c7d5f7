package state

import "sync/atomic"

// filter tells in one look that none of the deltas has a key, so that Get need not ask the index of each. It may say yes of a
// key that none has. Adding is safe beside reading.
type filter struct{ words []atomic.Uint64 }

// newFilter returns one for deltas whose indexes take up to n bytes: then about 10 bits a record. With more it errs more often.
func newFilter(n int64) *filter { return &filter{words: make([]atomic.Uint64, n/16/8+1)} }

func (f *filter) add(x *index) {
	for _, s := range x.slots {
		if s.size != 0 {
			word, bits := f.place(s.hash)
			word.Or(bits)
		}
	}
}

func (f *filter) has(hash uint32) bool {
	word, bits := f.place(hash)
	return word.Load()&bits == bits
}

// place returns the word and the three bits in it that a hash stands for.
func (f *filter) place(hash uint32) (*atomic.Uint64, uint64) {
	h := hash * 0x9e3779b1 // the word is chosen by the upper bits
	return &f.words[uint64(hash)*uint64(len(f.words))>>32], 1<<(h>>26) | 1<<(h>>20&63) | 1<<(h>>14&63)
}

// filtered returns the filter over the deltas, which it makes for the first time after Open. Under gate.
func (s *Store) filtered() (*filter, error) {
	if f := s.filter.Load(); f != nil {
		return f, nil
	}
	s.filtering.Lock()
	defer s.filtering.Unlock()
	if f := s.filter.Load(); f != nil {
		return f, nil
	}
	for _, d := range s.deltas {
		if _, err := d.indexed(s.seed); err != nil {
			return nil, err
		}
	}
	f := s.filterOver(s.deltas)
	s.filter.Store(f)
	return f, nil
}

// filterOver returns nil when one of the deltas has no index yet.
func (s *Store) filterOver(deltas []*delta) *filter {
	f := newFilter(s.opts.IndexBytes)
	for _, d := range deltas {
		x := d.index.Load()
		if x == nil {
			return nil
		}
		f.add(x)
	}
	return f
}
