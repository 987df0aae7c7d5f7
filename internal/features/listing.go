package features

import "slices"

// listing is what a query knows of the list that its items stand in.
type listing struct {
	refs   []ItemRef   // empty: no list
	place  int32       // from 1; 0: unknown; serving: not decided yet
	hint   int         // where in refs the item at hand was, or the one before it
	tables []listTable // by the program's number of a table
}

const serving int32 = -1

// forget begins with no list at all.
func (l *listing) forget() { l.refs, l.place, l.hint = l.refs[:0], serving, 0 }

// List says which items stand in the list, or are candidates for it, in any order. It belongs after Begin and before Shared and Item; without
// it there is no list, and what is asked about one is missing. It keeps nothing of refs.
func (q *Query) List(refs []ItemRef) {
	if !q.store.program.listed {
		return
	}
	q.refs = append(q.refs[:0], refs...)
	q.fresh = false
	for i := range q.tables {
		q.tables[i].list = 0
	}
}

// Place says at which position, from 1, the items stand that are evaluated next; 0: nobody knows. Without it they are about to be
// placed: a feature of the position is then the constant that its definition names.
func (q *Query) Place(position int32) { q.place = max(position, 0) }

// ReadsList reports whether what the model is given depends on the list that an item stands in. It is then not the same when a list is
// made, of candidates without positions, as when what was served is captured.
func (s *Store) ReadsList() bool {
	return slices.ContainsFunc(s.program.feats, func(f feature) bool { return f.listed && f.emitted })
}

// standing is where the item at hand is in the list; -1: nowhere.
func (q *Query) standing() int {
	ref := q.item.Ref
	for i := range q.refs { // items come in the order of the list
		if at := (q.hint + i) % len(q.refs); q.refs[at] == ref {
			q.hint = at
			return at
		}
	}
	return -1
}

// listTable is one field of all items of the list, made when it is first asked for.
type listTable struct {
	list    uint64 // number of the list; 0: of none
	numbers []float64
	sum     float64
	n       int
	having  []having // sorted
	marks   []uint32 // by place: the last time that it was marked
	mark    uint32
}

// having says that the item at a place of the list has a category.
type having struct {
	category uint64
	place    int32
}

// table is a field of all items of the list.
func (q *Query) table(number, field int) *listTable {
	for len(q.tables) < q.store.program.tables {
		q.tables = append(q.tables, listTable{})
	}
	t := &q.tables[number]
	if t.list != q.list {
		t.list = q.list
		t.fill(q, field)
	}
	return t
}

func (t *listTable) fill(q *Query, field int) {
	t.numbers, t.having, t.sum, t.n = t.numbers[:0], t.having[:0], 0, 0
	slot := q.store.program.slotOf[field]
	for place, ref := range q.refs {
		v := &missing
		if ref < q.store.items.n {
			v = &q.store.items.at(ref).values[slot]
		}
		t.numbers = append(t.numbers, v.num)
		if v.num == v.num {
			t.sum += v.num
			t.n++
		}
		if len(v.list) == 0 && v.id != 0 {
			t.having = append(t.having, having{v.id, int32(place)})
		}
		for _, id := range v.list {
			t.having = append(t.having, having{id, int32(place)})
		}
	}
	slices.SortFunc(t.having, having.compare)
	for len(t.marks) < len(q.refs) {
		t.marks = append(t.marks, 0)
	}
}

func (h having) compare(o having) int {
	switch {
	case h.category < o.category:
		return -1
	case h.category > o.category:
		return 1
	}
	return int(h.place - o.place)
}

// sharing counts the items of the list, but for the one at a place, that have one of the categories at least.
func (t *listTable) sharing(own category, except int) (n int) {
	if t.mark++; t.mark == 0 {
		clear(t.marks)
		t.mark = 1
	}
	count := func(id uint64) {
		i, _ := slices.BinarySearchFunc(t.having, having{id, -1}, having.compare)
		for ; i < len(t.having) && t.having[i].category == id; i++ {
			if place := t.having[i].place; int(place) != except && t.marks[place] != t.mark {
				t.marks[place] = t.mark
				n++
			}
		}
	}
	if len(own.list) == 0 {
		count(own.id)
	}
	for _, id := range own.list {
		count(id)
	}
	return n
}
