package features

// kept is what one feature works out once a list, to compare every candidate with.
type kept struct {
	list   uint64   // the list that it was worked out for; 0: none yet
	ids    []uint64 // categories of all entries
	ends   []int    // where each entry's end in ids
	vector []float32
	norm   float64 // of the vector
}

// keep reserves one for a feature.
func (c *compiler) keep() int {
	c.p.keeps++
	return c.p.keeps - 1
}

// keptFor returns what a feature keeps, made by fill when it is that of another list, or when the feature's state itself depends on the candidate.
func (q *Query) keptFor(i int, f *feature, fill func(*Query, *feature, *kept)) *kept {
	k := &q.keeps[i]
	if k.list != q.list || q.store.program.scopes[f.at.scope].byItem {
		k.list, k.ids, k.ends, k.vector = q.list, k.ids[:0], k.ends[:0], k.vector[:0]
		fill(q, f, k)
	}
	return k
}
