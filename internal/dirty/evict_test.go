package dirty

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// cellar is a shelf over a store: clean entries leave the shelf and are read back, and checkpoints fail.
type cellar struct {
	*shelf
	t      *testing.T
	store  map[string]string // committed
	puts   map[string]string // of the cut in progress
	gone   map[string]bool   // deletions of the cut in progress
	whole  map[string]uint64 // what the table holds, wherever it lies: the naive twin
	atCut  map[string]uint64
	during bool // a cut is not stored yet
}

func (c *cellar) sink(key, value []byte, _ Sum) {
	k := string(key)
	if _, twice := c.puts[k]; twice || c.gone[k] {
		c.t.Fatalf("key %q emitted twice in one cut", k)
	}
	if value == nil {
		c.gone[k] = true
		return
	}
	c.puts[k] = string(value)
}

// warm reads a cold entry back.
func (c *cellar) warm(key string) {
	if _, hot := c.byKey[key]; hot {
		return
	}
	value, ok := c.store[key]
	if _, live := c.whole[key]; !live || !ok {
		return
	}
	c.put(key, 0) // takes an id
	id := c.byKey[key]
	c.set.marks[id] = 0 // put has touched it: a real table reads before it touches
	if n := len(c.set.list); n > 0 && c.set.list[n-1] == id {
		c.set.list = c.set.list[:n-1]
	}
	c.vals[id] = c.whole[key]
	c.set.Revive(id, SumOf([]byte(key), []byte(value)))
}

func (c *cellar) evict(key string) {
	id, hot := c.byKey[key]
	if !hot || !c.set.Clean(id) {
		return
	}
	if got, want := c.store[key], string(c.AppendValue(nil, id)); got != want {
		c.t.Fatalf("%q is called clean with %q, and stored as %q", key, want, got)
	}
	c.set.Evict(id)
	delete(c.byKey, key)
	c.keys[id] = ""
	c.free = append(c.free, id)
}

func (c *cellar) cut() {
	if c.during {
		return
	}
	c.puts, c.gone, c.atCut, c.during = map[string]string{}, map[string]bool{}, maps.Clone(c.whole), true
	c.set.Cut(c.sink)
}

// end commits the cut in progress or, as the case may be, loses it.
func (c *cellar) end(lost bool) {
	if !c.during {
		return
	}
	c.during = false
	if lost {
		c.set.Abandon()
		return
	}
	for !c.set.Flush(2) {
	}
	c.set.Stored()
	maps.Copy(c.store, c.puts)
	for k := range c.gone {
		delete(c.store, k)
	}
	var digest Sum
	for k, v := range c.store {
		digest.Add(SumOf([]byte(k), []byte(v)))
	}
	if c.set.Digest() != digest || c.set.Count() != int64(len(c.store)) || len(c.store) != len(c.atCut) {
		c.t.Fatalf("%d entries with digest %v stored, the set says %d with %v, the twin %d",
			len(c.store), digest, c.set.Count(), c.set.Digest(), len(c.atCut))
	}
	twin := newShelf()
	for k, v := range c.atCut {
		twin.put(k, v)
	}
	if want := twin.content(); !maps.Equal(c.store, want) {
		c.t.Fatalf("stored %v, want %v", c.store, want)
	}
}

func TestEvictedEntriesAndLostCheckpointsLeaveTheStoreAsTheTableIs(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 2))
		c := &cellar{shelf: newShelf(), t: t, store: map[string]string{}, whole: map[string]uint64{}}
		for i := range uint64(800) {
			key := fmt.Sprintf("k%d", rng.IntN(19))
			switch rng.IntN(12) {
			case 0, 1, 2, 3:
				c.warm(key)
				c.put(key, i)
				c.whole[key] = i
			case 4, 5:
				c.warm(key)
				c.remove(key)
				delete(c.whole, key)
			case 6:
				c.evict(key)
			case 7:
				c.warm(key)
			case 8:
				c.cut()
			case 9:
				if c.during {
					c.set.Flush(rng.IntN(5))
				}
			case 10:
				c.end(false)
			case 11:
				c.end(rng.IntN(2) == 0)
			}
		}
		c.end(false)
		c.cut()
		c.end(false)
		if len(c.store) != len(c.whole) {
			t.Fatalf("seed %d: %d entries stored, want %d", seed, len(c.store), len(c.whole))
		}
	}
}

func TestAnEntryIsCleanOnlyWhenItsCheckpointIsStored(t *testing.T) {
	s := newShelf()
	s.put("a", 1)
	if s.set.Clean(0) {
		t.Error("clean before it was ever emitted")
	}
	s.set.Cut(func(_, _ []byte, _ Sum) {})
	s.set.Flush(9)
	if s.set.Clean(0) {
		t.Error("clean before the checkpoint is stored")
	}
	s.set.Stored()
	if !s.set.Clean(0) {
		t.Error("not clean though stored")
	}
	s.put("a", 2)
	if s.set.Clean(0) {
		t.Error("clean though changed since")
	}
}

func TestWhatIsAssumedCountsInTheDigest(t *testing.T) {
	s := newShelf()
	s.set.Assume('k', Sum{1, 2}, 3)
	if s.set.Prefix() != 'k' || s.set.Count() != 3 || s.set.Digest() != (Sum{1, 2}) {
		t.Errorf("prefix %q, %d entries with %v", s.set.Prefix(), s.set.Count(), s.set.Digest())
	}
}

// The digest of a table goes under its prefix, also when everything in it was loaded and has left memory since.
func TestATableWhoseEntriesHaveAllLeftMemoryKnowsItsPrefix(t *testing.T) {
	s := newShelf()
	s.put("a", 1)
	want := SumOf([]byte("a"), s.AppendValue(nil, 0))
	s.set = NewSet(s)
	s.set.Loaded(0, want)
	s.set.Evict(0)
	if s.set.Prefix() != 'a' || s.set.Count() != 1 || s.set.Digest() != want {
		t.Errorf("prefix %q, %d entries with %v", s.set.Prefix(), s.set.Count(), s.set.Digest())
	}
}
