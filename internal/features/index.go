package features

// index finds places by 64-bit hashes, which must not be 0: open addressing, an entry and those that it may have given way to
// side by side, so that most look-ups touch one line of memory. It is cut into shards, each of which grows by itself: no call has more than a
// small part of the whole to move. The zero value is empty.
type index struct {
	shards [1 << shardBits]shard
	n      int
}

const shardBits = 8

type shard struct {
	entries []indexEntry // as many as a power of two; none at first
	n       int
}

type indexEntry struct {
	hash  uint64 // 0: free
	place uint32
}

// get returns the place of a hash.
func (x *index) get(hash uint64) (place uint32, ok bool) {
	s := x.shards[hash>>(64-shardBits)].entries
	if len(s) == 0 {
		return 0, false
	}
	for i := hash & uint64(len(s)-1); ; i = (i + 1) & uint64(len(s)-1) {
		if s[i].hash == hash {
			return s[i].place, true
		}
		if s[i].hash == 0 {
			return 0, false
		}
	}
}

// put enters a hash that is not there yet.
func (x *index) put(hash uint64, place uint32) {
	s := &x.shards[hash>>(64-shardBits)]
	if (s.n+1)*4 > len(s.entries)*3 {
		s.grow()
	}
	s.insert(indexEntry{hash, place})
	s.n++
	x.n++
}

func (s *shard) insert(e indexEntry) {
	mask := uint64(len(s.entries) - 1)
	i := e.hash & mask
	for s.entries[i].hash != 0 {
		i = (i + 1) & mask
	}
	s.entries[i] = e
}

func (s *shard) grow() {
	old := s.entries
	s.entries = make([]indexEntry, max(8, 2*len(old)))
	for _, e := range old {
		if e.hash != 0 {
			s.insert(e)
		}
	}
}

// remove takes a hash out, if it is there. Those behind it that had given way to it move up, so that no gap cuts them off.
func (x *index) remove(hash uint64) {
	s := &x.shards[hash>>(64-shardBits)]
	if len(s.entries) == 0 {
		return
	}
	mask := uint64(len(s.entries) - 1)
	i := hash & mask
	for s.entries[i].hash != hash {
		if s.entries[i].hash == 0 {
			return
		}
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; s.entries[j].hash != 0; j = (j + 1) & mask {
		if home := s.entries[j].hash & mask; (j-home)&mask >= (j-i)&mask {
			s.entries[i] = s.entries[j]
			i = j
		}
	}
	s.entries[i] = indexEntry{}
	s.n--
	x.n--
}

// len is the number of hashes.
func (x *index) len() int { return x.n }
