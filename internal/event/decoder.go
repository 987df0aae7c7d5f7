package event

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Limits on what a flat map may hold. Keys obey the rule for ids.
const MaxAttributes = 1024

// Counts tells what a Decoder passed over without refusing the record.
type Counts struct {
	DroppedValues int64 // values in flat maps that are neither string, number, bool nor list of strings and numbers
	UnknownFields int64 // fields that records of the kind do not have
}

// Decoder reads records in either wire form. It owns scratch space and hands out records from blocks, so one
// Decoder per goroutine is kept and reused; its zero value is ready. It is not safe for concurrent use.
//
// Strings of the records alias the bytes decoded, which therefore must never be written to again.
type Decoder struct {
	Counts Counts // since the Decoder was made; the caller may reset it

	slabs   slabs
	scan    scanner
	days    dayCache
	refusal *Error      // the first thing wrong with a record that is well-formed JSON
	attrs   []Attribute // scratch of flat maps
	list    []string    // scratch of lists
	slots   []ServedItem
	scope   string // the record's field that holds the object being read; empty: the record itself
}

// DecodeJSON reads one JSON object as a record of the given kind into rec, leaving Partition, Offset and
// Received alone. The error is an *Error, except for a kind that does not exist. After an error rec holds
// the fields that were good, so that a refusal can name the id.
func (d *Decoder) DecodeJSON(kind Kind, raw []byte, rec *Record) (err error) {
	rec.Kind = kind
	switch kind {
	case KindEvent:
		rec.Event, err = d.DecodeEvent(raw)
	case KindItem:
		rec.Item, err = d.DecodeItem(raw)
	case KindUser:
		rec.User, err = d.DecodeUser(raw)
	case KindServed:
		rec.Served, err = d.decodeServed(raw)
	case KindControl:
		rec.Control, err = d.decodeControl(raw)
	case KindTick:
		rec.Tick, err = d.decodeTick(raw)
	case KindDeadLetter:
		rec.DeadLetter, err = d.decodeDeadLetter(raw)
	default:
		err = fmt.Errorf("decode JSON: %v", kind)
	}
	return err
}

// begin enters the object that raw must hold.
func (d *Decoder) begin(raw []byte) bool {
	d.scan = scanner{buf: raw}
	d.refusal, d.scope = nil, ""
	if d.scan.peek() == '{' {
		return true
	}
	d.scan.skip()
	d.refuse(ReasonNotObject, "", "want a JSON object")
	return false
}

// end closes the record. Malformed JSON wins over whatever else is wrong.
func (d *Decoder) end() error {
	d.scan.done()
	if d.scan.fault != "" {
		return &Error{Reason: ReasonBadJSON, Detail: fmt.Sprintf("malformed JSON at byte %d: %s", d.scan.at, d.scan.fault)}
	}
	if d.refusal != nil {
		return d.refusal
	}
	return nil
}

// refuse notes why the record is refused, unless an earlier reason stands. Reading goes on: what follows may
// be malformed, or hold the id.
func (d *Decoder) refuse(reason, field, detail string) {
	if d.refusal == nil && d.scan.fault == "" {
		d.refusal = &Error{Reason: reason, Pointer: d.pointer(field), Detail: detail}
	}
}

// pointer returns the JSON pointer of a field of the object being read; "" is that object.
func (d *Decoder) pointer(field string) string {
	var p string
	for _, name := range [...]string{d.scope, field} {
		if name != "" {
			p += "/" + escapePointer(name)
		}
	}
	return p
}

// null takes a null, which means that the field is absent.
func (d *Decoder) null() bool { return d.scan.peek() == 'n' && d.scan.word("null") }

// wrongType takes a value that is not what the field holds.
func (d *Decoder) wrongType(field, want string) {
	d.scan.skip()
	d.refuse(ReasonWrongType, field, "must be "+want)
}

// text reads a string, or null as "".
func (d *Decoder) text(field string) string {
	if d.null() {
		return ""
	}
	if d.scan.peek() != '"' {
		d.wrongType(field, "a string")
		return ""
	}
	return d.scan.str()
}

// id reads an id, or null as "".
func (d *Decoder) id(field string) string {
	if d.null() {
		return ""
	}
	if d.scan.peek() != '"' {
		d.wrongType(field, "a string")
		return ""
	}
	id := d.scan.str()
	if fault := idFault(id); fault != "" {
		d.refuse(ReasonBadID, field, fault)
		return ""
	}
	return id
}

// number reads a finite number; not ok for null.
func (d *Decoder) number(field string) (float64, bool) {
	if d.null() {
		return 0, false
	}
	if c := d.scan.peek(); c != '-' && c-'0' > 9 {
		d.wrongType(field, "a number")
		return 0, false
	}
	f := d.scan.number()
	if !finite(f) {
		d.refuse(ReasonOutOfRange, field, "must be a finite number")
		return 0, false
	}
	return f, true
}

// time reads RFC 3339 or Unix milliseconds, or null as 0.
func (d *Decoder) time(field string) Time {
	if d.null() {
		return 0
	}
	var t Time
	fault := ""
	if d.scan.peek() == '"' {
		t, fault = d.days.parse(d.scan.str())
	} else {
		ms, ok := d.number(field)
		if !ok {
			return 0
		}
		if t, ok = fromMillis(ms); !ok {
			fault = "is outside the years 1678 to 2261"
		}
	}
	if fault == "" && t <= 0 {
		fault = "must be after 1970"
	}
	if fault != "" {
		d.refuse(ReasonBadTime, field, fault)
		return 0
	}
	return t
}

// fields tells which fields of an object were seen, one bit each.
type fields uint32

// once reports whether the field with the given number comes for the first time; 0 is an unknown field,
// which may repeat. A second occurrence refuses the record: which of the two was meant cannot be known.
func (d *Decoder) once(seen *fields, n uint8, field string) bool {
	bit := fields(1) << n
	if n == 0 || *seen&bit == 0 {
		*seen |= bit
		return true
	}
	d.duplicate(field)
	d.scan.skip()
	return false
}

func (d *Decoder) duplicate(field string) { d.refuse(ReasonDuplicateKey, field, "given twice") }

// unknown passes over a field that the kind of record does not have.
func (d *Decoder) unknown() {
	d.scan.skip()
	d.Counts.UnknownFields++
}

// idFault returns what is wrong with an id that is known to be UTF-8.
func idFault(id string) string {
	if len(id) == 0 || len(id) > MaxIDBytes {
		return "must have 1 to 256 bytes"
	}
	var high byte
	for i := range len(id) {
		if c := id[i]; c < ' ' || c == 0x7f {
			return "must not hold control characters"
		}
		high |= id[i]
	}
	if high < utf8.RuneSelf {
		return ""
	}
	for _, r := range id {
		if unicode.IsControl(r) {
			return "must not hold control characters"
		}
	}
	return ""
}

// CheckID returns an error when id is not 1 to 256 bytes of UTF-8 without control characters.
func CheckID(id string) error {
	fault := idFault(id)
	if fault == "" && !utf8.ValidString(id) {
		fault = "must be UTF-8"
	}
	if fault != "" {
		return &Error{Reason: ReasonBadID, Detail: fault}
	}
	return nil
}
