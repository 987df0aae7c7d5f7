package event

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DecodeRecord reads the binary form into rec, leaving Partition and Offset alone. Strings alias buf. Errors
// are ErrVersion, ErrCorrupt or ErrShort, wrapped; after one the contents of rec mean nothing.
//
// Whoever decodes many records uses a Decoder, which allocates in blocks.
func DecodeRecord(buf []byte, rec *Record) error {
	var d Decoder
	d.slabs.events.block, d.slabs.attrs.block, d.slabs.strings.block, d.slabs.served.block = 1, 1, 1, 1
	return d.DecodeBinary(buf, rec)
}

// DecodeBinary reads the binary form into rec, leaving Partition and Offset alone. Strings alias buf. Errors
// are ErrVersion, ErrCorrupt or ErrShort, wrapped; after one the contents of rec mean nothing.
func (d *Decoder) DecodeBinary(buf []byte, rec *Record) error {
	r := reader{buf: buf, slabs: &d.slabs}
	version := r.u8()
	if r.err == nil && version != binaryV1 && version != binaryV2 {
		return fmt.Errorf("record of version %d: %w", version, ErrVersion)
	}
	*rec = Record{Kind: Kind(r.u8()), Partition: rec.Partition, Offset: rec.Offset, Received: Time(r.i64())}
	r.body(rec)
	if version == binaryV2 {
		r.swap(rec.Served)
	}
	if r.err == nil && len(r.buf) > 0 {
		r.corrupt("bytes after the record")
	}
	if r.err != nil {
		return fmt.Errorf("record of %d bytes, kind %d: %w", len(buf), rec.Kind, r.err)
	}
	return nil
}

// reader takes the parts of a binary record from the front of buf. The first error sticks, and everything
// after it is zero. Counts are checked against the bytes that are left before anything is allocated.
type reader struct {
	buf   []byte
	err   error
	slabs *slabs
}

func (r *reader) body(rec *Record) {
	switch rec.Kind {
	case KindEvent:
		rec.Event = r.slabs.events.one()
		r.event(rec.Event, rec.Received)
	case KindItem:
		rec.Item = &Item{Deleted: r.flag(), ID: r.str(), Attrs: r.attributes()}
	case KindUser:
		rec.User = &User{ID: r.str(), Attrs: r.attributes()}
	case KindServed:
		rec.Served = &Served{Time: Time(r.i64()), Request: r.str(), User: r.str(), Scene: r.str(),
			Model: r.str(), Variant: r.str(), Context: r.attributes(), Items: r.servedItems()}
	case KindControl:
		rec.Control = &Control{Type: r.str(), Attrs: r.attributes()}
	case KindTick:
		rec.Tick = &Tick{Time: Time(r.i64())}
	case KindDeadLetter:
		rec.DeadLetter = &DeadLetter{Size: r.i64(), Source: r.str(), Reason: r.str(), Detail: r.str(),
			Place: r.str(), Bytes: r.bytes()}
	default:
		r.corrupt("unknown kind")
	}
}

func (r *reader) event(e *Event, received Time) {
	flags := r.u16()
	if flags&^allFlags != 0 {
		r.corrupt("unknown flags")
	}
	e.Type = r.eventType()
	e.User = r.str()
	if flags&hasID != 0 {
		e.ID = r.str()
	}
	if flags&hasItem != 0 {
		e.Item = r.str()
	}
	if flags&hasRequest != 0 {
		e.Request = r.str()
	}
	if flags&hasSession != 0 {
		e.Session = r.str()
	}
	if flags&hasText != 0 {
		e.Text = r.str()
	}
	if flags&hasTime != 0 {
		e.Time = received + Time(r.varint())
	}
	if flags&hasPosition != 0 {
		e.Position = r.position()
	}
	if flags&hasPropensity != 0 {
		e.Propensity = r.f64()
	}
	if flags&hasValue != 0 {
		e.Value, e.HasValue = r.f64(), true
	}
	if flags&hasContext != 0 {
		e.Context = r.attributes()
	}
}

func (r *reader) eventType() string {
	code := r.u8()
	if code == 0 {
		return sharedType(r.str())
	}
	if int(code) >= len(typeNames) {
		r.corrupt("unknown code of a type")
		return ""
	}
	return typeNames[code]
}

func (r *reader) position() int32 {
	n := r.uvarint()
	if n > math.MaxUint32 {
		r.corrupt("position over 32 bits")
	}
	return int32(uint32(n))
}

func (r *reader) servedItems() []ServedItem {
	n := r.count(1 + 8 + 8)
	if n == 0 {
		return nil
	}
	items := r.slabs.served.take(n)
	for i := range items {
		items[i] = ServedItem{Item: r.str(), Score: r.f64(), Propensity: r.f64()}
	}
	return items
}

// swap reads what version 2 adds to a served list, and there must be some.
func (r *reader) swap(s *Served) {
	if s == nil {
		r.corrupt("version 2 of another kind than a served list")
		return
	}
	s.Swap = [2]int32{r.position(), r.position()}
	if r.err == nil && !s.swappable() {
		r.corrupt("no pair of positions")
	}
}

func (r *reader) attributes() Attributes {
	n := r.count(1 + 1)
	if n == 0 {
		return nil
	}
	a := r.slabs.attrs.take(n)
	for i := range a {
		a[i].Key = r.str()
		if i > 0 && a[i].Key <= a[i-1].Key && r.err == nil {
			r.corrupt("keys out of order")
		}
		r.value(&a[i].Value)
	}
	return a
}

func (r *reader) value(v *Value) {
	v.Kind = ValueKind(r.u8())
	switch v.Kind {
	case Null:
	case Number:
		v.Num = r.f64()
	case Bool:
		if r.flag() {
			v.Num = 1
		}
	case String:
		v.Str = r.str()
	case List:
		n := r.count(1)
		if n == 0 {
			return
		}
		v.List = r.slabs.strings.take(n)
		for i := range v.List {
			v.List[i] = r.str()
		}
	default:
		r.corrupt("unknown kind of value")
	}
}

func (r *reader) corrupt(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", what, ErrCorrupt)
	}
	r.buf = nil
}

func (r *reader) short() {
	if r.err == nil {
		r.err = ErrShort
	}
	r.buf = nil
}

// take returns the next n bytes, nil when there are fewer.
func (r *reader) take(n int) []byte {
	if len(r.buf) < n {
		r.short()
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

func (r *reader) u8() byte {
	if len(r.buf) == 0 {
		r.short()
		return 0
	}
	b := r.buf[0]
	r.buf = r.buf[1:]
	return b
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) i64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.LittleEndian.Uint64(b))
	}
	return 0
}

func (r *reader) f64() float64 { return math.Float64frombits(uint64(r.i64())) }

func (r *reader) flag() bool {
	b := r.u8()
	if b > 1 {
		r.corrupt("flag neither 0 nor 1")
	}
	return b == 1
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.buf)
	if size <= 0 {
		r.badVarint(size)
		return 0
	}
	r.buf = r.buf[size:]
	return n
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.buf)
	if size <= 0 {
		r.badVarint(size)
		return 0
	}
	r.buf = r.buf[size:]
	return n
}

func (r *reader) badVarint(size int) {
	if size < 0 {
		r.corrupt("number over 64 bits")
	} else {
		r.short()
	}
}

// count reads how many parts follow, each of at least the given bytes.
func (r *reader) count(least int) int {
	n := r.uvarint()
	if n > uint64(len(r.buf)/least) {
		r.short()
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte {
	n := r.count(1)
	if n == 0 {
		return nil
	}
	return r.take(n)
}

func (r *reader) str() string { return alias(r.bytes()) }
