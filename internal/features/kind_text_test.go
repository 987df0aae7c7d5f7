package features

import (
	"math"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

func TestTextsAreCountedAndCompared(t *testing.T) {
	words := Definition{Kind: "word_count", Field: "item.title"}
	match := func(as string, n int) Definition {
		return Definition{Kind: "field_match", Fields: []string{"context.query", "item.title"}, As: as, N: n}
	}
	asked := func(query, title string) scenery {
		return scenery{context: of("query", text(query)), item: of("title", text(title))}
	}
	checkSaid(t, []said{
		{"words", words, scenery{item: of("title", text("It isn't 3.5 买手机"))}, 6.0},
		{"of a list", words, scenery{item: of("title", list("red shoes", "42"))}, 3.0},
		{"the logarithm", Definition{Kind: "word_count", Field: "user.bio", As: "log"}, scenery{user: of("bio", text("a b"))}, math.Log(3)},
		{"an empty text", words, scenery{item: of("title", text(""))}, 0.0},
		{"an empty list", words, scenery{item: of("title", list())}, 0.0},
		{"invalid UTF-8", words, scenery{item: of("title", text("a\xffb"))}, 2.0},
		{"a number", words, scenery{item: of("title", num(3))}, nil},
		{"nothing", words, scenery{}, nil},
		{"all of the query", match("", 0), asked("Red SHOES", "shoes, red"), 1.0},
		{"a third", match("term", 0), asked("red leather shoes", "shoes of cloth"), 1.0 / 3},
		{"a word twice counts once", match("", 0), asked("red red shoes", "red hat"), 0.5},
		{"Chinese", match("", 0), asked("多少钱", "钱多"), 2.0 / 3},
		{"n-grams of three", match("ngram", 0), asked("shoes", "shoe"), 2.0 / 3},
		{"n-grams of two", match("ngram", 2), asked("shoes", "shoe"), 3.0 / 4},
		{"both over either", match("jaccard", 0), asked("red shoes", "red hat now"), 0.25},
		{"both over either, of n-grams", match("jaccard", 2), asked("abc", "abd"), 1.0 / 3},
		{"a list is one text", match("", 0), scenery{context: of("query", text("red sport")), item: of("title", list("sport", "shoes"))}, 0.5},
		{"a number is a word", match("", 0), scenery{context: of("query", num(42)), item: of("title", text("size 42"))}, 1.0},
		{"no query", match("", 0), asked("", "shoes"), nil},
		{"a query without words", match("", 0), asked("?!", "shoes"), nil},
		{"no title", match("", 0), scenery{context: of("query", text("red"))}, nil},
		{"a flag is no text", match("", 0), scenery{context: of("query", event.Value{Kind: event.Bool, Num: 1}), item: of("title", text("true"))}, nil},
	})
	checkMistakes(t, []mistaken{
		{Definition{Kind: "word_count", Field: "text"}, "field", "the text of events belongs to no list: write kind: mean with value: words(text), or a field such as item.title"},
		{Definition{Kind: "word_count", Field: "item.id"}, "field", `"item.id" is no field to read: write item.FIELD, user.FIELD or context.FIELD`},
		{match("term", 2), "n", "is not read as term, which compares words: leave it out, or write as: ngram"},
		{match("ngram", 17), "n", "must lie between 1 and 16"},
		{Definition{Kind: "field_match", Fields: []string{"a", "b", "c"}}, "fields", "needs two fields, not 3"},
	})
}

func TestPhrasesAreFoundInFields(t *testing.T) {
	asks := func(as string) Definition {
		return Definition{Kind: "keyword", Field: "item.text", Phrases: []string{"多少钱", "链接", "how much"}, As: as}
	}
	shouted := scenery{item: of("text", text("链接！How  much? 链接"))}
	checkSaid(t, []said{
		{"every occurrence", asks(""), shouted, 3.0},
		{"the logarithm", asks("log"), shouted, math.Log(4)},
		{"that there is one", asks("share"), shouted, 1.0},
		{"that there is none", asks("share"), scenery{item: of("text", text("hello"))}, 0.0},
		{"of a list", asks(""), scenery{item: of("text", list("链接", "多少钱"))}, 2.0},
		{"that a list has one", asks("share"), scenery{item: of("text", list("链接", "多少钱"))}, 1.0},
		{"none", asks(""), scenery{item: of("text", text("链"))}, 0.0},
		{"invalid UTF-8", asks(""), scenery{item: of("text", text("\xff链接"))}, 1.0},
		{"no text", asks(""), scenery{item: of("text", num(3))}, nil},
		{"nothing", asks(""), scenery{}, nil},
	})
	field := func(change func(*Definition)) Definition { d := asks(""); change(&d); return d }
	checkMistakes(t, []mistaken{
		{Definition{Kind: "keyword", Field: "item.text"}, "phrases", "is missing: a keyword needs it, what is looked for, at most 63 characters each"},
		{field(func(d *Definition) { d.Phrases = []string{"a", "A"} }), "phrases", `phrase 2, "A", is the same as phrase 1, "a"`},
		{field(func(d *Definition) { d.Field = "" }), "field", "is missing: name a field with a text, such as item.text, or events with on"},
		{field(func(d *Definition) { d.On = On("comment") }), "field", "give field, for a text of a record, or on, for those of events: not both"},
		{field(func(d *Definition) { d.Window = time.Hour }), "window", "is for the texts of events: give on instead of field, or leave it out"},
		{field(func(d *Definition) { d.Scope = []string{"user"} }), "scope", "is for the texts of events: give on instead of field, or leave it out"},
		{field(func(d *Definition) { d.Field, d.On, d.Prior.Strength = "", On("comment"), 3 }), "prior", "is for as: share"},
		{field(func(d *Definition) { d.Field, d.On = "", Selection{Where: "value > 3"} }), "on", `name the event types, or "*" for all`},
	})
}

func TestSentimentOfFields(t *testing.T) {
	mood := Definition{Kind: "sentiment", Field: "item.text"}
	own := Definition{Kind: "sentiment", Field: "item.text", Lexicon: "wow\t4\n"}
	score := func(text string) float64 {
		l, err := lexical.DefaultLexicon()
		if err != nil {
			t.Fatal(err)
		}
		return lexical.NewSentiment(l).Score(text)
	}
	if score("great") <= 0 || score("terrible") >= 0 {
		t.Fatal("the lexicon that ships knows neither good nor bad")
	}
	checkSaid(t, []said{
		{"good", mood, scenery{item: of("text", text("great!"))}, score("great!")},
		{"bad", mood, scenery{item: of("text", text("terrible"))}, score("terrible")},
		{"the mean of a list", mood, scenery{item: of("text", list("great", "terrible", "stone"))}, (score("great") + score("terrible")) / 3},
		{"neutral", mood, scenery{item: of("text", text("stone"))}, 0.0},
		{"invalid UTF-8", mood, scenery{item: of("text", text("\xff"))}, 0.0},
		{"a lexicon of its own", own, scenery{item: of("text", text("wow, great"))}, 4 / math.Sqrt(16+15)},
		{"an empty text", mood, scenery{item: of("text", text(""))}, nil},
		{"an empty list", mood, scenery{item: of("text", list())}, nil},
		{"a number", mood, scenery{item: of("text", num(1))}, nil},
		{"nothing", mood, scenery{}, nil},
	})
	checkMistakes(t, []mistaken{
		{Definition{Kind: "sentiment"}, "field", "is missing: name a field with a text, such as item.text, or events with on"},
		{Definition{Kind: "sentiment", Field: "item.text", HalfLife: time.Hour}, "half_life", "is for the texts of events: give on instead of field, or leave it out"},
		{Definition{Kind: "sentiment", Field: "item.text", Prior: Prior{Strength: 2}}, "prior", "is for the texts of events: give on instead of field, or leave it out"},
		{Definition{Kind: "sentiment", Field: "item.text", Lexicon: "good 3\n"}, "lexicon", `lexicon line 1: "good 3" has no tab: want a word, a tab and a score`},
		{Definition{Kind: "sentiment", On: On("comment"), Window: time.Hour, HalfLife: time.Hour}, "half_life", "window and half_life exclude each other: leave one out"},
	})
}

// textTwins recount what was said.
func textTwins() []twinKind {
	phrases := []string{"多少钱", "链接"}
	places := []string{"context.device"}
	some := 0.0
	spoken := func(e *twinEvent) bool { return e.Text != "" }
	asks := func(e *twinEvent) bool {
		return strings.Contains(e.Text, "多少钱") || strings.Contains(e.Text, "链接")
	}
	l, err := lexical.DefaultLexicon()
	if err != nil {
		panic(err)
	}
	mood := lexical.NewSentiment(l)
	return []twinKind{
		{
			kind: "keyword",
			defs: []Definition{
				{Kind: "keyword", Scope: places, On: On(AnyType), Phrases: phrases, Windows: []time.Duration{time.Minute, 24 * time.Hour}},
				{Kind: "keyword", Scope: []string{"user"}, On: On("click", "dwell"), Phrases: phrases, As: "log", HalfLife: time.Hour},
				{Kind: "keyword", Scope: places, On: On(AnyType), Phrases: phrases, As: "share", Window: time.Hour, Prior: Prior{Strength: 3}},
				{Kind: "keyword", Scope: []string{"user", "context.device"}, On: On(AnyType), Phrases: phrases, As: "share", TTL: time.Hour},
			},
			recount: func(r *twinRead) twinValue {
				texts := among(r.chosen(r.def.On, "1"), spoken)
				with := r.total(among(texts, asks))
				if r.def.As != "share" {
					return twinNumber(twinForm(r.def.As, with))
				}
				all, strength := r.total(texts), r.def.Prior.Strength
				if strength == 0 {
					return twinNumber(with / all)
				}
				everywhere := among(r.everywhere(r.def.On, "1"), spoken)
				mean := (r.total(among(everywhere, asks)) + 1) / (r.total(everywhere) + 2)
				return twinNumber((with + strength*mean) / (all + strength))
			},
		},
		{
			kind: "sentiment",
			defs: []Definition{
				{Kind: "sentiment", Scope: places, On: On(AnyType), Window: time.Hour, Prior: Prior{Strength: 2, Mean: &some}},
				{Kind: "sentiment", Scope: []string{"user"}, On: On("click", "exposure"), HalfLife: 10 * time.Minute, Prior: Prior{Strength: 1, Mean: &some}},
				{Kind: "sentiment", On: On("dwell"), Windows: []time.Duration{time.Minute, 12 * time.Hour}},
			},
			recount: func(r *twinRead) twinValue {
				texts := among(r.chosen(r.def.On, "1"), spoken)
				n := r.total(texts)
				for i := range texts {
					texts[i].x = mood.Score(texts[i].Text)
				}
				return twinNumber(r.total(texts) / (n + r.def.Prior.Strength))
			},
		},
	}
}

// among leaves the samples that are of a sort.
func among(samples []twinSample, sort func(*twinEvent) bool) (out []twinSample) {
	for _, s := range samples {
		if sort(s.twinEvent) {
			out = append(out, s)
		}
	}
	return out
}
