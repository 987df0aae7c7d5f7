package feedback

import (
	"encoding/binary"
	"fmt"
	"math"

	"recsvc/internal/event"
)

// reader takes an encoding apart. After the first failure it yields zeros and keeps the error.
type reader struct {
	buf []byte
	err error
}

func (r *reader) fail(err error, what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", err, what)
	}
	r.buf = nil
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.buf)) {
		r.fail(ErrShort, fmt.Sprintf("%d bytes wanted, %d left", n, len(r.buf)))
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

func (r *reader) u8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) time() event.Time { return event.Time(r.u64()) }

func (r *reader) float() float32 { return math.Float32frombits(r.u32()) }

// uvarint reads a varint in its shortest form, as it is written.
func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.buf)
	switch {
	case n == 0:
		r.fail(ErrShort, "inside a varint")
		return 0
	case n < 0 || (n > 1 && r.buf[n-1] == 0):
		r.fail(ErrCorrupt, "varint")
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// version reads the version, the only one there is so far.
func (r *reader) version(want byte) {
	if got := r.u8(); r.err == nil && got != want {
		r.fail(ErrVersion, fmt.Sprintf("%d; this program knows %d", got, want))
	}
}

func (r *reader) flags(all byte) byte {
	f := r.u8()
	if f&^all != 0 {
		r.fail(ErrCorrupt, fmt.Sprintf("flags %#x", f))
	}
	return f
}

// end returns the error, if any; bytes that are left over are one.
func (r *reader) end() error {
	if r.err == nil && len(r.buf) > 0 {
		r.fail(ErrCorrupt, fmt.Sprintf("%d bytes left over", len(r.buf)))
	}
	return r.err
}

// counters reads as many counters as it is given.
func (r *reader) counters(into []*int64) {
	if n := r.u8(); r.err == nil && int(n) != len(into) {
		r.fail(ErrCorrupt, fmt.Sprintf("%d counters, not %d", n, len(into)))
		return
	}
	for _, c := range into {
		*c = int64(r.u64())
	}
}

func (r *reader) double() float64 {
	f := math.Float64frombits(r.u64())
	if !(f >= 0) || math.IsInf(f, 0) {
		r.fail(ErrCorrupt, fmt.Sprintf("sum %v", f))
	}
	return f
}

func (r *reader) pulse() (p pulse) {
	p.exposures, p.outcomes, p.beat = r.double(), r.double(), r.time()
	p.since, p.back, p.gap = int64(r.u64()), int64(r.u64()), int64(r.u64())
	p.stalled = r.flags(1) != 0
	p.from, p.held, p.answered = r.time(), int64(r.u64()), int64(r.u64())
	return p
}

// packed reads a pack into an arena's block.
func (r *reader) packed(a *arena) ref {
	var n [packHeader]uint64
	words := uint64(0)
	for i := range n {
		if n[i] = r.uvarint(); n[i] > uint64(len(r.buf)) { // each counts for at least a byte
			r.fail(ErrShort, fmt.Sprintf("length %d of a pack", n[i]))
		}
		if i < packHeader-1 {
			words += n[i]
		}
	}
	if n[1] > n[0] || n[3] > n[2] {
		r.fail(ErrCorrupt, "values that no slot has")
	}
	vectors := r.take(4 * words)
	context := r.take(n[4])
	if r.err == nil && n[4] > 0 {
		if _, err := event.DecodeAttributes(context); err != nil {
			r.fail(ErrCorrupt, err.Error())
		}
	}
	if r.err != nil || words+n[4] == 0 {
		return 0
	}
	at, block := a.alloc(packHeader + int(words) + contextWords(int(n[4])))
	p := pack(block)
	for i := range n {
		p[i] = uint32(n[i])
	}
	into := p.vectorWords()
	for i := range into {
		into[i] = binary.LittleEndian.Uint32(vectors[4*i:])
	}
	p.setContext(context)
	return at
}
