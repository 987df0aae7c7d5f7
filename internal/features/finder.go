package features

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// finder finds one user after another for one goroutine: in memory, or else in the store, from which it reads a copy of its
// own. A reader never changes the table.
type finder struct {
	store  *tables // of the store as it was when the list began: those that Adopt has replaced are never written again
	userID string
	hash   uint64 // of userID; 0: nobody
	user   *user  // nil: nobody, or unknown
	asOf   uint64 // the store's version when user was found
	loan   loan
}

// loan is a user as read from the store: as of the last committed checkpoint, which is how a user is who is not in memory.
type loan struct {
	tried bool // for this user
	ok    bool // there is one
	err   error
	user  user
	sum   dirty.Sum
	key   []byte
	value []byte
}

// name says who is to be found next.
func (f *finder) name(userID string) {
	f.user, f.asOf = nil, math.MaxUint64
	f.loan.tried, f.loan.ok, f.loan.err = false, false, nil
	if userID == f.userID {
		return
	}
	f.userID, f.hash = userID, 0
	if userID != "" {
		f.hash = hashString(userID)
	}
}

// holds reports whether that user was found, in memory, in the store as it is.
func (f *finder) holds(userID string) bool {
	return f.userID == userID && f.asOf == f.store.version && !f.loan.tried
}

// resolve finds the user, again when the store has moved on since. The caller holds the read lock, or is the writer.
func (f *finder) resolve() {
	if f.asOf == f.store.version {
		return
	}
	f.asOf = f.store.version
	if f.hash == 0 {
		return
	}
	if f.user = f.store.users.find(f.hash); f.user == nil && f.borrow() {
		f.user = &f.loan.user
	}
}

// failed says that nobody knows whether there is such a user.
func (f *finder) failed() bool { return f.user == nil && f.loan.err != nil }

// borrow reads the user from the store, once, and says whether there is one. It needs no lock.
func (f *finder) borrow() bool {
	l, t := &f.loan, &f.store.users
	if l.tried || t.cold == nil {
		return l.ok
	}
	l.tried = true
	if l.ok, l.err = l.read(t, f.hash); l.err != nil {
		l.ok, l.err = false, fmt.Errorf("features: read user %016x from the state: %w", f.hash, l.err)
	}
	return l.ok
}

func (l *loan) read(t *userTable, hash uint64) (bool, error) {
	l.key = binary.BigEndian.AppendUint64(append(l.key[:0], prefixUser), hash)
	value, sum, ok, err := t.cold.Get(l.value[:0], l.key)
	if err != nil || !ok {
		return false, err
	}
	l.value, l.sum = value, sum
	if value, err = unversioned(value); err != nil {
		return false, err
	}
	if l.user.values == nil {
		l.user.values, l.user.row, l.user.subs = t.body()
	}
	return true, t.decode(&l.user, value)
}

// adopt brings a borrowed user into memory. It copies: what the loan has room for may be more than this user needs.
func (t *userTable) adopt(l *loan) *user {
	u := t.take(l.user.hash)
	t.set.Revive(u.index, l.sum)
	t.revived++
	u.id, u.known, u.attrs = l.user.id, l.user.known, bytes.Clone(l.user.attrs)
	copy(u.values, l.user.values)
	copy(u.row, l.user.row)
	for i, block := range l.user.subs {
		u.subs[i] = slices.Concat(block)
	}
	u.bags.blocks = make([][]uint64, len(l.user.bags.blocks))
	for i, block := range l.user.bags.blocks {
		u.bags.blocks[i] = slices.Concat(block)
	}
	if t.program.raw {
		attrs, _ := event.DecodeAttributes(u.attrs) // our own encoding: checked when it was read from disk
		t.refresh(u, attrs)
	}
	u.recent, u.seen = slices.Concat(l.user.recent), slices.Concat(l.user.seen)
	return u
}
