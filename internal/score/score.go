// Package score makes one number of what the heads of a model predict and of the item: what lists are ranked by.
//
// A score is the name of a head, which stands for its probability, or a formula in the language of package expression over p.HEAD and
// item.FIELD, such as
//
//	p.click * (1 + 4 * p.purchase * item.price)
//
// It has no value where a field that it needs is missing, or where the result is not finite.
package score

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

// Formula is a compiled score. It is immutable and safe for concurrent use.
type Formula struct {
	head int // of a plain one; else -1
	main int
	text string
	x    *expression.Expression[input]
	item bool
	free sync.Pool // of *scratch
}

// input is what a formula runs over.
type input struct {
	p    []float32
	item event.Attributes
}

type scratch struct {
	in    input
	state expression.State
}

// New compiles a score over the heads of a model. What is wrong with a formula is an *expression.Error.
func New(text string, heads []string) (*Formula, error) {
	if at := slices.Index(heads, strings.TrimSpace(text)); at >= 0 {
		return &Formula{head: at, main: at, text: heads[at]}, nil
	}
	f := &Formula{head: -1, main: -1, text: text}
	x, err := expression.CompileNumber(text, f.resolver(heads), expression.Options{})
	if err != nil {
		return nil, err
	}
	f.x, f.main = x, max(f.main, 0)
	f.free.New = func() any { return new(scratch) }
	return f, nil
}

// resolver finds what names stand for.
func (f *Formula) resolver(heads []string) expression.Names[input] {
	return func(root, key string) (expression.Field[input], error) {
		switch root {
		case "p":
			at := slices.Index(heads, key)
			if at < 0 {
				return expression.Field[input]{}, fmt.Errorf("no head %q here: there is p.%s", key, strings.Join(heads, ", p."))
			}
			if f.main < 0 {
				f.main = at
			}
			return expression.Field[input]{Kind: event.Number, Get: func(in *input) event.Value {
				return event.Value{Kind: event.Number, Num: float64(in.p[at])}
			}}, nil
		case "item":
			f.item = true
			return expression.Field[input]{Get: func(in *input) event.Value {
				v, _ := in.item.Get(key)
				return v
			}}, nil
		case "":
			return expression.Field[input]{}, fmt.Errorf("no %q here: a score has p.HEAD, of %s, and item.FIELD, such as item.price", key, strings.Join(heads, ", "))
		}
		return expression.Field[input]{}, errors.New("a score has p.HEAD and item.FIELD, such as item.price")
	}
}

// Head is the head whose probability the score is; false where it is a formula.
func (f *Formula) Head() (at int, plain bool) { return f.head, f.head >= 0 }

// String is the formula, or the name of a head.
func (f *Formula) String() string { return f.text }

// Main is the head that stands for the score where one head has to: a plain one's, or the first that a formula names.
func (f *Formula) Main() int { return f.main }

// ReadsItem reports whether the score depends on attributes of the item.
func (f *Formula) ReadsItem() bool { return f.item }

// Of returns the score of what the heads predict, p, of an item with the given attributes, which only a formula that ReadsItem needs.
// It is false when it has no value, or one that float32 does not hold.
func (f *Formula) Of(p []float32, item event.Attributes) (score float32, ok bool) {
	if f.head >= 0 {
		return p[f.head], true
	}
	s := f.free.Get().(*scratch)
	s.in = input{p, item}
	x, ok := f.x.Number(&s.state, &s.in)
	s.in = input{}
	f.free.Put(s)
	score = float32(x)
	return score, ok && score-score == 0
}
