package lexical

import (
	"math"
	"strings"
	"testing"
)

func shippedSentiment(t testing.TB) *Sentiment {
	t.Helper()
	l, err := DefaultLexicon()
	if err != nil {
		t.Fatal(err)
	}
	return NewSentiment(l)
}

func TestShippedLexiconKnowsItsLanguages(t *testing.T) {
	l, err := DefaultLexicon() // which refuses repetitions and scores that are out of range
	if err != nil {
		t.Fatal(err)
	}
	var chinese, english, emoji int
	for i, word := range wordsOf(l) {
		switch {
		case l.entries[i].plain:
			emoji++
		case strings.ContainsFunc(word, isIdeal):
			chinese++
		default:
			english++
		}
	}
	if chinese < 300 || english < 300 || emoji < 100 {
		t.Errorf("%d Chinese, %d English and %d emoji", chinese, english, emoji)
	}
}

// wordsOf reads the words back from the trie, in the order of the entries.
func wordsOf(l *Lexicon) []string {
	words := make([]string, l.Len())
	var walk func(node int32, prefix []rune)
	walk = func(node int32, prefix []rune) {
		if i := l.trie.word[node]; i >= 0 {
			words[i] = string(prefix)
		}
		for c := l.trie.first[node]; c < l.trie.first[node+1]; c++ {
			walk(c, append(prefix[:len(prefix):len(prefix)], l.trie.runes[c]))
		}
	}
	walk(0, nil)
	return words
}

func TestSentimentHasTheSignThatAReaderWouldGiveIt(t *testing.T) {
	s := shippedSentiment(t)
	const negative, neutral, positive, notNegative = -1, 0, 1, 2
	for text, want := range map[string]int{
		// Chinese
		"这个真好看":  positive,
		"主播好棒👍":  positive,
		"不好":     negative,
		"不是不好":   notNegative,
		"一点都不好看": negative,
		"太贵了":    negative,
		"好贵啊":    negative,
		"不贵":     positive,
		"不值这个价":  negative,
		"值得买":    positive,
		"不错不错":   positive,
		"没有比这更差的垃圾了，骗子": negative,
		"垃圾东西,别买":       negative,
		"垃圾桶在哪里":        neutral,
		"质量差，退货":        negative,
		"我不喜欢这个颜色":      negative,
		"不是我不喜欢，是太贵":    negative,
		"差不多吧":          neutral,
		"是不是今天发货":       neutral,
		"多少钱":           neutral,
		"衣服很漂亮，但是质量太差了": negative,
		"虽然有点贵，但是真的很好用": positive,
		"666":       positive,
		"66666666":  positive,
		"哈哈哈哈哈哈":    positive,
		"２３３３３":     positive,
		"特别喜欢":      positive,
		"yyds":      positive,
		"气死我了😡":     negative,
		"太\u200b好了": positive, // a zero-width space within
		"别人家的链接":    neutral,
		"智商税，千万别买":  negative,
		"没想到这么好":    positive,
		"没想到这么差":    negative,
		"不怎么样":      negative,
		"这个怎么样":     neutral,
		"别错过这个好物":   positive,
		"没毛病，老铁":    positive,
		"再也不买了，客服态度差，气死了": negative,
		// English
		"This is good":                          positive,
		"this isn't good":                       negative,
		"isn’t good":                            negative,
		"not bad":                               positive,
		"not bad at all!":                       positive,
		"I don't like it":                       negative,
		"never happy with this seller":          negative,
		"VERY GOOD!!!":                          positive,
		"soooo gooood":                          positive,
		"what a waste of money":                 negative,
		"it looks like a box":                   neutral,
		"great colour but the zip broke":        negative,
		"the zip broke but I love it":           positive,
		"can't wait for the next one":           positive,
		"I wouldn't say it isn't good":          notNegative,
		"no problem, thanks":                    positive,
		"not what I wanted, the sound is great": positive,
		"goodness me, badly-lit badge":          negative,
		"couldn't be better":                    positive,
		"nothing wrong with it":                 positive,
		"don't buy":                             negative,
		"ＧＯＯＤ":                                  positive,
		// emoji
		"😍":    positive,
		"👍🏽":   positive,
		"❤️":   positive,
		"👎👎👎":  negative,
		"😡":    negative,
		"no 👍": positive,
		// nothing to go by
		"":               neutral,
		"how much is it": neutral,
		"\xff\xfe":       neutral,
	} {
		got := s.Score(text)
		ok := got == 0
		switch want {
		case negative:
			ok = got < 0
		case positive:
			ok = got > 0
		case notNegative:
			ok = got >= 0
		}
		if !ok {
			t.Errorf("%q scores %.3f", text, got)
		}
	}
}

func TestModifiersOrderSentences(t *testing.T) {
	s := shippedSentiment(t)
	for _, chain := range [][]string{ // each worse than the next
		{"非常差", "很差", "差", "有点差", "", "有点好", "好", "很好", "非常好"},
		{"extremely bad", "very bad", "bad", "slightly bad", "", "slightly good", "good", "very good", "extremely good"},
		{"not very good", "not good", "", "not bad", "not very bad"},
		{"bad!!", "bad!", "bad", "good", "good!", "good!!"},
		{"👎👎", "👎", "👍", "👍👍"},
	} {
		for i := 1; i < len(chain); i++ {
			if a, b := s.Score(chain[i-1]), s.Score(chain[i]); a >= b {
				t.Errorf("%q scores %.3f and %q %.3f", chain[i-1], a, chain[i], b)
			}
		}
	}
}

func TestScoreFollowsItsFormula(t *testing.T) {
	l, err := ParseLexicon(strings.NewReader("good\t2\nnot\tnot\nvery\t*1.3\nbut\tbut\n坏\t-3\n👍\t1\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := NewSentiment(l)
	for text, sum := range map[string]float64{
		"good":                          2,
		"very good":                     2.6,
		"not good":                      -1.48,
		"not very good":                 -1.924,
		"not not good":                  1.0952,
		"not a b c good":                -1.48, // over three unknown words
		"not a b c d good":              2,     // over four no more
		"not, good":                     2,
		"not good good":                 0.52, // a modifier is spent on the first scored word
		"good but 坏":                    1 - 4.5,
		"not 一二三四五六坏":                   2.22,
		"not 一二三四五六七坏":                  -3,
		"not 👍":                         1,
		"very very very very very good": 6, // the factor is at most 3
		"good!":                         2.292,
		"坏！！":                           -3.584,
		"good! a! b! c! d! e!":          2 + 4*0.292,
		"goods":                         0,
		"agood":                         0,
		"goooood":                       2,
		"!!!":                           0,
	} {
		want := sum / math.Sqrt(sum*sum+15)
		if got := s.Score(text); math.Abs(got-want) > 1e-12 {
			t.Errorf("%q scores %v, want %v", text, got, want)
		}
	}
}

func TestLongestWordWins(t *testing.T) {
	l, err := ParseLexicon(strings.NewReader("差\t-2\n差不多\t0\n好\t2\n好难\t-1\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := NewSentiment(l)
	if got := s.Score("差不多"); got != 0 {
		t.Errorf("差不多 scores %v", got)
	}
	if s.Score("差不") >= 0 || s.Score("好难") >= 0 || s.Score("好好难") <= 0 {
		t.Error("a word was found in a longer one, or the longer one was not left when it was not there")
	}
}

func TestBrokenLexiconsAreRefusedWithLineAndReason(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "lexicon has no words: want lines of a word, a tab and a score",
		"# only a comment\n":                   "lexicon has no words: want lines of a word, a tab and a score",
		"good 2\n":                             `lexicon line 1: "good 2" has no tab: want a word, a tab and a score`,
		"\n\nbad\tawful\n":                     `lexicon line 3: "bad": "awful" is neither a score, *factor, not nor but`,
		"good\t5.1":                            `lexicon line 1: "good": the score 5.1 is outside −5 to 5`,
		"good\tNaN":                            `lexicon line 1: "good": the score NaN is outside −5 to 5`,
		"good\t-Inf":                           `lexicon line 1: "good": the score -Inf is outside −5 to 5`,
		"very\t*4":                             `lexicon line 1: "very": the factor *4 is outside 1/3 to 3`,
		"very\t*NaN":                           `lexicon line 1: "very": the factor *NaN is outside 1/3 to 3`,
		"good\t1\nＧood\t2\n":                   `lexicon line 2: "good" stands in line 1 already`,
		"\u200b\t1\n":                          `lexicon line 1: "\u200b": a word has 1 to 32 characters`,
		"a\xff\t1":                             "lexicon line 1: not UTF-8",
		"aaaa\t1":                              `lexicon line 1: "aaaa": texts are read with at most 3 equal characters in a row; write no more`,
		"good\t1\n" + strings.Repeat("x", 300): "lexicon line 2 is longer than 256 bytes",
	} {
		if _, err := ParseLexicon(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: error %v\nwant %s", text, err, want)
		}
	}
}

func FuzzScore(f *testing.F) {
	s := shippedSentiment(f)
	for _, text := range []string{"not bad 👍🏽!!!", "不是不好", "soooo\xff good", "’n’t", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := s.Score(text)
		if !(-1 < got && got < 1) {
			t.Fatalf("%q scores %v", text, got)
		}
		if again := s.Score(strings.Clone(text)); again != got {
			t.Fatalf("%q scores %v, then %v", text, got, again)
		}
	})
}

func FuzzParseLexicon(f *testing.F) {
	f.Add("good\t1\nnot\tnot\nvery\t*1.2\n# x\n", "not very good")
	f.Fuzz(func(t *testing.T, lexicon, text string) {
		l, err := ParseLexicon(strings.NewReader(lexicon))
		if err != nil {
			return
		}
		if got := NewSentiment(l).Score(text); math.IsNaN(got) || math.Abs(got) > 1 {
			t.Fatalf("%q scores %v", text, got)
		}
	})
}
