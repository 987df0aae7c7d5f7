package features

import (
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

// sentimentKinds tell how good texts are about something.
func sentimentKinds() []Kind {
	return []Kind{{
		Name: "sentiment", Group: "Texts",
		Doc: "The mood of a text in [−1, 1], below 0 bad and above good, by a lexicon of Chinese and English words, emoji and idioms of live chat, with negation and " +
			"emphasis: see [texts.md](texts.md). Of a `field` of a record (the mean over a list), or the mean over the `text` of the events of `on`: the mood of a room. " +
			"Missing where there is no text; 0 where no word is known.",
		Keys: keys(optional("field", "`item.FIELD`, `user.FIELD` or `context.FIELD`"),
			optional("on", "instead: events whose texts are averaged"),
			optional("lexicon", "file with a lexicon that replaces the one that ships, beside the configuration"),
			optional("prior", "with `on`: `strength`, in texts, and `mean` to smooth with, by default the mean over everything"),
			scopeKey, windowKeys, halfLifeKey, ttlKey, numberKeys),
		Example: `
- {name: item_mood, kind: sentiment, field: item.text}
- {name: room_mood, kind: sentiment, scope: context.room, on: comment, half_life: 10m, prior: {strength: 5, mean: 0}}
- {name: user_mood, kind: sentiment, scope: user, on: comment, window: 1d, slide: 1h}`,
		build: compileSentiment,
	}}
}

func compileSentiment(c *compiler, d *Definition, f *feature) error {
	s, err := c.sentiment(d.Lexicon)
	if err != nil {
		return c.fail("lexicon", "%v", err)
	}
	if windowed, err := c.fieldOrEvents(d, "prior"); err != nil || windowed {
		if err == nil {
			err = c.sentimentEvents(d, f, s)
		}
		return err
	}
	fl, err := c.attribute("field", d.Field)
	if err != nil {
		return err
	}
	f.field, f.byItem = c.derived(fl, fmt.Sprintf("sentiment %016x", xxh3.HashString(d.Lexicon)), moodOf(s)), fl.source == fromItem
	f.numeric = true
	f.number = func(q *Query, f *feature) float64 { return q.field(f.field).num }
	return nil
}

// moodOf is the sentiment of a text, or the mean over those of a list.
func moodOf(s *lexical.Sentiment) deriver {
	return func(v event.Value, _ *fieldValue) fieldValue {
		switch {
		case v.Kind == event.String && v.Str != "":
			return derivedNumber(s.Score(v.Str))
		case v.Kind == event.List && len(v.List) > 0:
			sum := 0.0
			for _, text := range v.List {
				sum += s.Score(text)
			}
			return derivedNumber(sum / float64(len(v.List)))
		}
		return missing
	}
}

func (c *compiler) sentimentEvents(d *Definition, f *feature, s *lexical.Sentiment) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	f.number = func(q *Query, f *feature) float64 {
		sum, n := f.acc.read(q.cell(f.at).w, q.now)
		return f.prior.average(q, sum, n)
	}
	what := fmt.Sprintf("sentiment %s %016x", on.name, xxh3.HashString(d.Lexicon))
	return c.smoothed(d, f, what, func(at place, l layout, acc accumulator) {
		c.on(on, at, l, one, func(cell slot, t *touch) {
			if t.e.Text != "" {
				acc.add(cell.w, 0, t.time, s.Score(t.e.Text))
				acc.add(cell.w, 1, t.time, 1)
			}
		})
	})
}

// sentiment compiles a lexicon, once; empty: the one that ships.
func (c *compiler) sentiment(lexicon string) (*lexical.Sentiment, error) {
	if s, ok := c.sentiments[lexicon]; ok {
		return s, nil
	}
	read := lexical.DefaultLexicon
	if lexicon != "" {
		read = func() (*lexical.Lexicon, error) { return lexical.ParseLexicon(strings.NewReader(lexicon)) }
	}
	l, err := read()
	if err != nil {
		return nil, err
	}
	s := lexical.NewSentiment(l)
	c.sentiments[lexicon] = s
	return s, nil
}
