package model

import (
	"encoding/binary"
	"fmt"
)

// clock counts what a head has learned, where its learner or one of its options depends on it.
type clock struct {
	kept  bool // whether anything depends on it
	id    uint32
	steps uint64 // examples with a gradient that is not 0
}

// clockKey ends the key of a clock. Its value: version u8 = 1 | steps uvarint, above 0, of the least length.
const (
	clockKey = 'c'
	clockV1  = 1
)

// tick counts an example and returns how many there were before it.
func (c *clock) tick(set pages) uint64 {
	if !c.kept {
		return 0
	}
	set.Touch(c.id)
	c.steps++
	return c.steps - 1
}

func (c *clock) blank() bool { return c.steps == 0 }

// set takes over what was stored.
func (c *clock) set(from clock) { c.steps = from.steps }

func (c *clock) append(dst []byte) []byte {
	return binary.AppendUvarint(append(dst, clockV1), c.steps)
}

func decodeClock(value []byte) (c clock, err error) {
	switch {
	case len(value) < 2:
		return c, ErrShort
	case value[0] != clockV1:
		return c, fmt.Errorf("%w %d", ErrVersion, value[0])
	}
	steps, n := binary.Uvarint(value[1:])
	if n != len(value)-1 || steps == 0 || len(binary.AppendUvarint(nil, steps)) != n {
		return c, fmt.Errorf("%w: % x", ErrCorrupt, value)
	}
	c.steps = steps
	return c, nil
}
