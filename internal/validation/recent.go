package validation

// The recent outcomes are kept in a ring of blocks. When the newest is full the oldest is forgotten as a whole: what
// is covered is the last 9,000 to 10,000.
const (
	blockSize = 1000
	blocks    = 10
)

// block is a run of outcomes in the order in which they came.
type block struct {
	number uint64 // of blocks before it, plus 1; 0: never used
	sums   sums
	marks  []uint16 // bin<<1, lowest bit: positive
}

func mark(o outcome) uint16 {
	m := uint16(o.bin) << 1
	if o.positive {
		m |= 1
	}
	return m
}

func unmark(m uint16) (bin int, positive bool) { return int(m >> 1), m&1 == 1 }

func (b *block) add(o outcome) {
	b.sums.add(o)
	b.marks = append(b.marks, mark(o))
}

// recent is the ring, with the histogram of all that it covers.
type recent struct {
	newest int
	ring   [blocks]block
	hist   histogram
}

// next returns the place in the ring that the next outcome goes to.
func (r *recent) next() int {
	if len(r.ring[r.newest].marks) == blockSize {
		return (r.newest + 1) % blocks
	}
	return r.newest
}

func (r *recent) add(o outcome) {
	if i := r.next(); i != r.newest || r.ring[i].number == 0 {
		r.begin(i)
	}
	r.ring[r.newest].add(o)
	r.hist.add(o.bin, o.positive)
}

// begin makes place i the newest block, and forgets what it held.
func (r *recent) begin(i int) {
	b := &r.ring[i]
	for _, m := range b.marks {
		r.hist.remove(unmark(m))
	}
	number := r.ring[r.newest].number + 1
	if b.marks == nil {
		b.marks = make([]uint16, 0, blockSize)
	}
	*b = block{number: number, marks: b.marks[:0]}
	r.newest = i
}

// put takes a stored block back.
func (r *recent) put(i int, b block) {
	r.ring[i] = b
	for _, m := range b.marks {
		r.hist.add(unmark(m))
	}
	if b.number > r.ring[r.newest].number {
		r.newest = i
	}
}

// metrics merges the blocks from the oldest to the newest, so that the sums are those of one order.
func (r *recent) metrics() Metrics {
	var s sums
	for i := range blocks {
		s.merge(r.ring[(r.newest+1+i)%blocks].sums)
	}
	return metricsOf(s, &r.hist)
}
