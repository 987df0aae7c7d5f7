package model

import (
	"encoding/binary"
	"fmt"
	"math"
)

// clock counts what a head has learned, and what it has done by it, where its learner or its upkeep depends on it.
type clock struct {
	kept  bool // whether anything depends on it
	id    uint32
	steps uint64 // examples with a gradient that is not 0

	tuned          bool // whether the rates are others than the configured ones
	linear, latent Rates
	origin, now    int64 // by Model.Advance, at the first example and at the last; 0: not told
	evict, forget  sweep
}

// clockKey ends the key of a clock. Its value, of uvarints of the least length:
//
//	version u8 = 2 | steps | origin | now − origin | visits of evict | visits of forget | of a tuned head: α, β, λ1, λ2 f64, those of
//	latent vectors f64
//
// Version 1 had the steps alone.
const (
	clockKey = 'c'
	clockV2  = 2
)

// tick counts an example and returns how many there were before it.
func (c *clock) tick(set pages, now int64) uint64 {
	if !c.kept {
		return 0
	}
	set.Touch(c.id)
	if c.origin == 0 {
		c.origin = now
	}
	c.now = max(now, c.origin)
	c.steps++
	return c.steps - 1
}

func (c *clock) blank() bool { return c.steps == 0 && !c.tuned }

// set takes over what was stored, but for the rates.
func (c *clock) set(from clock) {
	c.steps, c.origin, c.now = from.steps, from.origin, from.now
	c.evict.visits, c.forget.visits = from.evict.visits, from.forget.visits
}

func (c *clock) append(dst []byte) []byte {
	dst = append(dst, clockV2)
	for _, x := range [...]uint64{c.steps, uint64(c.origin), uint64(c.now - c.origin), c.evict.visits, c.forget.visits} {
		dst = binary.AppendUvarint(dst, x)
	}
	if c.tuned {
		for _, r := range [...]Rates{c.linear, c.latent} {
			for _, x := range [...]float64{r.Alpha, r.Beta, r.L1, r.L2} {
				dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
			}
		}
	}
	return dst
}

func decodeClock(value []byte) (c clock, err error) {
	switch {
	case len(value) == 0:
		return c, ErrShort
	case value[0] != clockV2:
		return c, fmt.Errorf("%w %d", ErrVersion, value[0])
	}
	var xs [5]uint64
	rest := value[1:]
	for i := range xs {
		x, n := binary.Uvarint(rest)
		if n <= 0 || n > 1 && rest[n-1] == 0 {
			return c, fmt.Errorf("%w: % x", ErrCorrupt, value)
		}
		xs[i], rest = x, rest[n:]
	}
	c.steps, c.origin, c.now = xs[0], int64(xs[1]), int64(xs[1]+xs[2])
	c.evict.visits, c.forget.visits = xs[3], xs[4]
	if c.tuned = len(rest) > 0; c.tuned {
		rest = c.decodeRates(rest)
	}
	if len(rest) > 0 || c.blank() || c.origin < 0 || c.now < c.origin {
		return c, fmt.Errorf("%w: % x", ErrCorrupt, value)
	}
	return c, nil
}

// decodeRates returns what is not as it should be: nothing.
func (c *clock) decodeRates(b []byte) (rest []byte) {
	if len(b) != 64 {
		return b
	}
	for i, r := range [...]*Rates{&c.linear, &c.latent} {
		for j, x := range [...]*float64{&r.Alpha, &r.Beta, &r.L1, &r.L2} {
			*x = math.Float64frombits(binary.LittleEndian.Uint64(b[32*i+8*j:]))
		}
		if r.check() != nil {
			return b
		}
	}
	return nil
}
