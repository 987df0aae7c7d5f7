package lexical

import (
	"slices"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// maxWordBytes is how much of a word is looked at; what follows makes no difference.
const maxWordBytes = 256

// MaxGram is the greatest length of an n-gram, in runes.
const MaxGram = 16

// Words returns how many words text has. It allocates nothing.
func Words(text string) int {
	n := 0
	t := reader{text: text}
	within := false
	for {
		_, c, ok := t.next()
		if !ok {
			return n
		}
		if c == ideal || c.inWord() && !within {
			n++
		}
		within = c.inWord()
	}
}

// Tokens appends the hash of each word of text to dst, in order, repetitions included. The hash is xxh3 of the folded
// word, never 0; of a word longer than 256 bytes only the beginning counts. It allocates nothing but what dst needs.
func Tokens(dst []uint64, text string) []uint64 {
	var buf [maxWordBytes + utf8.UTFMax]byte
	word := buf[:0]
	t := reader{text: text}
	for {
		r, c, ok := t.next()
		if len(word) > 0 && !c.inWord() {
			dst = append(dst, hash(word))
			word = buf[:0]
		}
		switch {
		case !ok:
			return dst
		case c == ideal:
			dst = append(dst, hash(utf8.AppendRune(buf[:0], r)))
		case c.inWord() && len(word) < maxWordBytes:
			word = utf8.AppendRune(word, r)
		}
	}
}

// NGrams appends the hashes of the n-grams of text to dst: of n neighbouring runes within a word, or within a run of
// characters that are words of their own. A word or run shorter than n is a gram by itself. n is in [1, MaxGram]; outside
// of it there are none. It allocates nothing but what dst needs.
func NGrams(dst []uint64, text string, n int) []uint64 {
	if n < 1 || n > MaxGram {
		return dst
	}
	t := reader{text: text}
	g := gram{n: n}
	run := gap // ideal: in a run of ideals; letter: in a word
	for {
		r, c, ok := t.next()
		if c == digit {
			c = letter
		}
		if c != run {
			dst = g.end(dst)
			run = c
		}
		if !ok {
			return dst
		}
		if c != gap {
			dst = g.push(dst, r)
		}
	}
}

// gram holds the last runes of a run, n at the most.
type gram struct {
	n      int
	bytes  [MaxGram * utf8.UTFMax]byte
	used   int // of bytes
	widths [MaxGram]uint8
	runes  int
	whole  bool // a gram of this run has been written
}

// push takes the next rune of the run, and appends the gram that ends with it.
func (g *gram) push(dst []uint64, r rune) []uint64 {
	if g.runes == g.n {
		first := int(g.widths[0])
		copy(g.bytes[:], g.bytes[first:g.used])
		copy(g.widths[:], g.widths[1:g.runes])
		g.used -= first
		g.runes--
	}
	size := utf8.EncodeRune(g.bytes[g.used:], r)
	g.widths[g.runes] = uint8(size)
	g.used += size
	g.runes++
	if g.runes < g.n {
		return dst
	}
	g.whole = true
	return append(dst, hash(g.bytes[:g.used]))
}

// end closes the run, and appends it whole when it was shorter than a gram.
func (g *gram) end(dst []uint64) []uint64 {
	if g.runes > 0 && !g.whole {
		dst = append(dst, hash(g.bytes[:g.used]))
	}
	g.used, g.runes, g.whole = 0, 0, false
	return dst
}

// hash is the identity of a folded word. It is never 0.
func hash(b []byte) uint64 { return max(xxh3.Hash(b), 1) }

// Unique sorts tokens in place and returns them without repetitions: the form that Overlap takes.
func Unique(tokens []uint64) []uint64 {
	slices.Sort(tokens)
	return slices.Compact(tokens)
}

// Overlap compares two sets of tokens, each sorted and without repetitions (Unique): how many terms they have in common,
// and Jaccard's index |a ∩ b| / |a ∪ b|, in [0, 1]; 0 when both are empty. It allocates nothing.
func Overlap(a, b []uint64) (common int, jaccard float64) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			common++
			i++
			j++
		}
	}
	if union := len(a) + len(b) - common; union > 0 {
		jaccard = float64(common) / float64(union)
	}
	return common, jaccard
}
