package autofeature

// column is a category of each exposure, or several of a list. Categories are numbered from 1 by first appearance; 0: missing.
type column struct {
	ids   []int32
	start []int32 // of lists: exposure i has ids[start[i]:start[i+1]]; nil: one each
	n     int     // categories
}

// of returns the categories of an exposure; empty: missing.
func (c *column) of(i int) []int32 {
	if c.start != nil {
		return c.ids[c.start[i]:c.start[i+1]]
	}
	if c.ids[i] == 0 {
		return nil
	}
	return c.ids[i : i+1]
}

// counts returns how many exposures have each category, and their sum.
func (c *column) counts() (counts []int, sum int) {
	counts = make([]int, c.n)
	for _, id := range c.ids {
		if id > 0 {
			counts[id-1]++
			sum++
		}
	}
	return counts, sum
}

// dictionary numbers keys by first appearance.
type dictionary[K comparable] struct{ known map[K]int32 }

func (d *dictionary[K]) id(key K) int32 {
	if d.known == nil {
		d.known = make(map[K]int32)
	}
	id, ok := d.known[key]
	if !ok {
		id = int32(len(d.known)) + 1
		d.known[key] = id
	}
	return id
}

// build makes a column of n exposures; key is not ok where it is missing.
func build[K comparable](n int, key func(i int) (k K, ok bool)) *column {
	var d dictionary[K]
	c := &column{ids: make([]int32, n)}
	for i := range n {
		if k, ok := key(i); ok {
			c.ids[i] = d.id(k)
		}
	}
	c.n = len(d.known)
	return c
}

// join combines two columns; of lists it takes the first elements.
func join(n int, a, b *column) *column {
	return build(n, func(i int) (k [2]int32, ok bool) {
		x, y := a.of(i), b.of(i)
		if len(x) == 0 || len(y) == 0 {
			return k, false
		}
		return [2]int32{x[0], y[0]}, true
	})
}
