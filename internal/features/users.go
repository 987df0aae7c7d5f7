package features

import (
	"bytes"
	"strings"
	"sync/atomic"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// user is everything kept about one person.
type user struct {
	// What every event looks at lies together.
	index uint32 // its slot
	used  uint32 // 1: since the hand came by last; readers set it, so atomically
	hash  uint64
	bytes int64 // of what hangs on it, as the table counts them
	row   []uint64

	subs   [][]uint64
	bags   bags
	values []fieldValue
	recent []uint64 // newest last: instant, item reference plus one << 32 | type
	seen   []uint64 // instant last seen, item reference plus one << 32 | acted << 31 | times
	id     string
	attrs  []byte // event.AppendAttributes form
	known  bool   // upserted, not only seen in events
}

const chunkBits = 10

// userTable holds the users that are in memory; with a store to read from, the others are cold (see loan). Slots lie in
// chunks, so that a pointer to one stays good for ever, though a slot may come to hold another user under the write lock.
type userTable struct {
	program *program
	cold    dirty.Reader // nil: all users are in memory
	byHash  index
	chunks  [][]user
	n       uint32   // slots ever used
	free    []uint32 // slots among them whose users have left
	set     *dirty.Set
	known   int64 // users in memory and cold together
	hand
}

func (t *userTable) init(p *program) {
	*t = userTable{program: p}
	t.set = dirty.NewSet(t)
}

func (t *userTable) at(i uint32) *user { return &t.chunks[i>>chunkBits][i&(1<<chunkBits-1)] }

// find returns the user if it is in memory. The caller holds the read lock, or is the writer.
func (t *userTable) find(hash uint64) *user {
	i, ok := t.byHash.get(hash)
	if !ok {
		return nil
	}
	u := t.at(i)
	if atomic.LoadUint32(&u.used) == 0 {
		atomic.StoreUint32(&u.used, 1)
	}
	return u
}

// create makes a user that is neither in memory nor in the store.
func (t *userTable) create(id string, hash uint64) *user {
	u := t.take(hash)
	t.set.Touch(u.index)
	t.known++
	u.id = strings.Clone(id)
	t.refresh(u, nil)
	return u
}

// take finds a slot for a user who comes into memory.
func (t *userTable) take(hash uint64) *user {
	var u *user
	if last := len(t.free) - 1; last >= 0 {
		u, t.free = t.at(t.free[last]), t.free[:last]
	} else {
		u = t.extend()
	}
	if u.values == nil {
		u.values, u.row, u.subs = t.body()
	}
	u.hash, u.used = hash, 1
	t.byHash.put(hash, u.index)
	return u
}

// body makes what has the same size for all users.
func (t *userTable) body() (values []fieldValue, row []uint64, subs [][]uint64) {
	return make([]fieldValue, t.program.counts[fromUser]), make([]uint64, t.program.ownWords(ownUser)),
		make([][]uint64, t.program.subs[ownUser])
}

// extend returns a slot that was never used.
func (t *userTable) extend() *user {
	if t.n>>chunkBits == uint32(len(t.chunks)) {
		t.chunks = append(t.chunks, make([]user, 1<<chunkBits))
		t.fixed += slotBytes << chunkBits
	}
	u := t.at(t.n)
	u.index = t.n
	t.n++
	t.fixed += indexBytes
	return u
}

// refresh caches the fields that features read.
func (t *userTable) refresh(u *user, attrs event.Attributes) {
	for i, f := range t.program.fields {
		switch {
		case f.source != fromUser:
		case f.key == "":
			u.values[t.program.slotOf[i]] = identified(hashString(u.id), missing.num)
		default:
			u.values[t.program.slotOf[i]] = t.program.keep(i, attrs)
		}
	}
}

// UpsertUser changes the keys that the record names; null removes one. It changes nothing when the user cannot be read:
// see Err.
//
// It returns false, and has changed nothing but that the user is known, when the attributes would take more than MaxAttributes.
func (s *Store) UpsertUser(r *event.User) (ok bool) {
	f := &s.upserted
	f.name(r.ID)
	if f.resolve(); f.failed() {
		s.err = f.loan.err
		return true
	}
	s.Lock()
	defer s.Unlock()
	s.version++
	u := s.own(f)
	u.known = true
	attrs, _ := event.DecodeAttributes(u.attrs) // our own encoding: checked when it was read from disk
	attrs = merge(attrs, r.Attrs)
	if encoded := event.AppendAttributes(nil, attrs); len(encoded) <= MaxAttributes {
		if u.attrs, ok = encoded, true; s.program.raw {
			attrs, _ = event.DecodeAttributes(encoded) // nothing of the record's buffer is kept
		}
		s.users.refresh(u, attrs)
		s.program.shed(ownUser, u.words(), u.subs, &u.bags)
	}
	s.users.weigh(u)
	s.users.turn()
	return ok
}

// MaxAttributes is how many bytes the attributes of one item or user may take, encoded. Upserts merge, so that no limit of a record
// bounds them; and what a checkpoint cannot hold would end all checkpoints.
const MaxAttributes = 384 << 10

// own brings the user that was found into memory, a new one where there was none, to be changed by the caller; nil for nobody.
func (s *Store) own(f *finder) *user {
	t := &s.users
	switch {
	case f.hash == 0:
		return nil
	case f.user == nil:
		f.user = t.create(f.userID, f.hash)
	case f.user == &f.loan.user:
		f.user = t.adopt(&f.loan)
	}
	t.set.Touch(f.user.index)
	return f.user
}

// merge applies an upsert to a sorted flat map. The result shares nothing with changes' memory once encoded.
func merge(base, changes event.Attributes) event.Attributes {
	out := make(event.Attributes, 0, len(base)+len(changes))
	for len(base) > 0 || len(changes) > 0 {
		switch {
		case len(changes) == 0 || (len(base) > 0 && base[0].Key < changes[0].Key):
			out, base = append(out, base[0]), base[1:]
			continue
		case len(base) > 0 && base[0].Key == changes[0].Key:
			base = base[1:]
		}
		if changes[0].Value.Kind != event.Null {
			out = append(out, changes[0])
		}
		changes = changes[1:]
	}
	return out
}

// Profile is what is known about a user.
type Profile struct {
	ID         string
	Attributes event.Attributes
	Features   []NamedValue  // the present values that depend on the user alone
	Recent     []RecentEvent // newest first
}

// Profile reads the user with whom the query has begun; ok is false for one never seen nor upserted.
func (q *Query) Profile() (p Profile, ok bool) {
	q.prepare()
	if q.user == nil {
		return p, false
	}
	p.ID = q.user.id
	p.Attributes, _ = event.DecodeAttributes(bytes.Clone(q.user.attrs)) // the texts lie in what is decoded
	p.Recent = q.Recent(nil, q.store.opts.RecentEvents)
	p.Features = q.describe(q.store.program.shared)
	return p, true
}

// UserAttributes returns what is known of the query's user; nothing of one who is unknown. It holds until the user changes. It
// allocates: not for every candidate.
func (q *Query) UserAttributes() event.Attributes {
	q.prepare()
	if q.user == nil {
		return nil
	}
	attrs, _ := event.DecodeAttributes(q.user.attrs) // our own encoding: checked when it was read from disk
	return attrs
}
