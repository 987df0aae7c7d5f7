package validation

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"recsvc/internal/dirty"
)

// Keys are: 'v' | length of the label u8, at least 1 | label, usually model/head | one of
//
//	't'                        the total
//	'c'                        the clock
//	'b' | place u8             a block of the recent outcomes
//	'd' | day u32              a day since 1970, big-endian, top bit flipped: in order of time
//	'w' | span u64 | slice u64 a slice of a span: nanoseconds, and number since 1970 with the top bit flipped, big-endian
//	's' | u64 | u8 | u8        a slice: hash of the dimensions, dimension, value; see Slicer
//	'u' | user u64             a user's latest outcomes, by hash, big-endian
const (
	prefix  = 'v'
	topBit  = 1 << 63
	wordLen = 8
)

// keyOf is the start that all keys of a label have in common, and no others.
func keyOf(label string) []byte { return append([]byte{prefix, byte(len(label))}, label...) }

// entries is a Head as the table of its dirty set. It is called on the writer's goroutine, beside
// which nobody writes.
type entries Head

func (v *entries) AppendKey(dst []byte, id uint32) []byte {
	if id == v.ids.gone {
		return append(dst, v.gone...)
	}
	dst = append(dst, v.key...)
	switch {
	case id == totalID:
		return append(dst, 't')
	case id == clockID:
		return append(dst, 'c')
	case id < spanID:
		return append(dst, 'b', byte(id-blockID))
	case id < v.ids.slice:
		s, place := v.spanOf(id)
		dst = binary.BigEndian.AppendUint64(append(dst, 'w'), uint64(s.length))
		return binary.BigEndian.AppendUint64(dst, uint64(s.ring[place].number)^topBit)
	case id < v.ids.days:
		at := id - v.ids.slice
		return append(append(append(dst, 's'), v.dimensionsHash()...), byte(at>>8), byte(at))
	case id < v.ids.gone:
		return binary.BigEndian.AppendUint32(append(dst, 'd'), uint32(v.days.slots[id-v.ids.days].day)^(1<<31))
	}
	return binary.BigEndian.AppendUint64(append(dst, 'u'), v.users.list[id-v.ids.users].hash)
}

// dimensionsHash is the part of a slicer's keys that tells its dimensions.
func (v *entries) dimensionsHash() []byte { return v.sliced.by.key[2:] }

// spanOf returns the span and the place in its ring of an id.
func (v *entries) spanOf(id uint32) (*span, uint32) {
	i := len(v.spans) - 1
	for id < v.ids.spans[i] {
		i--
	}
	return &v.spans[i], id - v.ids.spans[i]
}

func (v *entries) AppendValue(dst []byte, id uint32) []byte {
	switch {
	case id == totalID:
		return v.total.append(dst)
	case id == clockID:
		return v.appendClock(dst)
	case id < spanID:
		return v.recent.ring[id-blockID].append(dst)
	case id < v.ids.slice:
		s, place := v.spanOf(id)
		return s.ring[place].append(dst)
	case id < v.ids.days:
		at := id - v.ids.slice
		return v.sliced.list[at>>8][byte(at)].append(dst)
	case id < v.ids.gone:
		return v.days.slots[id-v.ids.days].append(dst)
	case id == v.ids.gone:
		return dst
	}
	return v.users.list[id-v.ids.users].append(dst)
}

// Load takes one entry of a checkpoint into a new head; sum is what the dirty set gave for it. It is false when the entry is not
// this head's. What nobody asks for any more, a span that was configured before, say, is removed with the next checkpoint.
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
	if id == v.ids.gone {
		v.gone = key
		v.set.Remove(id)
		v.gone = nil
	}
	return true, nil
}

func (v *Head) loadEntry(rest, value []byte) (id uint32, err error) {
	switch {
	case string(rest) == "t":
		return totalID, v.total.decode(value)
	case string(rest) == "c":
		return clockID, v.decodeClock(value)
	case len(rest) == 2 && rest[0] == 'b' && rest[1] < blocks:
		return v.loadBlock(rest[1], value)
	case len(rest) == 5 && rest[0] == 'd':
		return v.loadDay(int32(binary.BigEndian.Uint32(rest[1:])^(1<<31)), value)
	case len(rest) == 1+2*wordLen && rest[0] == 'w':
		return v.loadSpan(int64(binary.BigEndian.Uint64(rest[1:])), int64(binary.BigEndian.Uint64(rest[1+wordLen:])^topBit), value)
	case len(rest) == 1+wordLen+2 && rest[0] == 's':
		return v.loadSlice(rest[1:], value)
	case len(rest) == 1+wordLen && rest[0] == 'u':
		return v.loadUser(binary.BigEndian.Uint64(rest[1:]), value)
	}
	return 0, fmt.Errorf("%w: unknown key", ErrCorrupt)
}

func (v *Head) loadBlock(place byte, value []byte) (id uint32, err error) {
	var b block
	if err := b.decode(value); err != nil {
		return 0, err
	}
	if (b.number-1)%blocks != uint64(place) {
		return 0, fmt.Errorf("%w: block %d", ErrCorrupt, b.number)
	}
	v.recent.put(int(place), b)
	return blockID + uint32(place), nil
}

func (v *Head) loadDay(day int32, value []byte) (id uint32, err error) {
	var t tally
	if err := t.decode(value); err != nil {
		return 0, err
	}
	if len(v.days.list) >= v.days.most {
		return v.ids.gone, nil
	}
	d := v.days.add(day)
	d.tally = t
	return v.ids.days + d.place, nil
}

func (v *Head) loadSpan(length, number int64, value []byte) (id uint32, err error) {
	t := tally{hist: histogram{shift: coarse}}
	if err := t.decode(value); err != nil {
		return 0, err
	}
	for i := range v.spans {
		s := &v.spans[i]
		if s.length != length {
			continue
		}
		place := s.place(number)
		if s.ring[place].used { // the ring was longer
			break
		}
		s.ring[place] = spanSlice{tally: t, number: number, used: true}
		return v.ids.spans[i] + place, nil
	}
	return v.ids.gone, nil
}

func (v *Head) loadSlice(rest, value []byte) (id uint32, err error) {
	t := tally{hist: histogram{shift: coarse}}
	if err := t.decode(value); err != nil {
		return 0, err
	}
	dimension, at := int(rest[wordLen]), rest[wordLen+1]
	if v.sliced.by == nil || !bytes.Equal(rest[:wordLen], (*entries)(v).dimensionsHash()) {
		return v.ids.gone, nil
	}
	if dimension >= len(v.sliced.list) {
		return 0, fmt.Errorf("%w: dimension %d", ErrCorrupt, dimension)
	}
	v.sliced.list[dimension][at] = &t
	return v.sliced.first + uint32(dimension)<<8 + uint32(at), nil
}

func (v *Head) loadUser(hash uint64, value []byte) (id uint32, err error) {
	u := user{hash: hash}
	if err := u.decode(value); err != nil {
		return 0, err
	}
	if hash == 0 {
		return 0, fmt.Errorf("%w: nobody", ErrCorrupt)
	}
	if len(v.users.byHash) >= v.users.most {
		return v.ids.gone, nil
	}
	place := v.users.take(hash)
	v.users.list[place] = u
	return v.ids.users + place, nil
}

// appendClock writes version u8 = 1 | now i64 | newest i64 | halved u8, little-endian.
func (v *entries) appendClock(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(append(dst, clockV1), uint64(v.clock.now))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(v.users.newest))
	return append(dst, v.users.halved)
}

const clockV1 = 1

func (v *Head) decodeClock(b []byte) error {
	switch {
	case len(b) == 0:
		return ErrShort
	case b[0] != clockV1:
		return fmt.Errorf("%w %d", ErrVersion, b[0])
	case len(b) < 2+2*wordLen:
		return fmt.Errorf("%w: %d bytes", ErrShort, len(b))
	case len(b) > 2+2*wordLen || b[len(b)-1] > 63:
		return fmt.Errorf("%w: clock of %d bytes", ErrCorrupt, len(b))
	}
	v.clock.now = int64(binary.LittleEndian.Uint64(b[1:]))
	v.users.newest = int64(binary.LittleEndian.Uint64(b[1+wordLen:]))
	v.users.halved = b[len(b)-1]
	return nil
}

func putFloats(dst []byte, floats ...float64) []byte {
	for _, f := range floats {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
	}
	return dst
}

// floats takes as many floats off b as dst has room for. They are finite and at least 0.
func floats(b []byte, dst ...*float64) ([]byte, error) {
	for _, f := range dst {
		if len(b) < wordLen {
			return nil, fmt.Errorf("%w: in a sum", ErrShort)
		}
		*f = math.Float64frombits(binary.LittleEndian.Uint64(b))
		if !(*f >= 0 && finite(*f)) {
			return nil, fmt.Errorf("%w: sum %v", ErrCorrupt, *f)
		}
		b = b[wordLen:]
	}
	return b, nil
}
