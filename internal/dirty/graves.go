package dirty

// grave is a key that was removed in an epoch.
type grave struct {
	from, to uint32 // bounds of the key in the arena
	sum      Sum    // under which it was last emitted
	state    graveState
}

type graveState uint8

const (
	graveCounted graveState = iota // the digest has it still
	graveSettled                   // its deletion was emitted, and lost with its cut: the digest no longer has it
	graveRisen                     // a new entry has taken the key over
)

// graves holds the keys that were removed in an epoch.
type graves struct {
	list  []grave
	arena []byte
	index map[string]uint32 // by key: its place in list
}

// dig adds a key. A key lies in graves at most once, since only an emitted entry is added.
func (g *graves) dig(key []byte, sum Sum, state graveState) {
	if g.index == nil {
		g.index = make(map[string]uint32)
	}
	start := len(g.arena)
	g.arena = append(g.arena, key...)
	g.index[string(key)] = uint32(len(g.list))
	g.list = append(g.list, grave{uint32(start), uint32(len(g.arena)), sum, state})
}

// rise takes key out of its grave, where it has one, and returns the sum that the digest has of it; zero: none.
func (g *graves) rise(key []byte) Sum {
	if len(g.list) == 0 {
		return Sum{}
	}
	i, ok := g.index[string(key)]
	if !ok {
		return Sum{}
	}
	was := g.list[i]
	g.list[i].state = graveRisen
	if was.state != graveCounted {
		return Sum{}
	}
	return was.sum
}

func (g *graves) key(i int) []byte {
	b := g.list[i]
	return g.arena[b.from:b.to:b.to]
}

// clear empties g and keeps its memory, unless one epoch has made it large.
func (g *graves) clear() {
	if cap(g.arena) > 4<<20 {
		*g = graves{}
		return
	}
	g.list, g.arena = g.list[:0], g.arena[:0]
	clear(g.index)
}
