package model

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// A page of one head for those who only predict, little-endian, under the key of the head's page:
//
//	version u8 = 1 | bits u8 | words u8 | bitmap of 1024 bits, lowest first | per set bit: the published words f32 …
//
// A set bit is a slot whose words are not all 0; a page without any is left out. It takes a third of what learning needs, and less
// where L1 has made weights 0.
const (
	servingV1     = 1
	servingHeader = 3 + bitmapSize
)

// ServingPages hands what predictions are made of to fn, for all models, keys ascending. It may be called beside the writers: the weights
// are then of moments that differ by as long as it takes. fn must not keep what it is given.
func ServingPages(models []*Model, fn func(key, value []byte) error) error {
	type part struct {
		key  []byte
		head *Head
	}
	var parts []part
	for _, m := range models {
		for i, h := range m.heads {
			parts = append(parts, part{m.keys[i], h})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return slices.Compare(a.key, b.key) })
	var key, value []byte
	for _, p := range parts {
		for page := range uint32(p.head.seat.pages()) {
			if value = p.head.appendServing(value[:0], page); len(value) == servingHeader {
				continue
			}
			key = binary.BigEndian.AppendUint32(append(key[:0], p.key...), page)
			if err := fn(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *Head) appendServing(dst []byte, page uint32) []byte {
	start := len(dst)
	dst = append(dst, servingV1, byte(h.seat.bits), byte(h.shape.words))
	dst = append(dst, make([]byte, bitmapSize)...)
	for i := range uint32(pageSlots) {
		words := h.seat.published(page<<pageBits + i)
		at, or := len(dst), uint32(0)
		for j := range words {
			w := words[j].Load()
			or |= w
			dst = binary.LittleEndian.AppendUint32(dst, w)
		}
		if or == 0 {
			dst = dst[:at]
			continue
		}
		dst[start+3+int(i/8)] |= 1 << (i % 8)
	}
	return dst
}

// LoadServing takes over one page into models that have learned nothing, and never will. It is false when the page is none of theirs.
func LoadServing(models []*Model, key, value []byte) (bool, error) {
	for _, m := range models {
		id, ok, err := m.entry(key)
		if err != nil {
			return true, err
		}
		if !ok || id >= m.clockID(0) {
			continue
		}
		head, page := (*weightPages)(m).split(id)
		if err := m.heads[head].loadServing(page, value); err != nil {
			return true, fmt.Errorf("page %d of %s: %w", page, m.label(int(head)), err)
		}
		return true, nil
	}
	return false, nil
}

func (h *Head) loadServing(page uint32, value []byte) error {
	switch {
	case len(value) < servingHeader:
		return fmt.Errorf("%w: %d bytes", ErrShort, len(value))
	case value[0] != servingV1:
		return fmt.Errorf("%w %d", ErrVersion, value[0])
	case int(value[1]) != h.seat.bits:
		return fmt.Errorf("%w: 2^%d slots, not 2^%d", ErrBits, value[1], h.seat.bits)
	case int(value[2]) != h.shape.words:
		return fmt.Errorf("%w: slots of %d words, not of %d", ErrShape, value[2], h.shape.words)
	}
	bitmap, words := value[3:servingHeader], value[servingHeader:]
	count := 0
	for _, b := range bitmap {
		count += bits.OnesCount8(b)
	}
	if want := 4 * count * h.shape.words; len(words) != want || count == 0 {
		return fmt.Errorf("%w: %d slots in %d bytes", ErrCorrupt, count, len(words))
	}
	for i := range uint32(pageSlots) {
		if bitmap[i/8]&(1<<(i%8)) == 0 {
			continue
		}
		for j := range uint(h.shape.words) {
			w := binary.LittleEndian.Uint32(words)
			if words = words[4:]; !finite(float64(math.Float32frombits(w))) {
				return fmt.Errorf("%w: slot %d holds %v", ErrCorrupt, i, math.Float32frombits(w))
			}
			h.seat.word(page<<pageBits+i, j).Store(w)
		}
	}
	return nil
}
