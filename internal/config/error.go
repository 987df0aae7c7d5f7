package config

import (
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in a configuration and where it stands.
type Error struct {
	File   string // or "environment", or "command line"
	Line   int    // from 1; 0: not in a file
	Column int    // from 1, in characters
	Key    string // its path, such as features[3].window; the variable's or flag's name outside a file
	Msg    string // what is wrong and what to do
}

// Error reads file:line:column: key: message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	return b.String() + ": " + e.Msg
}

// Errors is every mistake that was found, in the order of the file. It is never empty.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the first [Error].
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i := range e {
		out[i] = e[i]
	}
	return out
}

func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return e
}

// once leaves out what an earlier one says word for word.
func (e Errors) once() Errors {
	seen := map[Error]bool{}
	return slices.DeleteFunc(e, func(x *Error) bool {
		known := seen[*x]
		seen[*x] = true
		return known
	})
}

// place is where a value comes from.
type place struct {
	file         string
	line, column int
	name         string // of the variable or flag; empty in a file
}

// Position says where the value at path stands, or the nearest thing around it that is written down. line is 0
// where that is no file.
func (c *Config) Position(path string) (file string, line, column int) {
	p := c.place(path)
	return p.file, p.line, p.column
}

// Errorf makes an [Error] for the value at path.
func (c *Config) Errorf(path, format string, args ...any) *Error {
	p := c.place(path)
	e := &Error{File: p.file, Line: p.line, Column: p.column, Key: path, Msg: fmt.Sprintf(format, args...)}
	if p.name != "" {
		e.Key = p.name
	}
	return e
}

func (c *Config) place(path string) place {
	if p, ok := c.origins[path]; ok {
		return p
	}
	for path != "" {
		if p, ok := c.places[path]; ok {
			return p
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	file := c.file
	if file == "" {
		file = "default configuration"
	}
	return place{file: file}
}

// suggest returns the known word nearest to word, or "" when none is near.
func suggest(word string, known []string) string {
	best, at := "", len(word)/3+2
	for _, k := range known {
		if d := distance(word, k); d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is Levenshtein's, with a swap of neighbours counted once.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

// orKnown ends a message about an unknown word.
func orKnown(word string, known []string) string {
	if len(word) <= 64 {
		if s := suggest(word, known); s != "" {
			return fmt.Sprintf("did you mean %q?", s)
		}
	}
	return "known are " + strings.Join(known, ", ")
}
