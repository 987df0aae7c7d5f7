package event

import "strings"

// Reasons why a record is refused: short constants, fit for a metric label.
const (
	ReasonBadJSON      = "bad_json"      // not JSON by RFC 8259, or not UTF-8
	ReasonNotObject    = "not_object"    // JSON, but not an object
	ReasonDuplicateKey = "duplicate_key" // the same key twice in one object
	ReasonMissingField = "missing_field" // a required field is absent or null
	ReasonWrongType    = "wrong_type"    // a field holds the wrong JSON type
	ReasonBadID        = "bad_id"        // not 1 to 256 bytes, or a control character
	ReasonBadTime      = "bad_time"      // neither RFC 3339 nor Unix milliseconds after 1970
	ReasonOutOfRange   = "out_of_range"  // a number outside its bounds
	ReasonTooLarge     = "too_large"     // the record, or a map in it, is over its limit
)

// Error says why a record was refused. It is what producers, dead letters and metrics get to see.
type Error struct {
	Reason  string // one of the Reason constants, or one of its kind
	Pointer string // JSON pointer of the offending field; empty: the record as a whole
	Detail  string // what was wrong, for people
}

// Error returns "field: detail", the form that the HTTP interface answers with.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Detail
	}
	return strings.TrimPrefix(e.Pointer, "/") + ": " + e.Detail
}
