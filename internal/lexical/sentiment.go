package lexical

import "math"

// How a text is read. The negation factor, the weights around "but", the worth of an exclamation mark and the final
// normalisation are those of Hutto & Gilbert 2014, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of
// Social Media Text"; the words are not.
const (
	negated      = -0.74 // a negation multiplies the next scored word by it; a second one turns it round again
	beforeBut    = 0.5
	afterBut     = 1.5
	exclaimed    = 0.292 // for each exclamation mark, away from zero
	maxExclaimed = 4
	alpha        = 15 // s / √(s² + alpha)

	maxRepeat = 3 // equal characters in a row; more are read as three

	// A modifier reaches over three words or six characters that the lexicon does not hold.
	reach, wordCost, idealCost = 6, 2, 1
)

// Sentiment tells how good a text is about something. It is immutable and safe for concurrent use.
type Sentiment struct{ lexicon *Lexicon }

// NewSentiment returns one over the given lexicon.
func NewSentiment(lexicon *Lexicon) *Sentiment { return &Sentiment{lexicon} }

// Score returns the sentiment of text in [−1, 1]: below 0 bad, above good, 0 neutral or unknown. It allocates nothing.
//
// The text is cut into the longest words that the lexicon holds, from the left; of scripts with spaces only whole words
// count, and a word with drawn-out letters ("sooo", "coooool") is tried with fewer of them. Each scored word is
// multiplied by the intensifiers and by −0.74 for each negation before it, as far as they reach: over three unknown words
// or six unknown characters, within the clause, and up to the first scored word. Emoji count as they are. A "but" halves
// what came before it, and what follows counts one and a half times. With s the sum, moved away from zero by 0.292 for
// each of up to four exclamation marks, the score is s/√(s²+15).
func (s *Sentiment) Score(text string) float64 {
	p := passage{lexicon: s.lexicon, text: measured{spaced: spaced{reader: reader{text: text}}, limit: maxRepeat}, weight: 1, factor: 1}
	for p.step() {
	}
	return normalize(p.sum, p.exclamations)
}

// normalize maps a sum of scores to [−1, 1].
func normalize(sum float64, exclamations int) float64 {
	if sum != 0 {
		sum += math.Copysign(float64(exclaimed*float64(min(exclamations, maxExclaimed))), sum)
	}
	return sum / math.Sqrt(float64(sum*sum)+alpha)
}

// measured is a spaced reader that passes over what exceeds limit equal runes in a row.
type measured struct {
	spaced
	limit int
	prev  rune
	run   int // how many of prev stood in a row
}

func (t *measured) next() (rune, class, bool) {
	for {
		r, c, ok := t.spaced.next()
		if !ok {
			return r, c, false
		}
		if r != t.prev {
			t.prev, t.run = r, 0
		}
		if t.run++; t.run <= t.limit {
			return r, c, true
		}
	}
}

// passage is one reading of a text.
type passage struct {
	lexicon *Lexicon
	text    measured

	sum          float64
	weight       float64 // 1, or afterBut
	exclamations int

	factor float64 // of the modifiers that are in force
	left   int     // how far they still reach
}

// step reads the next word, known or unknown; false at the end.
func (p *passage) step() bool {
	start := p.text
	r, c, ok := p.text.next()
	if !ok {
		return false
	}
	if e, end, found := p.longest(start); found {
		p.text = end
		p.apply(e)
		return true
	}
	switch {
	case c.inWord():
		long := p.skipWord()
		if e, found := p.shortened(start, long); found {
			p.apply(e)
			return true
		}
		p.pass(wordCost)
	case c == ideal:
		p.pass(idealCost)
	default:
		p.punctuation(r)
	}
	return true
}

// longest returns the longest word of the lexicon that begins at from, and the place after it.
func (p *passage) longest(from measured) (e entry, end measured, found bool) {
	node := int32(0)
	for at := from; ; {
		r, c, ok := at.next()
		if !ok {
			return e, end, found
		}
		if node = p.lexicon.trie.child(node, r); node == 0 {
			return e, end, found
		}
		if i := p.lexicon.trie.word[node]; i >= 0 && !(c.inWord() && at.within()) {
			e, end, found = p.lexicon.entries[i], at, true
		}
	}
}

// within reports whether the word that was read from goes on.
func (t measured) within() bool {
	_, c, ok := t.next()
	return ok && c.inWord()
}

// skipWord passes over the rest of an unknown word, and reports whether a letter in it is drawn out.
func (p *passage) skipWord() (drawn bool) {
	for {
		before := p.text
		_, c, ok := p.text.next()
		if !ok || !c.inWord() {
			p.text = before
			return drawn
		}
		drawn = drawn || p.text.run >= maxRepeat
	}
}

// shortened looks for an unknown word once more, with its drawn-out letters cut to two and then to one.
func (p *passage) shortened(start measured, drawn bool) (entry, bool) {
	if !drawn {
		return entry{}, false
	}
	for start.limit = maxRepeat - 1; start.limit > 0; start.limit-- {
		if e, _, found := p.longest(start); found {
			return e, true
		}
	}
	return entry{}, false
}

// apply lets a word of the lexicon have its effect.
func (p *passage) apply(e entry) {
	switch e.role {
	case negation:
		p.modify(negated)
	case booster:
		p.modify(e.weight)
	case contrast:
		p.sum *= beforeBut
		p.weight = afterBut
		p.clause()
	case scored:
		switch {
		case e.plain:
			p.sum += float64(p.weight * e.weight)
			p.clause()
		case e.weight == 0:
			p.pass(wordCost)
		default:
			p.sum += float64(p.weight * float64(p.factor*e.weight))
			p.clause()
		}
	}
}

// modify adds a modifier to those in force.
func (p *passage) modify(factor float64) {
	p.factor *= factor
	p.factor = max(-MaxBoost, min(MaxBoost, p.factor))
	p.left = reach
}

// pass lets the modifiers lose reach to something unknown.
func (p *passage) pass(cost int) {
	if p.left -= cost; p.left < 0 {
		p.clause()
	}
}

// clause ends what modifiers reach.
func (p *passage) clause() { p.factor, p.left = 1, 0 }

func (p *passage) punctuation(r rune) {
	switch r {
	case '!':
		p.exclamations++
		p.clause()
	case ',', '.', ';', ':', '?', '。', '、', '…', '(', ')', '~', '—':
		p.clause()
	}
}
