package features

import (
	"recsvc/internal/event"
)

// place is where a cell stands: in which scope's row, and from which word on. With a time to live its first word is when
// it changed last.
type place struct {
	scope, offset int
	ttl           event.Time // 0: it stays
}

// open finds the cell in a row that is about to change at t. One that has outlived its time is emptied.
func (p place) open(row []uint64, words int, bagged []int, b *bags, t event.Time) slot {
	if p.ttl == 0 {
		return slot{row[p.offset : p.offset+words], b}
	}
	s := slot{row[p.offset+1 : p.offset+1+words], b}
	last := event.Time(row[p.offset])
	if last != 0 && t-last > p.ttl {
		for _, i := range bagged {
			s.drop(i)
		}
		clear(s.w)
	}
	row[p.offset] = uint64(max(last, t))
	return s
}

// cell is the piece of the present row at a place, to be read; its words are nil when there is none, or it has outlived its time.
func (q *Query) cell(p place) slot {
	row := q.rows[p.scope]
	if row == nil {
		return slot{}
	}
	w := row[p.offset:]
	if p.ttl > 0 {
		if last := event.Time(w[0]); last == 0 || q.now-last > p.ttl {
			return slot{}
		}
		w = w[1:]
	}
	return slot{w, q.bagsOf(p.scope)}
}

// bagsOf is where the variable parts of the present row of a scope are.
func (q *Query) bagsOf(scope int) *bags {
	switch q.store.program.scopes[scope].owner {
	case ownUser:
		return &q.user.bags
	case ownItem:
		return &q.item.bags
	}
	return q.store.groups.bags[q.groups[scope]]
}
