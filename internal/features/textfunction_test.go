package features

import (
	"errors"
	"testing"

	"recsvc/internal/event"
)

func TestExpressionsUnderstandTheTextsOfEvents(t *testing.T) {
	for _, tc := range []struct {
		def  Definition
		want float64
	}{
		{Definition{Kind: "count", On: Selection{Types: []string{"comment"}, Where: `keyword(text, "链接", "how much")`}}, 2},
		{Definition{Kind: "count", On: Selection{Types: []string{"comment"}, Where: `not keyword(text, "链接", "how much")`}}, 2},
		{Definition{Kind: "sum", On: On("comment"), Value: "words(text)"}, 9},
		{Definition{Kind: "count", On: Selection{Types: []string{"comment"}, Where: "sentiment(text) > 0.3"}}, 1},
		{Definition{Kind: "count", On: Selection{Types: []string{"comment"}, Where: `keyword(item.title, "red")`}}, 4},
	} {
		tc.def.Name = "x"
		s := storeOf(t, []Definition{tc.def}, Options{})
		s.UpsertItem(&event.Item{ID: "i", Attrs: of("title", text("red shoes"))})
		q := s.NewQuery()
		ref := s.EnsureItem("i")
		for _, said := range []string{"发个链接", "How much is it?", "great", ""} {
			q.Begin("u", nil, t0)
			s.Apply(q, &event.Event{Type: "comment", User: "u", Item: "i", Text: said, Time: t0}, ref)
		}
		if got := value(t, s, "u", "i", "x", t0); got != tc.want {
			t.Errorf("%v is %v, want %v", tc.def, got, tc.want)
		}
	}
}

func TestMistakesInFunctionsOfTextsAreShownAtTheirPlace(t *testing.T) {
	for where, says := range map[string]string{
		`keyword(text)`:                  `1:1: keyword: needs a quoted string after the first argument: write keyword(text, "phrase", …)`,
		`keyword(text, "")`:              `1:1: keyword: phrase 1, "", is empty: write keyword(text, "phrase", …)`,
		`keyword(value, "a")`:            `1:9: keyword needs a string, not a number: write keyword(text, "phrase", …)`,
		`value > 1 and sentiment(value)`: `1:25: sentiment needs a string, not a number: write sentiment(text)`,
		`sentiment(text, "x") > 0`:       `1:1: sentiment: takes one argument: write sentiment(text)`,
		`words() > 3`:                    `1:1: words needs a string: write words(text)`,
	} {
		_, err := New([]Definition{{Name: "x", Kind: "count", On: Selection{Types: []string{"comment"}, Where: where}}}, Options{})
		var e *DefinitionError
		if !errors.As(err, &e) || e.Key != "on.where" || e.Reason() != says {
			t.Errorf("%s\nerror %v\nwant  %s", where, err, says)
		}
	}
	_, err := New([]Definition{{Name: "x", Kind: "expr", Expr: `words("a") + 1`}}, Options{})
	if err == nil {
		t.Error("formulas over features have no texts")
	}
}
