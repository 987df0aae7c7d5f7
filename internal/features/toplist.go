package features

import (
	"cmp"
	"slices"
)

// topList keeps the best of a set, best first, ties by reference. An entry's score may only rise; one whose score
// falls is removed first.
type topList struct {
	limit   int
	entries []ScoredItem
}

func newTopList(limit int) *topList { return &topList{limit: limit} }

func byScore(a, b ScoredItem) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	}
	return cmp.Compare(a.Ref, b.Ref)
}

func compareDown(a, b float64) int { return cmp.Compare(b, a) }

// raise enters an item with its new score. old is the score that it had before; an item that is new has none, which
// NaN says.
func (l *topList) raise(ref ItemRef, old, score float64) {
	e := ScoredItem{ref, score}
	n := len(l.entries)
	if n == l.limit && byScore(e, l.entries[n-1]) > 0 {
		return // and it is not in the list: scores only rise
	}
	i, found := slices.BinarySearchFunc(l.entries, ScoredItem{ref, old}, byScore)
	switch {
	case found && old == old: // close the gap that it leaves
	case n < l.limit:
		l.entries = append(l.entries, e)
		i = n
	default:
		i = n - 1
	}
	for i > 0 && byScore(e, l.entries[i-1]) < 0 {
		l.entries[i] = l.entries[i-1]
		i--
	}
	l.entries[i] = e
}

func (l *topList) remove(ref ItemRef) {
	l.entries = slices.DeleteFunc(l.entries, func(e ScoredItem) bool { return e.Ref == ref })
}

// insertBest keeps dst[start:] the best n of all that were inserted, in order.
func insertBest(dst []ScoredItem, start, n int, e ScoredItem) []ScoredItem {
	i := len(dst)
	switch {
	case i-start < n:
		dst = append(dst, e)
	case n <= 0 || byScore(e, dst[i-1]) >= 0:
		return dst
	default:
		i--
	}
	for ; i > start && byScore(e, dst[i-1]) < 0; i-- {
		dst[i] = dst[i-1]
	}
	dst[i] = e
	return dst
}
