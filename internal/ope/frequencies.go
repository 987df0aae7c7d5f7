package ope

// Frequencies is the policy that a log followed, as its counts tell: the share of each item in each position. An item that it never
// showed in a position has probability 0 there.
type Frequencies struct {
	counts map[place]float64
	totals map[int32]float64
}

type place struct {
	position int32
	item     string
}

// NewFrequencies returns those of an empty log.
func NewFrequencies() *Frequencies {
	return &Frequencies{counts: map[place]float64{}, totals: map[int32]float64{}}
}

// Add counts an exposure; position 0 is one of its own. It keeps item.
func (f *Frequencies) Add(position int32, item string) {
	f.counts[place{position, item}]++
	f.totals[position]++
}

// N is the number of exposures counted.
func (f *Frequencies) N() int {
	n := 0.0
	for _, total := range f.totals {
		n += total
	}
	return int(n)
}

// P is the probability of an item in a position; false where nothing was ever shown in that position.
func (f *Frequencies) P(position int32, item string) (p float64, ok bool) {
	total := f.totals[position]
	if total == 0 {
		return 0, false
	}
	return f.counts[place{position, item}] / total, true
}
