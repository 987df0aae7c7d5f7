package dirty

// graves holds the keys that were removed in an epoch, with the sums under which they were last emitted.
type graves struct {
	keys  [][2]uint32 // bounds in arena
	sums  []Sum       // zero: a new entry has taken the key over
	arena []byte
	index map[string]uint32 // by key: its place in keys
}

// dig adds a key. A key lies in graves at most once, since only an emitted entry is added.
func (g *graves) dig(key []byte, sum Sum) {
	if g.index == nil {
		g.index = make(map[string]uint32)
	}
	start := len(g.arena)
	g.arena = append(g.arena, key...)
	g.index[string(key)] = uint32(len(g.keys))
	g.keys = append(g.keys, [2]uint32{uint32(start), uint32(len(g.arena))})
	g.sums = append(g.sums, sum)
}

// rise takes key out of its grave and returns its sum, or zero if it has none.
func (g *graves) rise(key []byte) Sum {
	if len(g.keys) == 0 {
		return Sum{}
	}
	i, ok := g.index[string(key)]
	if !ok {
		return Sum{}
	}
	sum := g.sums[i]
	g.sums[i] = Sum{}
	return sum
}

func (g *graves) at(i int) ([]byte, Sum) {
	b := g.keys[i]
	return g.arena[b[0]:b[1]:b[1]], g.sums[i]
}

// clear empties g and keeps its memory, unless one epoch has made it large.
func (g *graves) clear() {
	if cap(g.arena) > 4<<20 {
		*g = graves{}
		return
	}
	g.keys, g.sums, g.arena = g.keys[:0], g.sums[:0], g.arena[:0]
	clear(g.index)
}
