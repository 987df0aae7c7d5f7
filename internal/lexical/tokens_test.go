package lexical

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

func hashes(words ...string) []uint64 {
	var out []uint64
	for _, w := range words {
		out = append(out, xxh3.HashString(w))
	}
	return out
}

func TestTextsFallIntoWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                          nil,
		" ,.!?'\"-… \t\n":           nil,
		"Hello, World":              {"hello", "world"},
		"it isn't, isn’t ISN＇T":     {"it", "isn't", "isn't", "isn't"},
		"'tis the dogs' 'quoted'":   {"tis", "the", "dogs", "quoted"},
		"3.5 stars, 1,000 cups. 7.": {"3.5", "stars", "1,000", "cups", "7"},
		"snake_case e-mail a.b":     {"snake", "case", "e", "mail", "a", "b"},
		"iPhone15 手机壳":              {"iphone15", "手", "机", "壳"},
		"３天ＡＢＣ":                     {"3", "天", "abc"},
		"カメラ ｶﾒﾗ らーめん":              {"カ", "メ", "ラ", "カ", "メ", "ラ", "ら", "ー", "め", "ん"},
		"안녕 하세요":                    {"안", "녕", "하", "세", "요"},
		"Ärger ΣΊΣΥΦΟΣ σίσυφος ſo K": {"ärger", "σίσυφοσ", "σίσυφοσ", "so", "k"},
		"多\u200b少 ze\u00adro":        {"多", "少", "zero"},
		"привет мир":                 {"привет", "мир"},
		"good👍🏽luck ❤️":              {"good", "luck"},
		"𠮷野家 々":                      {"𠮷", "野", "家", "々"},
		"a\xffb\xc3":                 {"a", "b"},
		"tag1#tag2":                  {"tag1", "tag2"},
	} {
		if got := Tokens(nil, text); !slices.Equal(got, hashes(want...)) {
			t.Errorf("%q has the tokens %v, want those of %q", text, got, want)
		}
		if got := Words(text); got != len(want) {
			t.Errorf("%q has %d words, want %d", text, got, len(want))
		}
	}
}

func TestLongWordsCountByTheirBeginning(t *testing.T) {
	long := strings.Repeat("x", 1000)
	if got, want := Tokens(nil, long+" y"), hashes(long[:256], "y"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNGramsStayWithinWordsAndRuns(t *testing.T) {
	for _, tc := range []struct {
		text string
		n    int
		want []string
	}{
		{"Hello", 3, []string{"hel", "ell", "llo"}},
		{"to be", 2, []string{"to", "be"}},
		{"a bcd", 3, []string{"a", "bcd"}},
		{"多少钱", 2, []string{"多少", "少钱"}},
		{"多少，钱", 2, []string{"多少", "钱"}},
		{"买iPhone手机", 2, []string{"买", "ip", "ph", "ho", "on", "ne", "手机"}},
		{"abc", 1, []string{"a", "b", "c"}},
		{"a1b2", 4, []string{"a1b2"}},
		{"𠮷野家é", 2, []string{"𠮷野", "野家", "é"}},
		{"abcdefghijklmnopq", MaxGram, []string{"abcdefghijklmnop", "bcdefghijklmnopq"}},
		{"abc", 0, nil}, {"abc", -1, nil}, {"abc", MaxGram + 1, nil}, {"", 2, nil},
	} {
		if got := NGrams(nil, tc.text, tc.n); !slices.Equal(got, hashes(tc.want...)) {
			t.Errorf("%q has the %d-grams %v, want those of %q", tc.text, tc.n, got, tc.want)
		}
	}
}

func TestAppendingKeepsWhatWasThere(t *testing.T) {
	want := append([]uint64{7}, hashes("a")...)
	if got := Tokens([]uint64{7}, "a"); !slices.Equal(got, want) {
		t.Errorf("Tokens: %v", got)
	}
	if got := NGrams([]uint64{7}, "a", 2); !slices.Equal(got, want) {
		t.Errorf("NGrams: %v", got)
	}
}

func TestIdealsAreTheCharactersOfTheirScripts(t *testing.T) {
	scripts := []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana}
	for r := range rune(unicode.MaxRune) {
		if !unicode.IsLetter(r) || !unicode.In(r, scripts...) && !(0xAC00 <= r && r <= 0xD7A3) {
			continue
		}
		_, c, _ := next(string(r), 0)
		rare := 0x16FE0 <= r && r <= 0x1B16F // marks and historic kana of the supplementary plane: letters like others
		if c != ideal && !rare {
			t.Errorf("%U %c is no word of its own", r, r)
		}
	}
	for _, r := range "aé1я한あア漢ไ" {
		_, c, _ := next(string(r), 0)
		if want := strings.ContainsRune("한あア漢", r); (c == ideal) != want {
			t.Errorf("%c is a word of its own: %v", r, c == ideal)
		}
	}
}

func TestFoldingTwiceIsFoldingOnce(t *testing.T) {
	for r := range rune(unicode.MaxRune) {
		if !utf8.ValidRune(r) {
			continue
		}
		once, c, _ := next(string(r), 0)
		if c == unseen {
			continue
		}
		if twice, also, _ := next(string(once), 0); twice != once || also != c {
			t.Errorf("%U folds to %U of class %d, and that to %U of class %d", r, once, c, twice, also)
		}
	}
}

func TestOverlapCountsCommonTerms(t *testing.T) {
	for _, tc := range []struct {
		a, b    []uint64
		common  int
		jaccard float64
	}{
		{nil, nil, 0, 0},
		{[]uint64{1}, nil, 0, 0},
		{[]uint64{1, 2, 3}, []uint64{2, 3, 4, 5}, 2, 0.4},
		{[]uint64{1, 2}, []uint64{1, 2}, 2, 1},
		{[]uint64{5}, []uint64{1, 2, 3, 4}, 0, 0},
	} {
		for range 2 {
			common, jaccard := Overlap(tc.a, tc.b)
			if common != tc.common || jaccard != tc.jaccard {
				t.Errorf("%v and %v: %d, %v; want %d, %v", tc.a, tc.b, common, jaccard, tc.common, tc.jaccard)
			}
			tc.a, tc.b = tc.b, tc.a
		}
	}
}

func TestUniqueMakesASortedSet(t *testing.T) {
	if got := Unique([]uint64{3, 1, 3, 2, 1}); !reflect.DeepEqual(got, []uint64{1, 2, 3}) {
		t.Errorf("got %v", got)
	}
}

func TestTextsAreReadWithoutAllocation(t *testing.T) {
	p, err := NewPhrases([]string{"多少钱", "链接", "how much"})
	if err != nil {
		t.Fatal(err)
	}
	s := shippedSentiment(t)
	dst := make([]uint64, 0, 1024)
	found := make([]int, 0, 8)
	text := "这个链接多少钱啊？ HOW MUCH isn’t it soooo good 👍🏽 " + strings.Repeat("long", 100)
	sink := 0
	for name, f := range map[string]func(){
		"Words":      func() { sink += Words(text) },
		"Tokens":     func() { sink += len(Tokens(dst, text)) },
		"NGrams":     func() { sink += len(NGrams(dst, text, 3)) },
		"Count":      func() { sink += p.Count(text) },
		"Match":      func() { sink += len(p.Match(found, text)) },
		"Score":      func() { sink += int(s.Score(text)) },
		"UserAgent":  func() { sink += len(UserAgent(text).OS) },
		"ParsePoint": func() { p, _ := ParsePoint("31.2, 121.5"); sink += int(p.Lat) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
	_ = sink
}

// FuzzTokens: what tokens and n-grams say of a text is consistent, whatever the bytes.
func FuzzTokens(f *testing.F) {
	for _, text := range []string{"Hello 世界 1,000", "isn’t\xff", "ｶﾒﾗ\u200b", "한국어", ""} {
		f.Add(text, 2)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		tokens := Tokens(nil, text)
		if len(tokens) != Words(text) {
			t.Fatalf("%q has %d tokens and %d words", text, len(tokens), Words(text))
		}
		valid := strings.ToValidUTF8(text, "�")
		if utf8.ValidString(text) && fmt.Sprint(Tokens(nil, valid)) != fmt.Sprint(tokens) {
			t.Fatalf("%q has other tokens than its copy", text)
		}
		if joined := Tokens(nil, text+" , "+valid); len(joined) != len(tokens)+Words(valid) {
			t.Fatalf("%q: a comma between does not divide", text)
		}
		grams := NGrams(nil, text, n)
		if (n < 1 || n > MaxGram) != (len(grams) == 0) && len(tokens) > 0 {
			t.Fatalf("%q has %d %d-grams", text, len(grams), n)
		}
		common, jaccard := Overlap(Unique(tokens), Unique(grams))
		if common > len(tokens) || !(0 <= jaccard && jaccard <= 1) {
			t.Fatalf("%q: overlap %d, %v", text, common, jaccard)
		}
	})
}
