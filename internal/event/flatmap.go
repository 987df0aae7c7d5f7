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

// LookupAttribute returns what one key has in the binary form of a flat map, without reading the rest into memory; false: the map
// lacks it, or is no map. Strings alias buf; only a list allocates.
func LookupAttribute(buf []byte, key string) (v Value, ok bool) {
	if len(buf) == 0 {
		return Value{}, false
	}
	r := reader{buf: buf}
	for range r.count(1 + 1) {
		switch name := r.bytes(); {
		case string(name) > key:
			return Value{}, false // keys ascend
		case string(name) < key:
			r.skipValue()
			continue
		}
		if len(r.buf) > 0 && ValueKind(r.buf[0]) == List {
			r.slabs = &slabs{}
			r.slabs.strings.block = 1
		}
		r.value(&v)
		return v, r.err == nil
	}
	return Value{}, false
}

// skipValue reads over a value.
func (r *reader) skipValue() {
	switch ValueKind(r.u8()) {
	case Null:
	case Number:
		r.i64()
	case Bool:
		r.u8()
	case String:
		r.bytes()
	case List:
		for range r.count(1) {
			r.bytes()
		}
	default:
		r.corrupt("unknown kind of value")
	}
}
