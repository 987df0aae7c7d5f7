package rank

import (
	"errors"
	"fmt"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

// Limits on a filter.
const (
	MaxFilterBytes = 4096
	maxFilterNodes = 256
	maxFilterSteps = 10_000 // for one item
)

// Filter is a compiled condition on items, in the language of package expression.
//
// `item` is the flat record as it was posted: item.price, item["price"], item.tags[0]; item.item is the id.
// An item on which the condition takes too many steps does not pass. A Filter is immutable and safe for
// concurrent use; the nil Filter passes everything.
type Filter struct {
	text string
	cond *expression.Expression[Item]
}

// FilterError is a mistake in a filter's text.
type FilterError struct {
	Line, Column int // from 1, in characters
	Message      string
}

func (e *FilterError) Error() string {
	return fmt.Sprintf("filter %d:%d: %s", e.Line, e.Column, e.Message)
}

// CompileFilter compiles text. It fails with a *FilterError.
func CompileFilter(text string) (*Filter, error) {
	cond, err := expression.CompileCondition(text, itemField, expression.Options{
		MaxBytes: MaxFilterBytes, MaxNodes: maxFilterNodes, MaxSteps: maxFilterSteps,
	})
	var mistake *expression.Error
	switch {
	case errors.As(err, &mistake):
		return nil, &FilterError{Line: mistake.Line, Column: mistake.Column, Message: mistake.Message}
	case err != nil:
		return nil, &FilterError{Line: 1, Column: 1, Message: err.Error()}
	}
	return &Filter{text: text, cond: cond}, nil
}

// idField is the field of the flat record that holds the item's id.
const idField = "item"

// itemField resolves the names that a filter may use.
func itemField(root, key string) (expression.Field[Item], error) {
	switch {
	case root == "" && key == "item":
		return expression.Field[Item]{}, errors.New("item is a record: name a field, such as item.price")
	case root == "":
		return expression.Field[Item]{}, fmt.Errorf("no %q here: fields are written item.%s", key, key)
	case root != "item":
		return expression.Field[Item]{}, fmt.Errorf("no %q here: a filter sees the item alone: fields are written item.%s", root, key)
	case key == idField:
		return expression.Field[Item]{Kind: event.String, Get: func(item *Item) event.Value {
			return event.Value{Kind: event.String, Str: item.ID}
		}}, nil
	}
	return expression.Field[Item]{Get: func(item *Item) event.Value {
		v, _ := item.Attrs.Get(key)
		return v
	}}, nil
}

// Match reports whether item passes. An item of the store is to be read under its lock.
func (f *Filter) Match(item *Item) bool { return f.match(new(expression.State), item) }

// match is Match with memory of the caller's.
func (f *Filter) match(s *expression.State, item *Item) bool {
	return f == nil || f.cond.True(s, item)
}
