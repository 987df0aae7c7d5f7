package features

import (
	"math"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// groupTable holds the rows of tuples that name neither a user nor an item, and the global row. The last word of a row is the instant from
// which on nothing in it counts any more, 0 for never: see [Store.Advance].
type groupTable struct {
	byKey  map[uint64]uint32
	keys   []uint64
	rows   [][]uint64
	bags   []*bags
	free   []uint32 // numbers of rows that were removed
	expiry expiry
	set    *dirty.Set
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

// make adds a row of a scope and returns it with its number; nil for the key 0, which stands for one with a part missing.
func (t *groupTable) make(key uint64, sc *scope, now event.Time) (row []uint64, number uint32) {
	if key == 0 {
		return nil, 0
	}
	i := t.number()
	t.set.Touch(i)
	t.enter(i, key, make([]uint64, sc.words+1), new(bags))
	t.prolong(t.rows[i], sc, now)
	t.watch(i)
	return t.rows[i], i
}

// number finds one for a new row.
func (t *groupTable) number() (i uint32) {
	if last := len(t.free) - 1; last >= 0 {
		i, t.free = t.free[last], t.free[:last]
		return i
	}
	t.keys, t.rows, t.bags = append(t.keys, 0), append(t.rows, nil), append(t.bags, nil)
	return uint32(len(t.keys) - 1)
}

func (t *groupTable) enter(i uint32, key uint64, row []uint64, b *bags) {
	t.byKey[key] = i
	t.keys[i], t.rows[i], t.bags[i] = key, row, b
}

// prolong notes that something in the row counts from now on, for as long as its scope's state does.
func (t *groupTable) prolong(row []uint64, sc *scope, now event.Time) {
	if last := len(row) - 1; sc.life > 0 {
		until := now + sc.life
		if until < now { // beyond what an instant can say
			until = math.MaxInt64
		}
		row[last] = max(row[last], uint64(until))
	}
}

// gone in the last word of a row says that it was removed: whoever remembers it looks for it anew.
const gone = 1<<64 - 1

// alive reports whether a row that was found before is still its key's.
func alive(row []uint64) bool { return row != nil && row[len(row)-1] != gone }

// remove frees a row.
func (t *groupTable) remove(i uint32) {
	t.set.Remove(i)
	delete(t.byKey, t.keys[i])
	row := t.rows[i]
	row[len(row)-1] = gone
	t.keys[i], t.rows[i], t.bags[i] = 0, nil, nil
	t.free = append(t.free, i)
}
