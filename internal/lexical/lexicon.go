package lexical

import (
	"bufio"
	_ "embed" // the shipped lexicon
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What a lexicon may hold.
const (
	MaxScore      = 5   // of a word, either way
	MaxBoost      = 3   // of an intensifier; its inverse is the least
	MaxEntryRunes = 32  // in one word
	maxLine       = 256 // bytes
)

// role is what an entry of a lexicon does.
type role uint8

const (
	scored   role = iota // says how good or bad something is; 0 keeps shorter words from being found in it
	negation             // turns what follows round
	booster              // makes what follows stronger or weaker
	contrast             // but: what follows outweighs what came before
)

// entry is one word of a lexicon.
type entry struct {
	role   role
	weight float64 // scored: −5 to 5; booster: the factor
	plain  bool    // it has no letter and no digit: emoji and the like, which modifiers leave alone
}

// Lexicon holds words with what they say about the mood of a text. It is immutable.
type Lexicon struct {
	trie    *trie
	entries []entry
}

//go:embed lexicon.tsv
var shipped string

// DefaultLexicon returns the lexicon that ships with the server: Chinese, English, emoji and the idioms of live chat.
func DefaultLexicon() (*Lexicon, error) { return ParseLexicon(strings.NewReader(shipped)) }

// ParseLexicon reads a lexicon: one word (or words) a line, a tab, and what it does:
//
//	delicious	3	a score from −5 (worst) to 5 (best), 0 for words that only contain another one
//	not	not	turns the next scored word round
//	very	*1.3	multiplies the next scored word, by 1/3 to 3
//	but	but	what follows outweighs what came before
//
// Words are compared folded; a line that is empty or begins with # is passed over. Errors name the line and the reason.
func ParseLexicon(r io.Reader) (*Lexicon, error) {
	l := &Lexicon{}
	var words [][]rune
	lines := make(map[string]int)
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 0, maxLine), maxLine)
	n := 0
	for scan.Scan() {
		n++
		line := strings.TrimSpace(scan.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		word, e, err := parseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("lexicon line %d: %w", n, err)
		}
		if before := lines[string(word)]; before > 0 {
			return nil, fmt.Errorf("lexicon line %d: %q stands in line %d already", n, string(word), before)
		}
		lines[string(word)] = n
		words = append(words, word)
		l.entries = append(l.entries, e)
	}
	switch err := scan.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("lexicon line %d is longer than %d bytes", n+1, maxLine)
	case err != nil:
		return nil, fmt.Errorf("lexicon line %d: %w", n+1, err)
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("lexicon has no words: want lines of a word, a tab and a score")
	}
	l.trie = newTrie(words)
	return l, nil
}

// Len returns how many words there are.
func (l *Lexicon) Len() int { return len(l.entries) }

func parseEntry(line string) ([]rune, entry, error) {
	if !utf8.ValidString(line) {
		return nil, entry{}, fmt.Errorf("not UTF-8")
	}
	text, what, found := strings.Cut(line, "\t")
	if !found {
		return nil, entry{}, fmt.Errorf("%q has no tab: want a word, a tab and a score", line)
	}
	word, info := foldPhrase(text)
	if len(word) == 0 || len(word) > MaxEntryRunes {
		return nil, entry{}, fmt.Errorf("%q: a word has 1 to %d characters", text, MaxEntryRunes)
	}
	if info.repeats > maxRepeat {
		return nil, entry{}, fmt.Errorf("%q: texts are read with at most %d equal characters in a row; write no more", text, maxRepeat)
	}
	e, err := parseWeight(strings.TrimSpace(what))
	if err != nil {
		return nil, entry{}, fmt.Errorf("%q: %w", text, err)
	}
	e.plain = !info.words
	return word, e, nil
}

func parseWeight(what string) (entry, error) {
	switch what {
	case "not":
		return entry{role: negation}, nil
	case "but":
		return entry{role: contrast}, nil
	}
	number, factor := strings.CutPrefix(what, "*")
	x, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return entry{}, fmt.Errorf("%q is neither a score, *factor, not nor but", what)
	}
	if factor {
		if !(1.0/MaxBoost <= x && x <= MaxBoost) {
			return entry{}, fmt.Errorf("the factor %s is outside 1/%d to %d", what, MaxBoost, MaxBoost)
		}
		return entry{role: booster, weight: x}, nil
	}
	if !(math.Abs(x) <= MaxScore) {
		return entry{}, fmt.Errorf("the score %s is outside −%d to %d", what, MaxScore, MaxScore)
	}
	return entry{role: scored, weight: x}, nil
}
