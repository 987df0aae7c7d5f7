package ingest

import (
	"bytes"
	"errors"
	"fmt"

	"recsvc/internal/event"
)

// ErrTooManyRecords reports a body with more records than one request may bring.
var ErrTooManyRecords = errors.New("too many records in one request")

// bodyForm is how records stand in a body.
type bodyForm uint8

const (
	oneValue bodyForm = iota // one JSON text: an array, or a single record
	lines                    // a record a line
)

// split cuts a body into the texts of its records. It looks no deeper than it must to find where they end: that each is
// well-formed is for the decoder to say. A body of several objects is taken for NDJSON whatever it is called, and one
// that begins with a bracket for an array: neither can be anything else.
func split(body []byte, ndjson bool, limit int) (parts [][]byte, form bodyForm, err error) {
	start := skipSpace(body, 0)
	if start == len(body) {
		return nil, oneValue, &event.Error{Reason: event.ReasonBadJSON, Detail: "the body is empty"}
	}
	if body[start] == '[' {
		parts, err = splitArray(body, start+1, limit)
		return parts, oneValue, err
	}
	if end := valueEnd(body, start); !ndjson && (end < 0 || skipSpace(body, end) == len(body)) {
		return [][]byte{body[start:]}, oneValue, nil
	}
	parts, err = splitLines(body, limit)
	return parts, lines, err
}

// splitArray cuts the elements of an array, from after its bracket.
func splitArray(body []byte, i, limit int) (parts [][]byte, err error) {
	i = skipSpace(body, i)
	if i < len(body) && body[i] == ']' {
		return nil, trailing(body, i+1)
	}
	for {
		i = skipSpace(body, i)
		end := valueEnd(body, i)
		if end <= i {
			return nil, malformed(max(i, end))
		}
		if parts = append(parts, body[i:end]); len(parts) > limit {
			return nil, fmt.Errorf("more than %d: %w", limit, ErrTooManyRecords)
		}
		i = skipSpace(body, end)
		switch {
		case i < len(body) && body[i] == ',':
			i++
		case i < len(body) && body[i] == ']':
			return parts, trailing(body, i+1)
		default:
			return nil, malformed(i)
		}
	}
}

func trailing(body []byte, i int) error {
	if i = skipSpace(body, i); i < len(body) {
		return malformed(i)
	}
	return nil
}

func malformed(at int) error {
	return &event.Error{Reason: event.ReasonBadJSON, Detail: fmt.Sprintf("malformed JSON at byte %d of the body", at)}
}

// splitLines cuts the lines that are not blank.
func splitLines(body []byte, limit int) (parts [][]byte, err error) {
	for text := range bytes.SplitSeq(body, []byte{'\n'}) {
		if text = bytes.Trim(text, jsonSpace); len(text) == 0 {
			continue
		}
		if parts = append(parts, text); len(parts) > limit {
			return nil, fmt.Errorf("more than %d: %w", limit, ErrTooManyRecords)
		}
	}
	return parts, nil
}

// jsonSpace is what JSON calls white space. A line of any other is not blank, and not to be lost.
const jsonSpace = " \t\r\n"

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// valueEnd returns where the JSON value that begins at i ends, -1 when it does not. It follows strings and counts
// brackets without telling their sorts apart.
func valueEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			} else if depth < 0 { // of what holds the value
				return i
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	if depth > 0 {
		return -1
	}
	return i
}

// stringEnd returns the place after the string that begins at i, -1 when it has no end.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}
