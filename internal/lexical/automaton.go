package lexical

// automaton finds all the strings of a trie in one walk over a text (Aho and Corasick 1975). It is immutable.
type automaton struct {
	trie
	fail []int32 // by node: that of the longest proper suffix that is in the trie
	dict []int32 // by node: the nearest node along fail at which a string ends; 0: none
}

// newAutomaton makes one of words, none of them empty and no two of them equal.
func newAutomaton(words [][]rune) *automaton {
	a := &automaton{trie: *newTrie(words)}
	n := len(a.word)
	a.fail, a.dict = make([]int32, n), make([]int32, n)
	for parent := range int32(n) { // breadth first, so that every suffix is linked before it is needed
		for node := a.first[parent]; node < a.first[parent+1]; node++ {
			if parent != 0 {
				a.fail[node] = a.step(a.fail[parent], a.runes[node])
			}
			fail := a.fail[node]
			if a.dict[node] = fail; a.word[fail] < 0 {
				a.dict[node] = a.dict[fail]
			}
		}
	}
	return a
}

// step returns the node of the longest suffix of what was read, r included.
func (a *automaton) step(node int32, r rune) int32 {
	for {
		if to := a.child(node, r); to != 0 {
			return to
		}
		if node == 0 {
			return 0
		}
		node = a.fail[node]
	}
}
