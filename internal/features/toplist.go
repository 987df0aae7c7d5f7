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
	return cmp.Or(compareDown(a.Score, b.Score), cmp.Compare(a.Ref, b.Ref))
}

func compareDown(a, b float64) int { return cmp.Compare(b, a) }

// raise enters an item or moves it to its new place.
func (l *topList) raise(ref ItemRef, score float64) {
	e := ScoredItem{ref, score}
	n := len(l.entries)
	if n == l.limit && byScore(e, l.entries[n-1]) > 0 {
		return // and it is not in the list: scores only rise
	}
	i := 0
	for i < n && l.entries[i].Ref != ref {
		i++
	}
	switch {
	case i < n: // found: close the gap below
	case n < l.limit:
		l.entries = append(l.entries, e)
	default:
		i = n - 1
	}
	for i > 0 && byScore(e, l.entries[i-1]) < 0 {
		l.entries[i] = l.entries[i-1]
		i--
	}
	for i+1 < len(l.entries) && byScore(e, l.entries[i+1]) > 0 {
		l.entries[i] = l.entries[i+1]
		i++
	}
	l.entries[i] = e
}

func (l *topList) has(ref ItemRef) bool {
	for i := range l.entries {
		if l.entries[i].Ref == ref {
			return true
		}
	}
	return false
}

func (l *topList) remove(ref ItemRef) {
	l.entries = slices.DeleteFunc(l.entries, func(e ScoredItem) bool { return e.Ref == ref })
}
