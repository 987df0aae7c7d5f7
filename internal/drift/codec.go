package drift

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrState reports bytes that are not the state of a detector with these options: of an unknown version, too short or
// too long, or with values that no detector could have.
var ErrState = errors.New("drift: not the state of this detector")

// States are, little-endian: version u8, then counts as uvarints and values as f64, in the order in which AppendState
// appends them. A detector that is part of another one follows with its own version.

func appendFloat(dst []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
}

func appendCount(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) }

// reader takes values off a state. After the first that does not fit, bad is true and all are zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

// version takes a byte that must be v.
func (r *reader) version(v byte) {
	if len(r.b) == 0 || r.b[0] != v {
		r.fail()
		return
	}
	r.b = r.b[1:]
}

// maxStored bounds what a state may hold: its square is a number still, or was never taken.
const maxStored = 1e202

// float takes a finite value.
func (r *reader) float() float64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	x := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	if !within(x, -maxStored, maxStored) {
		r.fail()
		return 0
	}
	r.b = r.b[8:]
	return x
}

// positive takes a finite value that is at least 0.
func (r *reader) positive() float64 {
	x := r.float()
	if x < 0 {
		r.fail()
		return 0
	}
	return x
}

// count takes a number up to most.
func (r *reader) count(most int) int {
	x, n := binary.Uvarint(r.b)
	if n <= 0 || x > uint64(most) {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return int(x)
}

// signed takes a 64-bit number.
func (r *reader) signed() int64 {
	x, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return x
}

// end returns ErrState unless all fitted and nothing is left.
func (r *reader) end() error {
	if r.bad || len(r.b) > 0 {
		return ErrState
	}
	return nil
}

// maxCount bounds counts of observations: more than anyone makes.
const maxCount = 1 << 60

func appendSigned(dst []byte, x int64) []byte { return binary.AppendVarint(dst, x) }

func appendFloats(dst []byte, list []float64) []byte {
	for _, x := range list {
		dst = appendFloat(dst, x)
	}
	return dst
}

func (r *reader) floats(dst []float64) {
	for i := range dst {
		dst[i] = r.float()
	}
}

func (r *reader) positives(dst []float64) {
	for i := range dst {
		dst[i] = r.positive()
	}
}
