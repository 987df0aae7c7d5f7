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
	ErrShape   = errors.New("written by another kind of learner")
)

// A page of one head, little-endian:
//
//	version u8 = 2 | bits u8 | words u8 | coordinates u8 | bitmap of 1024 bits, lowest first |
//	per set bit: the published words f32 …, then per coordinate z f32, n f32
//
// A set bit is a slot that is not blank; a page without any is never written. The words are stored although they follow from
// z and n, because they follow under the rates that they were learned with, and those may have changed.
//
// Version 1 was that of one word and one coordinate, without saying so: it had no words and coordinates in its head.
const (
	pageV1       = 1
	pageV2       = 2
	bitmapSize   = pageSlots / 8
	headerSizeV1 = 2 + bitmapSize
	headerSize   = 4 + bitmapSize
)

// pageImage is a decoded page: its bitmap and the cells of its set bits.
type pageImage struct {
	bitmap [bitmapSize]byte
	cells  []float32
}

func (p *pageImage) has(i int) bool { return p.bitmap[i/8]&(1<<(i%8)) != 0 }

func (h *Head) appendPage(dst []byte, page uint32) []byte {
	start := len(dst)
	dst = append(dst, pageV2, byte(h.seat.bits), byte(h.shape.words), byte(h.seat.coordinates))
	dst = append(dst, make([]byte, bitmapSize)...)
	for i := range pageSlots {
		row := page<<pageBits + uint32(i)
		if h.seat.blank(row) {
			continue
		}
		dst[start+4+i/8] |= 1 << (i % 8)
		words := h.seat.published(row)
		for j := range words {
			dst = binary.LittleEndian.AppendUint32(dst, words[j].Load())
		}
		for _, c := range h.seat.own(row) {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(c.z))
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(c.n))
		}
	}
	return dst
}

// blankPage says whether nothing was ever learned in a page.
func (h *Head) blankPage(page uint32) bool {
	for i := range uint32(pageSlots) {
		if !h.seat.blank(page<<pageBits + i) {
			return false
		}
	}
	return true
}

func (h *Head) setPage(page uint32, image *pageImage) {
	size, cells := h.seat.cellWords(), image.cells
	blank := make([]float32, size)
	for i := range pageSlots {
		row := page<<pageBits + uint32(i)
		if !image.has(i) {
			h.seat.setCell(row, blank)
			continue
		}
		h.seat.setCell(row, cells[:size])
		cells = cells[size:]
	}
}

// decodePage checks all of value before a caller uses any of it.
func (h *Head) decodePage(value []byte) (*pageImage, error) {
	body, err := h.checkPageHead(value)
	if err != nil {
		return nil, err
	}
	image := &pageImage{}
	count := 0
	for i, b := range body[:copy(image.bitmap[:], body)] {
		image.bitmap[i] = b
		count += bits.OnesCount8(b)
	}
	cells, size := body[bitmapSize:], h.seat.cellWords()
	switch {
	case len(cells) < 4*count*size:
		return nil, fmt.Errorf("%w: %d cells in %d bytes", ErrShort, count, len(cells))
	case len(cells) > 4*count*size || count == 0:
		return nil, fmt.Errorf("%w: %d cells in %d bytes", ErrCorrupt, count, len(cells))
	}
	image.cells = make([]float32, count*size)
	for i := range image.cells {
		image.cells[i] = math.Float32frombits(binary.LittleEndian.Uint32(cells[4*i:]))
	}
	for i := 0; i < len(image.cells); i += size {
		if cell := image.cells[i : i+size]; !h.sound(cell) {
			return nil, fmt.Errorf("%w: its cell %d holds %v", ErrCorrupt, i/size, cell)
		}
	}
	return image, nil
}

// checkPageHead returns what follows the head, which has a whole bitmap.
func (h *Head) checkPageHead(value []byte) ([]byte, error) {
	words, coordinates, size := 1, 1, headerSizeV1
	switch {
	case len(value) == 0:
		return nil, ErrShort
	case value[0] != pageV1 && value[0] != pageV2:
		return nil, fmt.Errorf("%w %d", ErrVersion, value[0])
	case value[0] == pageV2:
		size = headerSize
	}
	if len(value) < size {
		return nil, fmt.Errorf("%w: %d bytes", ErrShort, len(value))
	}
	if value[0] == pageV2 {
		words, coordinates = int(value[2]), int(value[3])
	}
	switch {
	case int(value[1]) != h.seat.bits:
		return nil, fmt.Errorf("%w: 2^%d slots, not 2^%d", ErrBits, value[1], h.seat.bits)
	case words != h.shape.words || coordinates != int(h.seat.coordinates):
		return nil, fmt.Errorf("%w: slots of %d words and %d coordinates, not of %d and %d",
			ErrShape, words, coordinates, h.shape.words, h.seat.coordinates)
	}
	return value[size-bitmapSize:], nil
}

// sound says whether learning and upkeep could have left a cell behind.
func (h *Head) sound(cell []float32) bool {
	var learned, extra uint32
	own := h.shape.words + 2*h.shape.coordinates
	for i, x := range cell {
		if !finite(float64(x)) || i > h.shape.words && (i-h.shape.words)%2 == 1 && !(x >= 0) {
			return false
		}
		if i < own {
			learned |= math.Float32bits(x)
		} else {
			extra |= math.Float32bits(x)
		}
	}
	if extra != 0 && !soundLife(cell[own]) {
		return false
	}
	return learned|extra != 0 && (learned == 0 || h.learner.sound(cell))
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
