package features

import "slices"

// Column finds a feature by its name: its place in [Store.Columns].
func (s *Store) Column(name string) (i int, ok bool) {
	i = slices.IndexFunc(s.program.feats, func(f feature) bool { return f.name == name })
	return i, i >= 0
}

// Cells is how many cells an event of a type changes, when it meets the conditions of all and none of their keys is missing.
func (s *Store) Cells(eventType string) (n int) {
	for _, u := range s.program.updatesOf(eventType).scopes {
		n += len(u.ops)
	}
	return n
}

// Number is the value of a feature whose shape is ShapeNumber, by its place in [Store.Columns]: before shift and scale, NaN where it
// is missing. Of features that depend on an item it is that of the item evaluated last. Like Shared it computes what is not
// computed yet, and so needs the lock.
func (q *Query) Number(column int) float64 {
	if !q.fresh {
		q.prepare()
	}
	return q.nums[column]
}
