package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Errors of what is stored. The store keeps the checksums; these are for what a good checksum does not rule out.
var (
	ErrVersion = errors.New("unknown version")
	ErrShort   = errors.New("too short")
	ErrCorrupt = errors.New("corrupt")
	ErrBits    = errors.New("written by a table of another size")
)

// A page of one head, little-endian:
//
//	version u8 = 1 | bits u8 | bitmap of 1024 bits, lowest first | per set bit: w f32, z f32, n f32
//
// A set bit is a slot that is not blank; a page without any is never written. w is stored although it follows from
// z and n, because it follows under the rates that it was learned with, and those may have changed.
const (
	pageV1     = 1
	bitmapSize = pageSlots / 8
	headerSize = 2 + bitmapSize
	cellSize   = 12
)

// pageImage is a decoded page.
type pageImage [pageSlots]cell

func (t *table) appendPage(dst []byte, page uint32, head uint) []byte {
	start := len(dst)
	dst = append(dst, pageV1, byte(t.bits))
	dst = append(dst, make([]byte, bitmapSize)...)
	at := uint(page)<<pageBits*t.heads + head
	for i := range pageSlots {
		c := cell{w: math.Float32frombits(t.w[at].Load()), z: t.acc[at].z, n: t.acc[at].n}
		at += t.heads
		if c.blank() {
			continue
		}
		dst[start+2+i/8] |= 1 << (i % 8)
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(c.w))
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(c.z))
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(c.n))
	}
	return dst
}

// blankPage says whether nothing was ever learned in a page.
func (t *table) blankPage(page uint32, head uint) bool {
	for i := range pageSlots {
		if !t.cell(int(page)<<pageBits+i, head).blank() {
			return false
		}
	}
	return true
}

func (t *table) setPage(page uint32, head uint, image *pageImage) {
	for i, c := range image {
		t.setCell(int(page)<<pageBits+i, head, c)
	}
}

// decodePage checks all of value before a caller uses any of it.
func decodePage(image *pageImage, value []byte, tableBits int) error {
	switch {
	case len(value) == 0:
		return ErrShort
	case value[0] != pageV1:
		return fmt.Errorf("%w %d", ErrVersion, value[0])
	case len(value) < headerSize:
		return fmt.Errorf("%w: %d bytes", ErrShort, len(value))
	case int(value[1]) != tableBits:
		return fmt.Errorf("%w: 2^%d slots, not 2^%d", ErrBits, value[1], tableBits)
	}
	bitmap, cells := value[2:headerSize], value[headerSize:]
	count := 0
	for _, b := range bitmap {
		count += bits.OnesCount8(b)
	}
	switch {
	case len(cells) < count*cellSize:
		return fmt.Errorf("%w: %d cells in %d bytes", ErrShort, count, len(cells))
	case len(cells) > count*cellSize || count == 0:
		return fmt.Errorf("%w: %d cells in %d bytes", ErrCorrupt, count, len(cells))
	}
	for i := range image {
		image[i] = cell{}
		if bitmap[i/8]&(1<<(i%8)) == 0 {
			continue
		}
		c := decodeCell(cells)
		if !c.valid() {
			return fmt.Errorf("%w: slot %d holds w %v, z %v, n %v", ErrCorrupt, i, c.w, c.z, c.n)
		}
		image[i], cells = c, cells[cellSize:]
	}
	return nil
}

func decodeCell(b []byte) cell {
	return cell{
		w: math.Float32frombits(binary.LittleEndian.Uint32(b)),
		z: math.Float32frombits(binary.LittleEndian.Uint32(b[4:])),
		n: math.Float32frombits(binary.LittleEndian.Uint32(b[8:])),
	}
}

// valid says whether learning could have left c behind.
func (c cell) valid() bool {
	return !c.blank() && c.n >= 0 && finite(float64(c.w)) && finite(float64(c.z)) && finite(float64(c.n))
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
