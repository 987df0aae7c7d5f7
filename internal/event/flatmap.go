package event

import "fmt"

// AppendAttributes appends the binary form of a flat map by itself: what state keeps of catalogue and profiles. It is
// canonical: equal maps give equal bytes.
func AppendAttributes(dst []byte, a Attributes) []byte { return appendAttributes(dst, a) }

// DecodeAttributes reads what AppendAttributes wrote; nothing is the empty map. Strings alias buf.
func DecodeAttributes(buf []byte) (Attributes, error) {
	if len(buf) == 0 {
		return nil, nil
	}
	var s slabs
	s.attrs.block, s.strings.block = 1, 1
	r := reader{buf: buf, slabs: &s}
	a := r.attributes()
	if r.err == nil && len(r.buf) > 0 {
		r.corrupt("bytes after the map")
	}
	if r.err != nil {
		return nil, fmt.Errorf("flat map of %d bytes: %w", len(buf), r.err)
	}
	return a, nil
}
