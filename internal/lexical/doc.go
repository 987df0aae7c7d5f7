// Package lexical understands the texts, web headers and places that features are made of: words and n-grams, phrases
// to look for, the sentiment of a sentence, browsers and referrers, points on the globe and vectors written as text.
//
// Everything here is a pure function or an immutable compiled object that any number of goroutines may use. The same
// input gives the same output with every binary of the same Go version: nothing reads a clock, a locale or map order.
//
// Texts may be anything, invalid UTF-8 included: a bad byte reads as U+FFFD, which is punctuation. All functions over
// texts see them folded: lower case (Σ, σ and ς are one; so are ſ and s), full-width forms as ASCII, half-width katakana
// as katakana, typographic apostrophes as ', and without what cannot be seen (zero-width characters, variation selectors,
// skin tones), so that neither typography nor evasion makes a difference. Accents are kept, and composed and decomposed
// ones are not told to be the same; neither are traditional and simplified Chinese.
//
// Words follow the idea of Unicode's UAX #29 in small: a word is a run of letters, marks and digits, with apostrophes
// between letters and points or commas between digits ("isn't", "3.5"). A Han character, a kana and a hangul syllable is
// a word of its own. Scripts that are written without spaces otherwise (Thai, Lao, Khmer) give long words; use n-grams.
package lexical
