package lexical

import (
	"unicode"
	"unicode/utf8"
)

// class says what a folded rune is to a text.
type class uint8

const (
	gap     class = iota // white space, punctuation, symbols: between words
	letter               // part of a word: letters and marks of scripts with spaces
	digit                // part of a word
	ideal                // a word of its own: Han, kana, hangul syllables
	unseen               // as if it were not there
	special              // ' . and , which are part of a word between certain neighbours
)

// inWord reports whether runes of the class join with others to make a word.
func (c class) inWord() bool { return c == letter || c == digit }

// asciiFold and asciiClass are the folded form and the class of every ASCII character.
var asciiFold, asciiClass = func() (fold [utf8.RuneSelf]byte, classes [utf8.RuneSelf]class) {
	for c := range fold {
		fold[c] = byte(c)
		switch {
		case 'a' <= c && c <= 'z':
			classes[c] = letter
		case 'A' <= c && c <= 'Z':
			fold[c], classes[c] = byte(c)+'a'-'A', letter
		case '0' <= c && c <= '9':
			classes[c] = digit
		case c == '\'' || c == '.' || c == ',':
			classes[c] = special
		}
	}
	return fold, classes
}()

// next decodes the rune at text[i:], folded, with its class and the bytes that it takes: at least 1.
func next(text string, i int) (r rune, c class, size int) {
	if b := text[i]; b < utf8.RuneSelf {
		return rune(asciiFold[b]), asciiClass[b], 1
	}
	r, size = utf8.DecodeRuneInString(text[i:])
	if isIdeal(r) {
		return r, ideal, size
	}
	r = fold(r)
	if r < utf8.RuneSelf {
		return rune(asciiFold[r]), asciiClass[r], size
	}
	return r, classOf(r), size
}

// fold returns the form under which a rune that is not ASCII is known here.
func fold(r rune) rune {
	switch {
	case 0xFF01 <= r && r <= 0xFF5E: // full-width ASCII
		return r - 0xFF01 + '!'
	case 0xFF65 <= r && r <= 0xFF9F:
		return halfKana[r-0xFF65]
	case r == '’' || r == '‘' || r == 'ʼ':
		return '\''
	case unicode.IsSpace(r):
		return ' '
	}
	return unicode.ToLower(unicode.ToUpper(r)) // by way of upper case, which final sigma and long s share with the others
}

// halfKana holds the full forms of the half-width katakana, U+FF65 to U+FF9F.
var halfKana = []rune("・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン゛゜")

// classOf returns the class of a folded rune that is neither ASCII nor ideal by itself.
func classOf(r rune) class {
	switch {
	case isIdeal(r):
		return ideal
	case isUnseen(r):
		return unseen
	case unicode.IsLetter(r) || unicode.IsMark(r):
		return letter
	case unicode.IsNumber(r):
		return digit
	}
	return gap
}

// isUnseen reports characters that only change how their neighbours look.
func isUnseen(r rune) bool {
	switch {
	case 0xFE00 <= r && r <= 0xFE0F, 0x1F3FB <= r && r <= 0x1F3FF, 0xE0100 <= r && r <= 0xE01EF: // variations, skin tones
		return true
	case 0x3099 <= r && r <= 0x309C: // voicing marks that stand apart from their kana
		return true
	}
	return unicode.Is(unicode.Cf, r)
}

// isIdeal reports characters that are a word of their own.
func isIdeal(r rune) bool {
	switch {
	case r < 0x3005:
		return false
	case 0x4E00 <= r && r <= 0x9FFF, 0x3400 <= r && r <= 0x4DBF, 0xF900 <= r && r <= 0xFAFF: // Han
		return true
	case 0x3041 <= r && r <= 0x3096, 0x309D <= r && r <= 0x309F: // hiragana
		return true
	case 0x30A1 <= r && r <= 0x30FA, 0x30FC <= r && r <= 0x30FF, 0x31F0 <= r && r <= 0x31FF: // katakana
		return true
	case 0xAC00 <= r && r <= 0xD7A3: // hangul syllables
		return true
	case r == '々' || r == '〆' || r == '〇' || r == '〻':
		return true
	}
	return 0x20000 <= r && r <= 0x3FFFF // Han of the further planes
}

// reader walks over the folded runes of a text that can be seen. It is a value: a copy remembers a place.
type reader struct {
	text string
	pos  int
	last class // of the rune before, gap at the start
}

// next returns the next rune with its class: gap, letter, digit or ideal. At the end it returns false.
func (t *reader) next() (rune, class, bool) {
	for t.pos < len(t.text) {
		r, c, size := next(t.text, t.pos)
		t.pos += size
		if c == unseen {
			continue
		}
		if c == special {
			c = t.judge(r)
		}
		t.last = c
		return r, c, true
	}
	return 0, gap, false
}

// judge tells whether ' . or , is part of a word by what stands before it and behind: letters around an apostrophe,
// digits around a point or comma.
func (t *reader) judge(r rune) class {
	want := digit
	if r == '\'' {
		want = letter
	}
	if t.last != want || t.pos >= len(t.text) {
		return gap
	}
	if _, c, _ := next(t.text, t.pos); c != want {
		return gap
	}
	return want
}
