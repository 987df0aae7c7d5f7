package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Errors of the binary form. They tell a newer program's record from a damaged and from a truncated one.
var (
	ErrVersion = errors.New("unknown version of the binary form")
	ErrCorrupt = errors.New("corrupt binary record")
	ErrShort   = errors.New("binary record too short")
)

// binaryV1 is the first version: version u8 | kind u8 | received i64 | body by kind; all little-endian.
//
//	string      length uvarint | bytes
//	attributes  count uvarint | count × (key string | value kind u8 | value)
//	value       null: nothing; number: f64; bool: u8; string: string; list: count uvarint | strings
//	event       flags u16 | type | user string | the fields that flags name, in their order
//	            type: code u8 (see typeNames), or 0 and a string
//	            time: zigzag varint, nanoseconds from received; position: uvarint; propensity, value: f64
//	item        deleted u8 | id string | attributes
//	user        id string | attributes
//	served      time i64 | request, user, scene, model, variant strings | attributes |
//	            count uvarint | count × (item string | score f64 | propensity f64)
//	control     type string | attributes
//	tick        time i64
//	dead letter size i64 | source, reason, detail, place, bytes strings
//
// The record's place in the log is not part of it: the log knows. A number is never reused.
//
// binaryV2 is for served lists with a Swap alone: it follows the items, two uvarints.
const (
	binaryV1 = 1
	binaryV2 = 2
)

// Flags of an event: the fields that are there.
const (
	hasID = 1 << iota
	hasItem
	hasRequest
	hasSession
	hasText
	hasTime
	hasPosition
	hasPropensity
	hasValue
	hasContext
	allFlags = 1<<iota - 1
)

// AppendRecord appends the binary form of r. Partition and Offset are not part of it. It panics on a kind
// that does not exist.
func AppendRecord(dst []byte, r *Record) []byte {
	dst = append(dst, r.version(), byte(r.Kind))
	dst = appendI64(dst, int64(r.Received))
	switch r.Kind {
	case KindEvent:
		return appendEvent(dst, r.Event, r.Received)
	case KindItem:
		dst = append(dst, oneIf(r.Item.Deleted))
		return appendAttributes(appendString(dst, r.Item.ID), r.Item.Attrs)
	case KindUser:
		return appendAttributes(appendString(dst, r.User.ID), r.User.Attrs)
	case KindServed:
		return appendServed(dst, r.Served)
	case KindControl:
		return appendAttributes(appendString(dst, r.Control.Type), r.Control.Attrs)
	case KindTick:
		return appendI64(dst, int64(r.Tick.Time))
	case KindDeadLetter:
		return appendDeadLetter(dst, r.DeadLetter)
	}
	panic(fmt.Sprintf("append record: %v", r.Kind))
}

// version is the least one that says all of a record.
func (r *Record) version() byte {
	if r.Kind == KindServed && r.Served.Swap != [2]int32{} {
		return binaryV2
	}
	return binaryV1
}

func appendEvent(dst []byte, e *Event, received Time) []byte {
	flags := e.flags()
	dst = binary.LittleEndian.AppendUint16(dst, flags)
	code := typeCode(e.Type)
	if dst = append(dst, code); code == 0 {
		dst = appendString(dst, e.Type)
	}
	dst = appendString(dst, e.User)
	if flags&hasID != 0 {
		dst = appendString(dst, e.ID)
	}
	if flags&hasItem != 0 {
		dst = appendString(dst, e.Item)
	}
	if flags&hasRequest != 0 {
		dst = appendString(dst, e.Request)
	}
	if flags&hasSession != 0 {
		dst = appendString(dst, e.Session)
	}
	if flags&hasText != 0 {
		dst = appendString(dst, e.Text)
	}
	if flags&hasTime != 0 {
		dst = binary.AppendVarint(dst, int64(e.Time-received)) // wraps, and wraps back
	}
	if flags&hasPosition != 0 {
		dst = binary.AppendUvarint(dst, uint64(uint32(e.Position)))
	}
	if flags&hasPropensity != 0 {
		dst = appendF64(dst, e.Propensity)
	}
	if flags&hasValue != 0 {
		dst = appendF64(dst, e.Value)
	}
	if flags&hasContext != 0 {
		dst = appendAttributes(dst, e.Context)
	}
	return dst
}

// flags tells which of the optional fields are there.
func (e *Event) flags() uint16 {
	var f uint16
	set := func(there bool, bit uint16) {
		if there {
			f |= bit
		}
	}
	set(e.ID != "", hasID)
	set(e.Item != "", hasItem)
	set(e.Request != "", hasRequest)
	set(e.Session != "", hasSession)
	set(e.Text != "", hasText)
	set(e.Time != 0, hasTime)
	set(e.Position != 0, hasPosition)
	set(e.Propensity != 0, hasPropensity)
	set(e.HasValue, hasValue)
	set(len(e.Context) > 0, hasContext)
	return f
}

func appendServed(dst []byte, s *Served) []byte {
	dst = appendI64(dst, int64(s.Time))
	for _, text := range [...]string{s.Request, s.User, s.Scene, s.Model, s.Variant} {
		dst = appendString(dst, text)
	}
	dst = appendAttributes(dst, s.Context)
	dst = binary.AppendUvarint(dst, uint64(len(s.Items)))
	for i := range s.Items {
		dst = appendString(dst, s.Items[i].Item)
		dst = appendF64(dst, s.Items[i].Score)
		dst = appendF64(dst, s.Items[i].Propensity)
	}
	if s.Swap != [2]int32{} {
		dst = binary.AppendUvarint(dst, uint64(uint32(s.Swap[0])))
		dst = binary.AppendUvarint(dst, uint64(uint32(s.Swap[1])))
	}
	return dst
}

func appendDeadLetter(dst []byte, l *DeadLetter) []byte {
	dst = appendI64(dst, l.Size)
	for _, text := range [...]string{l.Source, l.Reason, l.Detail, l.Place, alias(l.Bytes)} {
		dst = appendString(dst, text)
	}
	return dst
}

func appendAttributes(dst []byte, a Attributes) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(a)))
	for i := range a {
		v := &a[i].Value
		dst = appendString(dst, a[i].Key)
		dst = append(dst, byte(v.Kind))
		switch v.Kind {
		case Number:
			dst = appendF64(dst, v.Num)
		case Bool:
			dst = append(dst, oneIf(v.Num != 0))
		case String:
			dst = appendString(dst, v.Str)
		case List:
			dst = binary.AppendUvarint(dst, uint64(len(v.List)))
			for _, s := range v.List {
				dst = appendString(dst, s)
			}
		}
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendI64(dst []byte, n int64) []byte { return binary.LittleEndian.AppendUint64(dst, uint64(n)) }

func appendF64(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
}

func oneIf(b bool) byte {
	if b {
		return 1
	}
	return 0
}
