package sql

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a statement that cannot be compiled, and where.
type Error struct {
	Line, Column int // from 1, in characters
	Msg          string
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg) }

// at makes an error for a byte offset of the text.
func at(text string, offset int, msg string) *Error {
	before := text[:max(0, min(offset, len(text)))]
	line := strings.Count(before, "\n")
	if i := strings.LastIndexByte(before, '\n'); i >= 0 {
		before = before[i+1:]
	}
	return &Error{Line: line + 1, Column: utf8.RuneCountInString(before) + 1, Msg: msg}
}
