package lexical

import (
	"fmt"
	"slices"
)

// MaxPhrase is how long a phrase may be, in runes.
const MaxPhrase = 63

// Phrases is a set of phrases to look for, compiled to an automaton (Aho and Corasick 1975) that reads a text once,
// however many phrases there are. It is immutable and safe for concurrent use; nothing that it does with a text allocates.
//
// Texts and phrases are compared folded, each stretch of white space as one space. Where a phrase begins or ends with a
// letter or digit of a script with spaces, there a word must begin or end too: "link" is not found in "linked", but 链接
// is found anywhere.
type Phrases struct {
	automaton *automaton
	info      []phrase
}

type phrase struct {
	runes      int
	head, tail bool // it begins, ends with a rune that joins others to make a word
	words      bool // it has letters, digits or characters
	repeats    int  // the longest run of equal runes
}

// NewPhrases compiles phrases. They are known by their places in the list. An error names a phrase that is empty, too
// long or equal to another one when folded.
func NewPhrases(phrases []string) (*Phrases, error) {
	p := &Phrases{}
	folded := make([][]rune, len(phrases))
	seen := make(map[string]int, len(phrases))
	for i, text := range phrases {
		runes, info := foldPhrase(text)
		switch before, twice := seen[string(runes)]; {
		case len(runes) == 0:
			return nil, fmt.Errorf("phrase %d, %q, is empty", i+1, text)
		case len(runes) > MaxPhrase:
			return nil, fmt.Errorf("phrase %d, %q, has %d characters: at most %d", i+1, text, len(runes), MaxPhrase)
		case twice:
			return nil, fmt.Errorf("phrase %d, %q, is the same as phrase %d, %q", i+1, text, before+1, phrases[before])
		}
		seen[string(runes)] = i
		folded[i] = runes
		p.info = append(p.info, info)
	}
	p.automaton = newAutomaton(folded)
	return p, nil
}

// foldPhrase returns what the automaton sees of a phrase, less white space at its ends.
func foldPhrase(text string) ([]rune, phrase) {
	var runes []rune
	var classes []class
	for t := (spaced{reader: reader{text: text}}); ; {
		r, c, ok := t.next()
		if !ok {
			break
		}
		if r == ' ' && len(runes) == 0 {
			continue
		}
		runes, classes = append(runes, r), append(classes, c)
	}
	if n := len(runes); n > 0 && runes[n-1] == ' ' {
		runes, classes = runes[:n-1], classes[:n-1]
	}
	if len(runes) == 0 {
		return nil, phrase{}
	}
	info := phrase{runes: len(runes), head: classes[0].inWord(), tail: classes[len(classes)-1].inWord()}
	run := 0
	for i, r := range runes {
		if run++; i > 0 && r != runes[i-1] {
			run = 1
		}
		info.repeats = max(info.repeats, run)
		info.words = info.words || classes[i] != gap
	}
	return runes, info
}

// spaced is a reader to whom every stretch of white space is one space.
type spaced struct {
	reader
	space bool // the rune before was one
}

func (t *spaced) next() (rune, class, bool) {
	for {
		r, c, ok := t.reader.next()
		blank := ok && (r == ' ' || '\t' <= r && r <= '\r')
		if blank && t.space {
			continue
		}
		if t.space = blank; blank {
			r = ' '
		}
		return r, c, ok
	}
}

// search is one walk of the automaton over a text.
type search struct {
	p      *Phrases
	text   spaced
	node   int32  // where the automaton stands
	found  int32  // the next node to look at for a phrase that ends here
	words  uint64 // bit i: the rune i places back joins others to make a word
	ahead  rune   // the rune after this place, its class, and whether there is one
	class  class
	more   bool
	primed bool
}

// next returns the number of the next phrase that is found, or false at the end. Those that end at the same place come
// longest first.
func (s *search) next() (int, bool) {
	for {
		for s.found != 0 {
			i := s.p.automaton.word[s.found]
			s.found = s.p.automaton.dict[s.found]
			if i >= 0 && s.bounded(s.p.info[i]) {
				return int(i), true
			}
		}
		if !s.primed {
			s.ahead, s.class, s.more = s.text.next()
			s.primed = true
		}
		if !s.more {
			return 0, false
		}
		s.node = s.p.automaton.step(s.node, s.ahead)
		s.found = s.node
		s.words <<= 1
		if s.class.inWord() {
			s.words |= 1
		}
		s.ahead, s.class, s.more = s.text.next()
	}
}

// bounded reports whether a phrase that ends here cuts no word in two.
func (s *search) bounded(info phrase) bool {
	if info.head && s.words>>info.runes&1 != 0 {
		return false
	}
	return !info.tail || !s.more || !s.class.inWord()
}

// Len returns how many phrases there are.
func (p *Phrases) Len() int { return len(p.info) }

// Count returns how often phrases occur in text: every occurrence of every phrase, also those that overlap or lie within
// another one.
func (p *Phrases) Count(text string) int {
	n := 0
	s := search{p: p, text: spaced{reader: reader{text: text}}}
	for _, ok := s.next(); ok; _, ok = s.next() {
		n++
	}
	return n
}

// Contains reports whether any phrase occurs in text.
func (p *Phrases) Contains(text string) bool {
	s := search{p: p, text: spaced{reader: reader{text: text}}}
	_, ok := s.next()
	return ok
}

// Match appends to dst the number of each phrase that occurs in text, once, in the order in which they first end.
func (p *Phrases) Match(dst []int, text string) []int {
	start := len(dst)
	s := search{p: p, text: spaced{reader: reader{text: text}}}
	for i, ok := s.next(); ok; i, ok = s.next() {
		if !slices.Contains(dst[start:], i) {
			dst = append(dst, i)
		}
	}
	return dst
}
