package validation

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Values, little-endian, uvarints of the least length:
//
//	sums:  version u8 = 2 | weighted u8, 0 or 1 | Σp f64 | Σloss f64 | if weighted: Σw, Σw², Σwp, Σwloss, Σwy f64
//	tally: sums | per bin that is not empty: distance from the one before (from −1), positives, negatives as uvarints
//	block: sums | number uvarint | marks u16 …
//	user:  version u8 = 1 | time i64 | marks u16 …, the oldest first
const (
	sumsV2 = 2
	userV1 = 1
)

func (t *tally) append(dst []byte) []byte {
	dst = t.sums.append(dst)
	last := -1
	t.hist.each(func(bin int, c binCount) bool {
		dst = binary.AppendUvarint(dst, uint64(bin-last))
		dst = binary.AppendUvarint(dst, c.pos)
		dst = binary.AppendUvarint(dst, c.neg)
		last = bin
		return true
	})
	return dst
}

func (b *block) append(dst []byte) []byte {
	dst = b.sums.append(dst)
	dst = binary.AppendUvarint(dst, b.number)
	for _, m := range b.marks {
		dst = binary.LittleEndian.AppendUint16(dst, m)
	}
	return dst
}

// append leaves out the counts, which follow from what comes behind.
func (s *sums) append(dst []byte) []byte {
	if s.weighted == s.plain() {
		return putFloats(append(dst, sumsV2, 0), s.p, s.loss)
	}
	w := &s.weighted
	return putFloats(append(dst, sumsV2, 1), s.p, s.loss, w.w, w.w2, w.p, w.loss, w.y)
}

func (u *user) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(append(dst, userV1), uint64(u.last))
	u.each(func(m uint16) { dst = binary.LittleEndian.AppendUint16(dst, m) })
	return dst
}

// decode fills an empty tally, whose histogram has its bins.
func (t *tally) decode(b []byte) error {
	b, plain, err := t.sums.decode(b)
	if err != nil {
		return err
	}
	bin := -1
	for len(b) > 0 {
		var v [3]uint64
		for i := range v {
			if v[i], b, err = uvarint(b); err != nil {
				return err
			}
		}
		if v[0] == 0 || v[0] >= uint64(t.hist.bins()-bin) || v[1] == 0 && v[2] == 0 || v[1] > maxCount || v[2] > maxCount {
			return fmt.Errorf("%w: after bin %d comes %d with %d and %d", ErrCorrupt, bin, v[0], v[1], v[2])
		}
		bin += int(v[0])
		*t.hist.at(bin) = binCount{pos: v[1], neg: v[2]}
		t.n += v[1] + v[2]
		t.positives += v[1]
	}
	return t.sums.complete(plain)
}

const maxCount = 1 << 48 // more observations than anyone makes; their sums cannot overflow

// decode fills an empty block.
func (b *block) decode(p []byte) error {
	p, plain, err := b.sums.decode(p)
	if err != nil {
		return err
	}
	if b.number, p, err = uvarint(p); err != nil {
		return err
	}
	if b.number == 0 || len(p) == 0 || len(p)%2 != 0 || len(p) > 2*blockSize {
		return fmt.Errorf("%w: block %d with marks of %d bytes", ErrCorrupt, b.number, len(p))
	}
	b.marks = make([]uint16, 0, blockSize)
	for ; len(p) > 0; p = p[2:] {
		m := binary.LittleEndian.Uint16(p)
		if m >= 2*histBins {
			return fmt.Errorf("%w: mark %d", ErrCorrupt, m)
		}
		b.marks = append(b.marks, m)
		b.sums.n++
		if _, positive := unmark(m); positive {
			b.sums.positives++
		}
	}
	return b.sums.complete(plain)
}

// decode fills empty sums but for the counts. plain: all weights are 1, which complete has to see to.
func (s *sums) decode(b []byte) (rest []byte, plain bool, err error) {
	switch {
	case len(b) == 0:
		return nil, false, ErrShort
	case b[0] != sumsV2:
		return nil, false, fmt.Errorf("%w %d", ErrVersion, b[0])
	case len(b) < 2:
		return nil, false, fmt.Errorf("%w: %d bytes", ErrShort, len(b))
	case b[1] > 1:
		return nil, false, fmt.Errorf("%w: weighted %d", ErrCorrupt, b[1])
	}
	plain, b = b[1] == 0, b[2:]
	if b, err = floats(b, &s.p, &s.loss); err != nil || plain {
		return b, plain, err
	}
	w := &s.weighted
	b, err = floats(b, &w.w, &w.w2, &w.p, &w.loss, &w.y)
	return b, false, err
}

// complete derives the weighted sums once the counts are known. Ones that could be derived must not have been written.
func (s *sums) complete(plain bool) error {
	switch {
	case plain:
		s.weighted = s.plain()
	case s.weighted == s.plain():
		return fmt.Errorf("%w: weights that are all 1", ErrCorrupt)
	}
	return nil
}

// decode fills a user who has no outcomes.
func (u *user) decode(b []byte) error {
	switch {
	case len(b) == 0:
		return ErrShort
	case b[0] != userV1:
		return fmt.Errorf("%w %d", ErrVersion, b[0])
	case len(b) < 1+wordLen+2:
		return fmt.Errorf("%w: %d bytes", ErrShort, len(b))
	}
	u.last = int64(binary.LittleEndian.Uint64(b[1:]))
	b = b[1+wordLen:]
	if len(b)%2 != 0 || len(b) > 2*userOutcomes {
		return fmt.Errorf("%w: marks of %d bytes", ErrCorrupt, len(b))
	}
	for ; len(b) > 0; b = b[2:] {
		m := binary.LittleEndian.Uint16(b)
		if m >= 2*histBins {
			return fmt.Errorf("%w: mark %d", ErrCorrupt, m)
		}
		u.add(m)
	}
	return nil
}

// uvarint takes a uvarint of the least length off b.
func uvarint(b []byte) (uint64, []byte, error) {
	x, n := binary.Uvarint(b)
	if n == 0 {
		return 0, nil, fmt.Errorf("%w: in a number", ErrShort)
	}
	if n < 0 || n != (bits.Len64(x|1)+6)/7 {
		return 0, nil, fmt.Errorf("%w: number", ErrCorrupt)
	}
	return x, b[n:], nil
}
