package features

import "recsvc/internal/dirty"

// groupTable holds the rows of tuples that name neither a user nor an item, and the global row.
type groupTable struct {
	byKey map[uint64]uint32
	keys  []uint64
	rows  [][]uint64
	set   *dirty.Set
}

func (t *groupTable) init(*program) {
	*t = groupTable{byKey: map[uint64]uint32{}}
	t.set = dirty.NewSet(t)
}

func (t *groupTable) find(key uint64) []uint64 {
	if i, ok := t.byKey[key]; ok {
		return t.rows[i]
	}
	return nil
}

// make finds the row or makes one; it may be changed by the caller.
func (t *groupTable) make(key uint64, words int) []uint64 {
	if i, ok := t.byKey[key]; ok {
		t.set.Touch(i)
		return t.rows[i]
	}
	i := uint32(len(t.keys))
	t.set.Touch(i)
	t.byKey[key] = i
	t.keys = append(t.keys, key)
	t.rows = append(t.rows, make([]uint64, words))
	return t.rows[i]
}
