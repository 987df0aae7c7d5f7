package features

import "recsvc/internal/dirty"

// groupTable holds the rows of tuples that name neither a user nor an item, and the global row.
type groupTable struct {
	byKey map[uint64]uint32
	keys  []uint64
	rows  [][]uint64
	bags  []*bags
	set   *dirty.Set
}

func (t *groupTable) init(*program) {
	*t = groupTable{byKey: map[uint64]uint32{}}
	t.set = dirty.NewSet(t)
}

// find returns the row of a key and its number; nil where there is none.
func (t *groupTable) find(key uint64) (row []uint64, number uint32) {
	if i, ok := t.byKey[key]; ok {
		return t.rows[i], i
	}
	return nil, 0
}

// make adds a row and returns it with its number; nil for the key 0, which stands for one with a part missing.
func (t *groupTable) make(key uint64, words int) (row []uint64, number uint32) {
	if key == 0 {
		return nil, 0
	}
	i := uint32(len(t.keys))
	t.set.Touch(i)
	t.byKey[key] = i
	t.keys = append(t.keys, key)
	t.rows, t.bags = append(t.rows, make([]uint64, words)), append(t.bags, new(bags))
	return t.rows[i], i
}
