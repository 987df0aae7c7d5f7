package features

// Number is a feature that is one number in the vectors that queries make.
type Number struct {
	Name   string
	Slot   uint32 // where its value stands; a vector without the slot has none, or 0
	ByItem bool   // it is in the own part of a vector, else in the shared one
}

// Numbers returns the numeric features that are emitted, those of the shared part first, in the order in which vectors hold
// them. The caller holds the read lock, or is the writer.
func (s *Store) Numbers() (list []Number) {
	p := s.program
	for _, order := range [...][]int{p.sharedNums, p.ownNums} {
		for _, i := range order {
			if f := &p.feats[i]; !f.weighted {
				list = append(list, Number{Name: f.name, Slot: f.slot, ByItem: f.byItem})
			}
		}
	}
	return list
}
