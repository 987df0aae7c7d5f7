package features

import (
	"strings"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// user is everything kept about one person.
type user struct {
	index  uint32
	hash   uint64
	id     string
	known  bool   // upserted, not only seen in events
	attrs  []byte // event.AppendAttributes form
	values []fieldValue
	row    []uint64
	subs   [][]uint64
	recent []uint64 // newest last: instant, item reference plus one << 32 | type
	seen   []uint64 // instant last seen, item reference plus one << 32 | acted << 31 | times
}

const chunkBits = 10

// userTable holds users in chunks, so that a pointer to one stays good for ever.
type userTable struct {
	program *program
	byHash  map[uint64]uint32
	chunks  [][]user
	n       uint32
	set     *dirty.Set
}

func (t *userTable) init(p *program) {
	*t = userTable{program: p, byHash: map[uint64]uint32{}}
	t.set = dirty.NewSet(t)
}

func (t *userTable) at(i uint32) *user { return &t.chunks[i>>chunkBits][i&(1<<chunkBits-1)] }

func (t *userTable) find(id string) *user {
	if id == "" {
		return nil
	}
	if i, ok := t.byHash[hashString(id)]; ok {
		return t.at(i)
	}
	return nil
}

// ensure finds the user or makes a new one; either way it may be changed by the caller.
func (t *userTable) ensure(id string) *user {
	h := hashString(id)
	i, ok := t.byHash[h]
	if ok {
		t.set.Touch(i)
		return t.at(i)
	}
	t.set.Touch(t.n)
	u := t.add(h)
	u.id = strings.Clone(id)
	t.refresh(u, nil)
	return u
}

func (t *userTable) add(h uint64) *user {
	if t.n>>chunkBits == uint32(len(t.chunks)) {
		t.chunks = append(t.chunks, make([]user, 1<<chunkBits))
	}
	u := t.at(t.n)
	*u = user{
		index: t.n, hash: h, values: make([]fieldValue, t.program.counts[fromUser]),
		row: make([]uint64, t.program.ownWords(ownUser)), subs: make([][]uint64, t.program.subs[ownUser]),
	}
	t.byHash[h] = t.n
	t.n++
	return u
}

// refresh caches the fields that features read.
func (t *userTable) refresh(u *user, attrs event.Attributes) {
	for i, f := range t.program.fields {
		switch {
		case f.source != fromUser:
		case f.key == "":
			u.values[t.program.slotOf[i]] = fieldValue{category{id: hashString(u.id)}, missing.num}
		default:
			u.values[t.program.slotOf[i]] = f.read(attrs)
		}
	}
}

// UpsertUser changes the keys that the record names; null removes one.
func (s *Store) UpsertUser(r *event.User) {
	s.Lock()
	defer s.Unlock()
	s.version++
	u := s.users.ensure(r.ID)
	attrs, _ := event.DecodeAttributes(u.attrs) // our own encoding: checked when it was read from disk
	attrs = merge(attrs, r.Attrs)
	u.known, u.attrs = true, event.AppendAttributes(nil, attrs)
	s.users.refresh(u, attrs)
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

// Profile reads a user as of now; ok is false for one never seen nor upserted. The caller holds the read lock.
func (s *Store) Profile(id string, now event.Time) (p Profile, ok bool) {
	u := s.users.find(id)
	if u == nil {
		return p, false
	}
	p.ID = u.id
	p.Attributes, _ = event.DecodeAttributes(u.attrs)
	p.Recent = s.Recent(nil, id, s.opts.RecentEvents)
	q := s.NewQuery()
	q.Begin(id, nil, now)
	q.prepare()
	p.Features = q.describe(s.program.shared)
	return p, true
}
