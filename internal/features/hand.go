package features

import (
	"sync/atomic"
	"unsafe"
)

// What a slot costs beside the user in it: itself, its place in the index (21 to 43 bytes, by the load) and in the dirty
// set.
const (
	slotBytes  = int64(unsafe.Sizeof(user{}))
	indexBytes = 32 + 20
)

// keptBodies is how many free slots keep what has the same size for all users, for the next one.
const keptBodies = 64

// hand keeps users within their memory: CLOCK, which is to say that it goes round the slots and lets a user go who was not
// used since it came by last. Only users who are in the store just as they are may go. The writer moves it, under the write lock.
type hand struct {
	limit  int64 // bytes; 0: none
	fixed  int64 // bytes of the slots, whoever is in them
	bytes  int64 // bytes of the users in them
	place  uint32
	barren int // slots passed since it found somebody who could go

	evicted, revived uint64
}

// weigh counts what a user takes, after it has changed.
func (t *userTable) weigh(u *user) {
	words := cap(u.row) + cap(u.recent) + cap(u.seen) + 3*cap(u.subs) + u.bags.words()
	for _, block := range u.subs {
		words += cap(block)
	}
	n := int64(8*words + cap(u.attrs) + len(u.id) + int(unsafe.Sizeof(fieldValue{}))*len(u.values))
	for i := range u.values {
		n += int64(8*cap(u.values[i].list) + 4*cap(u.values[i].weights))
	}
	t.bytes += n - u.bytes
	u.bytes = n
}

// turn moves the hand while users take more than they may: a little, and the more the greater the excess.
func (t *userTable) turn() {
	over := t.fixed + t.bytes - t.limit
	if t.cold == nil || t.limit <= 0 || over <= 0 {
		t.barren = 0
		return
	}
	for work := 16 + min(500, 1000*over/t.limit); work > 0 && t.fixed+t.bytes > t.limit; work-- {
		if t.place++; t.place >= t.n {
			t.place = 0
		}
		t.barren++
		u := t.at(t.place)
		switch {
		case atomic.LoadUint32(&u.used) == 1:
			atomic.StoreUint32(&u.used, 0)
		case t.set.Clean(t.place):
			t.evict(u)
			t.barren = 0
			work -= 7
		}
	}
}

// evict frees the slot of a user who is in the store.
func (t *userTable) evict(u *user) {
	t.set.Evict(u.index)
	t.byHash.remove(u.hash)
	t.bytes -= u.bytes
	t.evicted++
	freed := user{index: u.index}
	if len(t.free) < keptBodies {
		freed.values, freed.row, freed.subs = u.values, u.row, u.subs
		clear(freed.values)
		clear(freed.row)
		clear(freed.subs)
	}
	*u = freed
	t.free = append(t.free, u.index)
}

// stuck reports whether two turns found nobody who could go, though users hold most of what they may take together.
func (t *userTable) stuck() bool { return t.barren > 2*int(t.n) && t.bytes > t.limit/2 }

// SetUserBytes sets how much memory users may take (see [Store.UserBytes]); 0: any. It belongs to the writer. Those who are too
// many leave with the records to come.
func (s *Store) SetUserBytes(n int64) { s.users.limit = n }

// UserBytes is an estimate of the memory that users take, with all tables about them. The caller holds the read lock, or is the
// writer.
func (s *Store) UserBytes() int64 { return s.users.fixed + s.users.bytes }

// Full reports whether users take more memory than they may, and none of them can leave: each has changed since the last
// checkpoint that is stored. The writer then applies nothing until a checkpoint is. Only it may ask, after a record and when one is stored.
func (s *Store) Full() bool {
	if !s.users.stuck() {
		return false
	}
	s.Lock()
	defer s.Unlock()
	s.version++
	s.users.turn()
	return s.users.stuck()
}

// UserStats describes the table of users.
type UserStats struct {
	Known    int64  // users there are
	InMemory int    // users among them who are in memory
	Bytes    int64  // see UserBytes
	Revived  uint64 // times that the writer has read one back
	Evicted  uint64 // times that one has left memory
}

// UserStats returns the figures of the table of users. The caller holds the read lock, or is the writer.
func (s *Store) UserStats() UserStats {
	t := &s.users
	return UserStats{
		Known: t.known, InMemory: t.byHash.len(), Bytes: s.UserBytes(), Revived: t.revived, Evicted: t.evicted,
	}
}
