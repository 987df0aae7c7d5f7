package export

import (
	"encoding/binary"
	"math"

	"recsvc/internal/features"
)

// The values of a waiting row's features lie in one block of bytes, in the order of the schema:
//
//	number     bits of a float64, little-endian
//	category   length uvarint | text
//	categories n uvarint | n × (length uvarint | text)
//	weighted   the same | m uvarint | m × number
//	vector     m uvarint | m × number

func pack(dst []byte, columns []features.Column, values []features.NamedValue) []byte {
	for i := range columns {
		v := &values[i]
		switch columns[i].Shape {
		case features.ShapeNumber:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Number))
		case features.ShapeCategory:
			dst = packText(dst, v.Text)
		case features.ShapeCategories:
			dst = packTexts(dst, v.List)
		case features.ShapeWeighted:
			dst = packNumbers(packTexts(dst, v.List), v.Weights)
		case features.ShapeVector:
			dst = packNumbers(dst, v.Weights)
		}
	}
	return dst
}

func packText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func packTexts(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = packText(dst, s)
	}
	return dst
}

func packNumbers(dst []byte, list []float64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, x := range list {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
	}
	return dst
}

// unpack reads a block of pack into values, one for each column, whose lists it uses again. Texts are parts of the block.
func unpack(block string, columns []features.Column, values []features.NamedValue) {
	u := unpacker{block}
	for i := range columns {
		v := &values[i]
		v.Number, v.Text, v.List, v.Weights = math.NaN(), "", v.List[:0], v.Weights[:0]
		switch columns[i].Shape {
		case features.ShapeNumber:
			v.Number = u.number()
		case features.ShapeCategory:
			v.Text = u.text()
		case features.ShapeCategories:
			v.List = u.texts(v.List)
		case features.ShapeWeighted:
			v.List = u.texts(v.List)
			v.Weights = u.numbers(v.Weights)
		case features.ShapeVector:
			v.Weights = u.numbers(v.Weights)
		}
	}
}

// unpacker reads what pack has written in this process, so nothing can be wrong with it.
type unpacker struct{ rest string }

func (u *unpacker) take(n int) (s string) {
	s, u.rest = u.rest[:n], u.rest[n:]
	return s
}

func (u *unpacker) length() (n int) {
	for shift := 0; ; shift += 7 {
		b := u.take(1)[0]
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}

func (u *unpacker) text() string { return u.take(u.length()) }

func (u *unpacker) number() float64 {
	var bits uint64
	for i, c := range []byte(u.take(8)) {
		bits |= uint64(c) << (8 * i)
	}
	return math.Float64frombits(bits)
}

func (u *unpacker) texts(dst []string) []string {
	for range u.length() {
		dst = append(dst, u.text())
	}
	return dst
}

func (u *unpacker) numbers(dst []float64) []float64 {
	for range u.length() {
		dst = append(dst, u.number())
	}
	return dst
}
