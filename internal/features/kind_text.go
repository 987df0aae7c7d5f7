package features

import (
	"fmt"
	"math"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

// textKinds look into texts of records.
func textKinds() []Kind {
	return []Kind{
		{
			Name: "word_count", Group: "Texts",
			Doc: "How many words a text has; of a list, all its elements together. A Chinese character, a kana and a hangul syllable are a word each: see " +
				"[texts.md](texts.md). Missing where there is no text. For the texts that come with events, see `mean` with `value: words(text)`.",
			Keys: keys(required("field", "`item.FIELD`, `user.FIELD` or `context.FIELD`"), numberKeys),
			As:   numberForms,
			Example: `
- {name: title_words, kind: word_count, field: item.title, as: log}`,
			build: compileWordCount,
		},
		{
			Name: "field_match", Group: "Texts",
			Doc: "How well two texts agree, in [0, 1]: a query and a title. A list is read as one text. Words and n-grams are those of [texts.md](texts.md), each counted " +
				"once; a text is taken apart once for each record. Missing where one of the two has no words.",
			Keys: keys(required("fields", "two fields; of the first, the share that is found in the second"),
				optional("n", "length of an n-gram, at most 16; of `ngram`: 3; of `jaccard`, absent: words")),
			As: []Form{
				{"term", "share of the first text's words that the second one has"},
				{"ngram", "the same of n-grams: forgives endings and misspellings"},
				{"jaccard", "what both have over what either has"},
			},
			Example: `
- {name: query_in_title, kind: field_match, fields: [context.query, item.title]}
- {name: query_like_title, kind: field_match, fields: [context.query, item.title], as: ngram, n: 3}`,
			build: compileFieldMatch,
		},
	}
}

func compileWordCount(c *compiler, d *Definition, f *feature) error {
	if d.Field == "text" {
		return c.fail("field", "the text of events belongs to no list: write kind: mean with value: words(text), or a field such as item.title")
	}
	fl, err := c.attribute("field", d.Field)
	if err != nil {
		return err
	}
	f.field, f.byItem = c.derived(fl, "words", eachText(lexical.Words)), fl.source == fromItem
	return c.numberOf(d, f)
}

// eachText adds up a number over a text, or over the elements of a list.
func eachText(of func(string) int) deriver {
	return func(v event.Value, _ *fieldValue) fieldValue {
		switch v.Kind {
		case event.String:
			return derivedNumber(float64(of(v.Str)))
		case event.List:
			n := 0
			for _, s := range v.List {
				n += of(s)
			}
			return derivedNumber(float64(n))
		}
		return missing
	}
}

func compileFieldMatch(c *compiler, d *Definition, f *feature) error {
	switch {
	case d.As == "term" && d.N != 0:
		return c.fail("n", "is not read as term, which compares words: leave it out, or write as: ngram")
	case d.N < 0 || d.N > lexical.MaxGram:
		return c.fail("n", "must lie between 1 and %d", lexical.MaxGram)
	}
	n := d.N
	if d.As == "ngram" && n == 0 {
		n = 3
	}
	a, b, err := c.pair(d, f, c.attribute, fmt.Sprint("tokens ", n), tokens(n))
	if err != nil {
		return err
	}
	both := d.As == "jaccard"
	f.numeric = true
	f.number = func(q *Query, f *feature) float64 {
		first, second := q.field(a), q.field(b)
		if first.id == 0 || second.id == 0 {
			return math.NaN()
		}
		common, jaccard := lexical.Overlap(first.list, second.list)
		if both {
			return jaccard
		}
		return float64(common) / float64(len(first.list))
	}
	return nil
}

// tokens keeps the words (n 0) or the n-grams of a text, as a set.
func tokens(n int) deriver {
	add := func(dst []uint64, text string) []uint64 {
		if n > 0 {
			return lexical.NGrams(dst, text, n)
		}
		return lexical.Tokens(dst, text)
	}
	return func(v event.Value, buf *fieldValue) fieldValue {
		list := buf.list[:0]
		switch v.Kind {
		case event.String:
			list = add(list, v.Str)
		case event.List:
			for _, s := range v.List {
				list = add(list, s)
			}
		case event.Number:
			var digits [32]byte
			list = add(list, string(appendNumber(digits[:0], v.Num)))
		}
		if len(list) == 0 {
			return missing
		}
		list = lexical.Unique(list)
		return fieldValue{category: category{id: 1, list: list}, num: math.NaN()}
	}
}
