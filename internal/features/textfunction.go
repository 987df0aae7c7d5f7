package features

import (
	"errors"

	"recsvc/internal/event"
	"recsvc/internal/expression"
	"recsvc/internal/lexical"
)

// textFunctions are what expressions over events know about texts, beside the functions that are built in.
func (c *compiler) textFunctions() map[string]expression.Function {
	return map[string]expression.Function{
		"words":     expression.OfText("words(text)", func(text string) float64 { return float64(lexical.Words(text)) }),
		"sentiment": {Usage: "sentiment(text)", Of: event.String, Result: event.Number, Prepare: c.prepareSentiment},
		"keyword":   expression.OfPhrases(`keyword(text, "phrase", …)`, event.Bool, prepareKeyword),
	}
}

func prepareKeyword(list []string) (func(text string) float64, error) {
	phrases, err := lexical.NewPhrases(list)
	if err != nil {
		return nil, err
	}
	return func(text string) float64 {
		if phrases.Contains(text) {
			return 1
		}
		return 0
	}, nil
}

// prepareSentiment reads the lexicon that ships where an expression asks for it.
func (c *compiler) prepareSentiment(constants []event.Value) (func(event.Value) event.Value, error) {
	if len(constants) > 0 {
		return nil, errors.New("takes one argument")
	}
	s, err := c.sentiment("")
	if err != nil {
		return nil, err
	}
	return func(v event.Value) event.Value { return event.Value{Kind: event.Number, Num: s.Score(v.Str)} }, nil
}
