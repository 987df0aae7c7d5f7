package crosses

import "math"

// cell is what was learned of one combination of values.
type cell struct {
	w float32 // what it adds to the logit
	h float32 // the precision of w beyond the prior's; 0: never seen
}

// bench is where pairs are tried on one sample. It is used by one goroutine.
type bench struct {
	sample *Sample
	logits []float64 // the model's, and the corrections of what was chosen already
	p      []float64 // σ of them
	loss   []float64 // of them, in nats
	cells  []cell
	visits int64 // exposures looked at so far, over all trials
}

// roomy is how many cells there are for each exposure, at least: combinations share a cell when their hashes collide.
const roomy = 4

func newBench(s *Sample) *bench {
	n := s.Len()
	size := 1
	for size < roomy*n {
		size *= 2
	}
	b := &bench{
		sample: s, logits: append([]float64(nil), s.logits...),
		p: make([]float64, n), loss: make([]float64, n), cells: make([]cell, size),
	}
	for i := range b.logits {
		b.settle(i)
	}
	return b
}

// settle derives what follows from the logit of exposure i.
func (b *bench) settle(i int) {
	b.p[i] = 1 / (1 + math.Exp(-b.logits[i]))
	b.loss[i] = lossOf(b.logits[i], b.sample.positive[i])
}

// lossOf is the log-loss of a logit: ln(1+e^∓s).
func lossOf(s float64, positive bool) float64 {
	if positive {
		s = -s
	}
	return max(s, 0) + math.Log1p(math.Exp(-math.Abs(s)))
}

// maxCorrection bounds what a combination may add to a logit.
const maxCorrection = 4

// tally sums up what corrections save of the loss, in nats.
type tally struct{ sum, squares, n float64 }

func (t *tally) add(saved float64) {
	t.sum += saved
	t.squares += float64(saved * saved)
}

// mean is what is saved per exposure.
func (t *tally) mean() float64 { return t.sum / max(t.n, 1) }

// z is the mean over its standard error; 0 where nothing was saved or lost.
func (t *tally) z() float64 {
	m := t.mean()
	v := t.squares/max(t.n, 1) - float64(m*m)
	if v <= 0 {
		return 0
	}
	return m / math.Sqrt(v/t.n)
}

// try goes through the first n exposures with corrections for a pair, and returns what they save from the given exposure on. each, which may be
// nil, is told of every correction other than 0.
func (b *bench) try(pair [2]int, prior float64, from, n int, each func(i int, w float64)) (saved tally) {
	clear(b.cells)
	s, width, mask := b.sample, len(b.sample.fields), uint64(len(b.cells)-1)
	saved.n = float64(n - from)
	b.visits += int64(n)
	for i := range n {
		x, y := s.values[i*width+pair[0]], s.values[i*width+pair[1]]
		if x == 0 || y == 0 {
			continue
		}
		c := &b.cells[mix(uint64(x)<<32|uint64(y))&mask]
		q := b.p[i]
		if c.h > 0 {
			w := float64(c.w)
			q = 1 / (1 + math.Exp(-b.logits[i]-w))
			if i >= from {
				saved.add(b.loss[i] - lossOf(b.logits[i]+w, s.positive[i]))
			}
			if each != nil {
				each(i, w)
			}
		}
		c.absorb(q, s.positive[i], prior)
	}
	return saved
}

// absorb takes an outcome that was given probability q.
func (c *cell) absorb(q float64, positive bool, prior float64) {
	y := 0.0
	if positive {
		y = 1
	}
	h := float64(c.h) + float64(q*(1-q))
	w := float64(c.w) + (y-q)/(h+prior)
	c.h, c.w = float32(h), float32(max(-maxCorrection, min(w, maxCorrection)))
}

// combinations counts those of a pair, but for collisions.
func (b *bench) combinations(pair [2]int) (n int) {
	b.try(pair, 1, 0, b.sample.Len(), nil)
	for i := range b.cells {
		if b.cells[i].h > 0 {
			n++
		}
	}
	return n
}

// mix is splitmix64's finalizer.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
