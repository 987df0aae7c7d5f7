package expression

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// Error is a mistake in an expression's text.
type Error struct {
	Line, Column int    // from 1, in characters
	Message      string // what is wrong and what to write instead
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

// parse calls expr's parser, which must not bring the process down whatever the text.
func parse(text string, opts Options) (tree *parser.Tree, err error) {
	if len(text) > opts.MaxBytes {
		return nil, &Error{1, 1, fmt.Sprintf("is %d bytes long: at most %d are allowed", len(text), opts.MaxBytes)}
	}
	defer func() {
		if v := recover(); v != nil {
			err = &Error{1, 1, fmt.Sprintf("cannot be parsed: %v", v)}
		}
	}()
	config := conf.CreateNew()
	config.MaxNodes = uint(opts.MaxNodes)
	config.DisableIfOperator = true
	tree, err = parser.ParseWithConfig(text, config)
	if err != nil {
		return nil, rephrase(asError(err), opts)
	}
	if tree.Node == nil {
		return nil, &Error{1, 1, "is empty"}
	}
	return tree, nil
}

func asError(err error) *Error {
	var e *file.Error
	if !errors.As(err, &e) {
		return &Error{1, 1, err.Error()}
	}
	return &Error{Line: max(1, e.Line), Column: e.Column + 1, Message: e.Message}
}

// rephrase says more than the parser does about what people bring from other languages.
func rephrase(e *Error, opts Options) *Error {
	if strings.HasPrefix(e.Message, "unexpected token") {
		for token, instead := range map[string]string{
			`Operator("=")`:      "== compares",
			`Operator("<>")`:     "write != for unequal",
			`Identifier("AND")`:  "write and, or &&",
			`Identifier("OR")`:   "write or, or ||",
			`Identifier("NOT")`:  "write not, or !",
			`Identifier("IN")`:   "write in",
			`Identifier("LIKE")`: "write contains, startsWith, endsWith or matches",
			`Identifier("IS")`:   "write == nil or != nil",
		} {
			if strings.HasSuffix(e.Message, token) {
				e.Message += ": " + instead
			}
		}
	}
	if strings.Contains(e.Message, "maximum allowed nodes") {
		e.Message = fmt.Sprintf("has more than %d parts: leave some out, or split it", opts.MaxNodes)
	}
	return e
}
