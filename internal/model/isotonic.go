package model

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync/atomic"
)

// Isotonic regression over bins of the logit (pool adjacent violators; Zadrozny and Elkan 2002), online: each bin keeps decayed sums,
// and the curve is made anew every isotonicEvery outcomes. Each block of pooled bins is one knot, at its mean logit; between knots the
// curve is straight in logits, beyond the ends it goes on with slope 1, so that it rises everywhere and order is never lost. What came of
// places that are examined with probability θ counts as Σy/Σθ.
const (
	isotonicBins  = 96
	isotonicWidth = 0.25 // of a bin, in logits; the bins span ±12
	isotonicEvery = 256
	isotonicHalve = 20_000 // outcomes after which all sums are halved
	isotonicPrior = 4      // outcomes with which a bin begins, that say what the logit says
	isotonicLeast = 1e-6   // of a calibrated probability, and of its distance from 1
)

type isotonic struct {
	n     uint64
	bins  [isotonicBins]isotonicBin
	curve atomic.Pointer[isotonicCurve]
}

// isotonicBin holds decayed sums over the outcomes in a bin.
type isotonicBin struct{ theta, y, s float64 }

// isotonicCurve is the curve in force. It is never changed.
type isotonicCurve struct{ at, to []float64 } // knots, ascending in both

func (c *isotonic) reset() {
	c.n, c.bins = 0, [isotonicBins]isotonicBin{}
	c.curve.Store(&isotonicCurve{})
}

func (c *isotonic) blank() bool { return c.n == 0 }

func binOf(s float64) int {
	return min(max(int(math.Floor(s/isotonicWidth))+isotonicBins/2, 0), isotonicBins-1)
}

func (c *isotonic) observe(s, theta, y float64) {
	b := &c.bins[binOf(s)]
	b.theta += theta
	b.y += y
	b.s += float64(theta * s)
	c.n++
	if c.n%isotonicEvery == 0 {
		c.curve.Store(c.pool())
	}
	if c.n%isotonicHalve == 0 {
		for i := range c.bins {
			b := &c.bins[i]
			b.theta, b.y, b.s = b.theta/2, b.y/2, b.s/2
		}
	}
}

// pool makes the curve of what is known.
func (c *isotonic) pool() *isotonicCurve {
	var blocks []isotonicBin
	for i := range c.bins {
		b := c.bins[i]
		if b.theta <= 0 {
			continue
		}
		mean := b.s / b.theta
		b.theta += isotonicPrior
		b.y += float64(isotonicPrior * Sigmoid(mean))
		b.s += float64(isotonicPrior * mean)
		blocks = append(blocks, b)
		for len(blocks) > 1 {
			last, before := &blocks[len(blocks)-1], &blocks[len(blocks)-2]
			if last.y*before.theta > before.y*last.theta {
				break
			}
			before.theta, before.y, before.s = before.theta+last.theta, before.y+last.y, before.s+last.s
			blocks = blocks[:len(blocks)-1]
		}
	}
	out := &isotonicCurve{}
	for _, b := range blocks {
		p := math.Min(math.Max(b.y/b.theta, isotonicLeast), 1-isotonicLeast)
		at, to := b.s/b.theta, math.Log(p/(1-p))
		if k := len(out.at); k > 0 && (at <= out.at[k-1] || to <= out.to[k-1]) {
			continue // equal but for rounding, or beyond what a probability may be
		}
		out.at, out.to = append(out.at, at), append(out.to, to)
	}
	return out
}

func (c *isotonic) logit(s float64) float64 {
	k := c.curve.Load()
	n := len(k.at)
	switch {
	case n == 0:
		return s
	case s <= k.at[0]:
		return clampLogit(k.to[0] + s - k.at[0])
	case s >= k.at[n-1]:
		return clampLogit(k.to[n-1] + s - k.at[n-1])
	}
	low, high := 0, n-1
	for high-low > 1 {
		if mid := (low + high) / 2; s >= k.at[mid] {
			low = mid
		} else {
			high = mid
		}
	}
	share := (s - k.at[low]) / (k.at[high] - k.at[low])
	return clampLogit(k.to[low] + float64(share*(k.to[high]-k.to[low])))
}

func (c *isotonic) append(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, calibrationV1, byte(Isotonic)), c.n)
	for i := range c.bins {
		dst = appendFloats(dst, c.bins[i].theta, c.bins[i].y, c.bins[i].s)
	}
	return c.curve.Load().append(dst)
}

func (c *isotonic) published(dst []byte) []byte {
	k := c.curve.Load()
	if len(k.at) == 0 {
		return dst
	}
	dst = append(dst, calibrationV1, byte(Isotonic), 1)
	dst = append(dst, make([]byte, 3*8*isotonicBins)...)
	return k.append(dst)
}

func (k *isotonicCurve) append(dst []byte) []byte {
	dst = append(dst, byte(len(k.at)))
	for i := range k.at {
		dst = appendFloats(dst, k.at[i], k.to[i])
	}
	return dst
}

func (c *isotonic) decode(b []byte) error {
	n, b, err := calibrationHead(b, Isotonic)
	if err != nil {
		return err
	}
	for i := range c.bins {
		var v [3]float64
		if b, err = takeFloats(b, v[:]); err != nil {
			return err
		}
		if v[0] < 0 || v[1] < 0 {
			return fmt.Errorf("%w: bin %d holds %v", ErrCorrupt, i, v)
		}
		c.bins[i] = isotonicBin{v[0], v[1], v[2]}
	}
	if len(b) < 1 || b[0] > isotonicBins {
		return fmt.Errorf("%w: knots", ErrShort)
	}
	knots, b := int(b[0]), b[1:]
	k := &isotonicCurve{}
	for i := range knots {
		var v [2]float64
		if b, err = takeFloats(b, v[:]); err != nil {
			return err
		}
		if i > 0 && (v[0] <= k.at[i-1] || v[1] <= k.to[i-1]) {
			return fmt.Errorf("%w: knot %d does not rise", ErrCorrupt, i)
		}
		k.at, k.to = append(k.at, v[0]), append(k.to, v[1])
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: %d bytes left over", ErrCorrupt, len(b))
	}
	c.n = n
	c.curve.Store(k)
	return nil
}
