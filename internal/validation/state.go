package validation

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"recsvc/internal/dirty"
)

// Keys are: 'v' | length of the label u8 | label, usually model/head | one of
//
//	't'                     the total
//	'b' | place u8          a block of the recent outcomes
//	'd' | day u32           a day since 1970, big-endian, top bit flipped: in order of time
//
// Values, little-endian, uvarints of the least length:
//
//	tally: version u8 = 1 | Σp f64 | Σloss f64 | per bin that is not empty: distance from the one before (from −1),
//	       positives, negatives as uvarints
//	block: version u8 = 1 | Σp f64 | Σloss f64 | number uvarint | marks u16 …
const (
	prefix  = 'v'
	tallyV1 = 1
	blockV1 = 1
)

// keyOf is the start that all keys of a label have in common, and no others.
func keyOf(label string) []byte { return append([]byte{prefix, byte(len(label))}, label...) }

// entries is a Head as the table of its dirty set. It is called on the writer's goroutine, beside
// which nobody writes.
type entries Head

func (v *entries) AppendKey(dst []byte, id uint32) []byte {
	dst = append(dst, v.key...)
	switch {
	case id == totalID:
		return append(dst, 't')
	case id < firstDay:
		return append(dst, 'b', byte(id-blockID))
	}
	return binary.BigEndian.AppendUint32(append(dst, 'd'), uint32(v.slots[id-firstDay].day)^(1<<31))
}

func (v *entries) AppendValue(dst []byte, id uint32) []byte {
	switch {
	case id == totalID:
		return v.total.append(dst)
	case id < firstDay:
		return v.recent.ring[id-blockID].append(dst)
	}
	return v.slots[id-firstDay].append(dst)
}

func (t *tally) append(dst []byte) []byte {
	dst = t.sums.append(append(dst, tallyV1))
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
	dst = b.sums.append(append(dst, blockV1))
	dst = binary.AppendUvarint(dst, b.number)
	for _, m := range b.marks {
		dst = binary.LittleEndian.AppendUint16(dst, m)
	}
	return dst
}

// append leaves out the counts, which follow from what comes behind.
func (s *sums) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(s.p))
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(s.loss))
}

// Load takes one entry of a checkpoint into a new head; sum is what the dirty set gave for it. It is false when the entry is not
// this head's.
func (v *Head) Load(key, value []byte, sum dirty.Sum) (bool, error) {
	rest, ok := bytes.CutPrefix(key, v.key)
	if !ok {
		return false, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	id, err := v.loadEntry(rest, value)
	if err != nil {
		return true, fmt.Errorf("metrics of %s: entry %q: %w", v.label, rest, err)
	}
	v.set.Loaded(id, sum)
	return true, nil
}

func (v *Head) loadEntry(rest, value []byte) (id uint32, err error) {
	switch {
	case string(rest) == "t":
		return totalID, v.total.decode(value)
	case len(rest) == 2 && rest[0] == 'b' && rest[1] < blocks:
		var b block
		if err := b.decode(value); err != nil {
			return 0, err
		}
		if (b.number-1)%blocks != uint64(rest[1]) {
			return 0, fmt.Errorf("%w: block %d", ErrCorrupt, b.number)
		}
		v.recent.put(int(rest[1]), b)
		return blockID + uint32(rest[1]), nil
	case len(rest) == 5 && rest[0] == 'd':
		var t tally
		if err := t.decode(value); err != nil {
			return 0, err
		}
		d := v.addDay(int32(binary.BigEndian.Uint32(rest[1:]) ^ (1 << 31)))
		d.tally = t
		return d.id, nil
	}
	return 0, fmt.Errorf("%w: unknown key", ErrCorrupt)
}

// decode fills an empty tally.
func (t *tally) decode(b []byte) error {
	b, err := t.sums.decode(b, tallyV1)
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
		if v[0] == 0 || v[0] >= uint64(histBins-bin) || v[1] == 0 && v[2] == 0 || v[1] > maxCount || v[2] > maxCount {
			return fmt.Errorf("%w: after bin %d comes %d with %d and %d", ErrCorrupt, bin, v[0], v[1], v[2])
		}
		bin += int(v[0])
		*t.hist.at(bin) = binCount{pos: v[1], neg: v[2]}
		t.n += v[1] + v[2]
		t.positives += v[1]
	}
	return nil
}

const maxCount = 1 << 48 // more observations than anyone makes; their sums cannot overflow

// decode fills an empty block.
func (b *block) decode(p []byte) error {
	p, err := b.sums.decode(p, blockV1)
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
	return nil
}

func (s *sums) decode(b []byte, version byte) (rest []byte, err error) {
	switch {
	case len(b) == 0:
		return nil, ErrShort
	case b[0] != version:
		return nil, fmt.Errorf("%w %d", ErrVersion, b[0])
	case len(b) < 17:
		return nil, fmt.Errorf("%w: %d bytes", ErrShort, len(b))
	}
	s.p = math.Float64frombits(binary.LittleEndian.Uint64(b[1:]))
	s.loss = math.Float64frombits(binary.LittleEndian.Uint64(b[9:]))
	if !(s.p >= 0 && s.loss >= 0 && finite(s.p) && finite(s.loss)) {
		return nil, fmt.Errorf("%w: Σp %v, Σloss %v", ErrCorrupt, s.p, s.loss)
	}
	return b[17:], nil
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
