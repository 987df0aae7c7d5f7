package model

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
)

// A page of what one head publishes, and nothing of what it keeps for learning, little-endian:
//
//	version u8 = 1 | bits u8 | words u8 | bitmap of 1024 bits, lowest first | per set bit: the published words f32 …
//
// A set bit is a slot whose words are not all 0. A page without any is left out.
const (
	wordsV1   = 1
	wordsHead = 3 + bitmapSize
)

func (s *seat) appendWords(dst []byte, page uint32) []byte {
	start := len(dst)
	dst = append(dst, wordsV1, byte(s.bits), byte(s.words))
	dst = append(dst, make([]byte, bitmapSize)...)
	for i := range pageSlots {
		words := s.published(page<<pageBits + uint32(i))
		if zero(words) {
			continue
		}
		dst[start+3+i/8] |= 1 << (i % 8)
		for j := range words {
			dst = binary.LittleEndian.AppendUint32(dst, words[j].Load())
		}
	}
	return dst
}

func zero(words []atomic.Uint32) bool {
	for i := range words {
		if words[i].Load() != 0 {
			return false
		}
	}
	return true
}

// loadWords takes a page into rows that are blank. Nothing is changed when it fails.
func (s *seat) loadWords(page uint32, value []byte) error {
	switch {
	case len(value) == 0:
		return ErrShort
	case value[0] != wordsV1:
		return fmt.Errorf("%w %d", ErrVersion, value[0])
	case len(value) < wordsHead:
		return fmt.Errorf("%w: %d bytes", ErrShort, len(value))
	case int(value[1]) != s.bits || int64(page) >= int64(s.pages()):
		return fmt.Errorf("%w: page %d of 2^%d slots, not 2^%d", ErrBits, page, value[1], s.bits)
	case uint(value[2]) != s.words:
		return fmt.Errorf("%w: slots of %d words, not of %d", ErrShape, value[2], s.words)
	}
	bitmap, words := value[3:wordsHead], value[wordsHead:]
	count := 0
	for _, b := range bitmap {
		count += bits.OnesCount8(b)
	}
	if count == 0 || len(words) != 4*int(s.words)*count {
		return fmt.Errorf("%w: %d slots in %d bytes", ErrCorrupt, count, len(words))
	}
	for i := 0; i < len(words); i += 4 {
		if w := math.Float32frombits(binary.LittleEndian.Uint32(words[i:])); !finite(float64(w)) {
			return fmt.Errorf("%w: a weight of %v", ErrCorrupt, w)
		}
	}
	for i := range pageSlots {
		if bitmap[i/8]&(1<<(i%8)) == 0 {
			continue
		}
		to := s.published(page<<pageBits + uint32(i))
		for j := range to {
			to[j].Store(binary.LittleEndian.Uint32(words))
			words = words[4:]
		}
	}
	return nil
}
