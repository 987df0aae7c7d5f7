package feedback

import (
	"encoding/binary"
	"errors"
	"fmt"

	"recsvc/internal/dirty"
)

// ErrMissing reports that the store lacks an entry that had left memory because it was there.
var ErrMissing = errors.New("join entry is not in the store")

// Err returns the error, if there was one, of reading back what had left memory. It stands for good: nothing was learned,
// counted or forgotten by the call that met it, but for what came before in it, and no later call has any effect. The
// Joiner is then behind its log and must not be saved.
func (j *Joiner) Err() error { return j.err }

// warm brings an impression into memory, and its list. It reports false when it cannot be read, and never will be.
func (j *Joiner) warm(id uint32) bool {
	if j.stubs.at(id).slot != 0 {
		return true
	}
	if j.err == nil {
		if err := j.readImpression(id); err != nil {
			j.err = fmt.Errorf("read impression %d back: %w", j.stubs.at(id).birth, err)
		}
	}
	return j.err == nil
}

// warmList brings the list of a request into memory, if there is one.
func (j *Joiner) warmList(hash uint64) bool {
	known := j.byList.get(hash)
	if known&coldList == 0 {
		return true
	}
	if j.err == nil {
		if err := j.readList(hash, known&listMembers); err != nil {
			j.err = fmt.Errorf("read list %x back: %w", hash, err)
		}
	}
	return j.err == nil
}

func (j *Joiner) readImpression(id uint32) error {
	b := j.stubs.at(id)
	sum, err := j.read(prefixImpression, b.birth)
	if err != nil {
		return err
	}
	p, err := j.parseImpression(b.birth, j.value)
	if err != nil {
		return err
	}
	if p.seq != b.seq {
		j.freePack(p.pack)
		return fmt.Errorf("%w: sequence number %d, not %d", ErrCorrupt, p.seq, b.seq)
	}
	list := uint32(0)
	if p.request != 0 {
		if list = j.byList.get(p.request); list&coldList != 0 {
			if !j.warmList(p.request) {
				j.freePack(p.pack)
				return j.err
			}
			list = j.byList.get(p.request)
		}
		if list == 0 {
			j.freePack(p.pack)
			return fmt.Errorf("%w: no list %x", ErrCorrupt, p.request)
		}
		j.lists.at(list).hot++
	}
	slot := j.place(id, &p)
	j.imps.at(slot).list = list
	j.impSet.Revive(slot, sum)
	return nil
}

func (j *Joiner) readList(hash uint64, members uint32) error {
	sum, err := j.read(prefixList, hash)
	if err != nil {
		return err
	}
	l, err := j.parseList(hash, j.value)
	if err != nil {
		return err
	}
	l.members = members
	id := j.lists.alloc()
	*j.lists.at(id) = l
	j.byList.put(hash, id)
	j.listSet.Revive(id, sum)
	return nil
}

// read reads an entry into j.value.
func (j *Joiner) read(prefix byte, number uint64) (sum dirty.Sum, err error) {
	j.key = binary.BigEndian.AppendUint64(append(j.key[:0], prefix), number)
	value, sum, ok, err := j.cold.Get(j.value[:0], j.key)
	j.value = value
	switch {
	case err != nil:
		return sum, err
	case !ok:
		return sum, ErrMissing
	}
	j.reads++
	return sum, nil
}

// peek returns flags of an impression, of which hintFlags hold, and whether its request is known, without reading it back.
func (j *Joiner) peek(id uint32) (flags uint8, keyed bool) {
	b := j.stubs.at(id)
	hint := b.hint
	if b.slot != 0 {
		hint = hintOf(j.imps.at(b.slot))
	}
	return uint8(hint), hint&hintKeyed != 0
}

// evictable reports whether the impression in a slot may leave memory: it is in the store, and does not wait for what
// comes within seconds.
func (j *Joiner) evictable(slot uint32) bool {
	return j.imps.at(slot).flags&(isWaiting|isUnlearned) == 0 && j.impSet.Clean(slot)
}

// evict takes an impression out of memory.
func (j *Joiner) evict(slot uint32) {
	s := j.imps.at(slot)
	b := j.stubs.at(s.id)
	b.hint, b.slot = hintOf(s), 0
	if s.list != 0 {
		j.lists.at(s.list).hot--
	}
	j.freePack(s.pack)
	j.impSet.Evict(slot)
	j.freeSlot(slot)
}

// evictList takes a list out of memory of which no member is there.
func (j *Joiner) evictList(id uint32) {
	l := j.lists.at(id)
	j.byList.put(l.hash, coldList|loadedList|l.members)
	j.freePack(l.pack)
	j.listSet.Evict(id)
	j.lists.release(id)
}
