package lexical

import (
	"slices"
	"unicode/utf8"
)

// trie is a set of rune strings, each with the number of its place in the list that it was made of. The nodes are
// numbered breadth first, so that the children of node i are the nodes from first[i] to first[i+1]−1, sorted by their
// runes; node 0 is the root. A node takes 12 bytes.
type trie struct {
	runes []rune               // that leads to the node
	first []int32              // by node, and one more
	word  []int32              // the number of the string that ends here; −1: none does
	ascii [utf8.RuneSelf]int32 // the root's children by rune; 0: none
}

// newTrie makes a trie of words, none of them empty and no two of them equal.
func newTrie(words [][]rune) *trie {
	order := make([]int32, len(words))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return slices.Compare(words[a], words[b]) })

	type span struct{ low, high, depth int } // the words of order below a node
	t := &trie{runes: []rune{0}}
	nodes := []span{{0, len(order), 0}}
	for i := 0; i < len(nodes); i++ {
		s := nodes[i]
		word := int32(-1)
		if s.low < s.high && len(words[order[s.low]]) == s.depth {
			word = order[s.low]
			s.low++
		}
		t.word = append(t.word, word)
		t.first = append(t.first, int32(len(nodes)))
		for s.low < s.high {
			r, end := words[order[s.low]][s.depth], s.low+1
			for end < s.high && words[order[end]][s.depth] == r {
				end++
			}
			t.runes = append(t.runes, r)
			nodes = append(nodes, span{s.low, end, s.depth + 1})
			s.low = end
		}
	}
	t.first = append(t.first, int32(len(nodes)))
	for c := t.first[0]; c < t.first[1]; c++ {
		if t.runes[c] < utf8.RuneSelf {
			t.ascii[t.runes[c]] = c
		}
	}
	return t
}

// child returns the node that r leads to from node, or 0 when there is none.
func (t *trie) child(node int32, r rune) int32 {
	if node == 0 && uint32(r) < utf8.RuneSelf {
		return t.ascii[r]
	}
	low, high := t.first[node], t.first[node+1]
	for low < high {
		mid := (low + high) / 2
		if t.runes[mid] < r {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < t.first[node+1] && t.runes[low] == r {
		return low
	}
	return 0
}
