package lexical

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func phrasesOf(t testing.TB, list ...string) *Phrases {
	t.Helper()
	p, err := NewPhrases(list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPhrasesAreFoundWhereAReaderWouldFindThem(t *testing.T) {
	p := phrasesOf(t, "多少钱", "链接", "How  much", "link", "加V", "多少", "can't", "👍", "c++")
	for _, tc := range []struct {
		text  string
		count int
		match []int
	}{
		{"", 0, nil},
		{"这个多少钱", 2, []int{5, 0}},
		{"多\u200b少钱钱", 2, []int{5, 0}},
		{"链接链接！发链接", 3, []int{1}},
		{"HOW MUCH is it? how\n much", 2, []int{2}},
		{"show much", 0, nil},
		{"how muchness", 0, nil},
		{"how-much", 0, nil},
		{"a link, the link.", 2, []int{3}},
		{"linked blink", 0, nil},
		{"发link吧", 1, []int{3}},
		{"请加v吧 加vx", 1, []int{4}},
		{"I can’t", 1, []int{6}},
		{"ｌｉｎｋ", 1, []int{3}},
		{"ok👍🏽👍", 2, []int{7}},
		{"c++ and c+++", 2, []int{8}},
		{"abc++", 0, nil},
		{"lin\xffk link", 1, []int{3}},
	} {
		if got := p.Count(tc.text); got != tc.count {
			t.Errorf("%q: %d phrases, want %d", tc.text, got, tc.count)
		}
		if got := p.Match(nil, tc.text); !slices.Equal(got, tc.match) {
			t.Errorf("%q: phrases %v, want %v", tc.text, got, tc.match)
		}
		if got := p.Contains(tc.text); got != (tc.count > 0) {
			t.Errorf("%q: contains %v", tc.text, got)
		}
	}
}

func TestNoPhrasesAreNeverFound(t *testing.T) {
	if p := phrasesOf(t); p.Count("anything") != 0 || p.Contains("") || p.Len() != 0 {
		t.Error("something was found")
	}
}

func TestBadPhrasesAreRefused(t *testing.T) {
	for want, list := range map[string][]string{
		`phrase 2, " ", is empty`:                                                    {"a", " "},
		`phrase 2, "LINK", is the same as phrase 1, "link"`:                          {"link", "LINK"},
		`phrase 2, "a  b ", is the same as phrase 1, "a b"`:                          {"a b", "a  b "},
		`phrase 1, "` + strings.Repeat("x", 64) + `", has 64 characters: at most 63`: {strings.Repeat("x", 64)},
	} {
		if _, err := NewPhrases(list); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", list, err, want)
		}
	}
}

// naiveCount looks for each phrase at each place.
func naiveCount(phrases []string, text string) int {
	type seen struct {
		r    rune
		word bool
	}
	read := func(s string) (out []seen) {
		for t := (spaced{reader: reader{text: s}}); ; {
			r, c, ok := t.next()
			if !ok {
				return out
			}
			out = append(out, seen{r, c.inWord()})
		}
	}
	n := 0
	in := read(text)
	for _, phrase := range phrases {
		want := read(strings.TrimSpace(phrase))
		for at := 0; at+len(want) <= len(in); at++ {
			end := at + len(want)
			same := slices.EqualFunc(want, in[at:end], func(a, b seen) bool { return a.r == b.r })
			cut := want[0].word && at > 0 && in[at-1].word || want[len(want)-1].word && end < len(in) && in[end].word
			if same && !cut {
				n++
			}
		}
	}
	return n
}

func TestAutomatonAgreesWithANaiveSearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("aab 多少,'!")
	random := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteRune(alphabet[rng.IntN(len(alphabet))])
		}
		return b.String()
	}
	hits := 0
	for range 2000 {
		var list []string
		for range 1 + rng.IntN(6) {
			phrase := random(1 + rng.IntN(4))
			if _, err := NewPhrases(append(slices.Clone(list), phrase)); err == nil {
				list = append(list, phrase)
			}
		}
		text := random(rng.IntN(40))
		want := naiveCount(list, text)
		if got := phrasesOf(t, list...).Count(text); got != want {
			t.Fatalf("%q in %q: %d, want %d", list, text, got, want)
		}
		hits += want
	}
	if hits < 2000 {
		t.Errorf("only %d phrases were found at all", hits)
	}
}

func FuzzPhrases(f *testing.F) {
	f.Add("多少", "how much", "how much 多少钱")
	f.Add("a\xff", "'", "a\xff'")
	f.Fuzz(func(t *testing.T, one, two, text string) {
		p, err := NewPhrases([]string{one, two})
		if err != nil {
			return
		}
		n := p.Count(text)
		found := p.Match(nil, text)
		if p.Contains(text) != (n > 0) || len(found) > min(n, 2) || (n > 0) != (len(found) > 0) {
			t.Fatalf("%q, %q in %q: %d, %v", one, two, text, n, found)
		}
	})
}
