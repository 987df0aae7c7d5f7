package feedback

import (
	"fmt"

	"recsvc/internal/event"
)

// stub is what stays in memory of every pending impression: with it an impression is found, and keeps its place in its
// chain and its time, wherever the rest of it lies.
type stub struct {
	birth        uint64     // names it for good, in the store too; from the Joiner's sequence
	seq          uint64     // renewed when shown: orders timers, lists and chains; 0: the id is free
	due          event.Time // when something is due for it; see dueAt
	slot         uint32     // of the impression; 0: it is cold, which is to say in the store alone
	newer, older uint32     // chain of the same (user, item), by seq
	hint         uint32     // of a cold one: see hintOf
}

// The low bits of a hint are flags of the impression and hintKeyed; the others are as many bits of the user's hash.
const (
	hintFlags = isExposed | isWaiting | isImplied
	hintKeyed = 1 << 7 // its request is known
	hintUser  = 1<<32 - 1<<8
)

func hintOf(s *impression) uint32 {
	hint := uint32(s.user)&hintUser | uint32(s.flags&hintFlags)
	if s.key != 0 {
		hint |= hintKeyed
	}
	return hint
}

// chain puts the newest impression at the head of its (user, item).
func (j *Joiner) chain(id uint32) {
	userItem := j.at(id).userItem
	if userItem == 0 {
		return
	}
	if older := j.byUser.get(userItem); older != 0 {
		j.stubs.at(id).older = older
		j.stubs.at(older).newer = id
	}
	j.byUser.put(userItem, id)
}

func (j *Joiner) unchain(id uint32) {
	userItem := j.at(id).userItem
	if userItem == 0 {
		return
	}
	b := j.stubs.at(id)
	if b.older != 0 {
		j.stubs.at(b.older).newer = b.newer
	}
	switch {
	case b.newer != 0:
		j.stubs.at(b.newer).older = b.older
	case b.older != 0:
		j.byUser.put(userItem, b.older)
	default:
		j.byUser.remove(userItem)
	}
	b.newer, b.older = 0, 0
}

// chainLoaded puts an impression where it belongs in its chain.
func (j *Joiner) chainLoaded(id uint32) error {
	userItem := j.at(id).userItem
	if userItem == 0 {
		return nil
	}
	b := j.stubs.at(id)
	newer, older := uint32(0), j.byUser.get(userItem)
	for older != 0 && j.stubs.at(older).seq > b.seq {
		newer, older = older, j.stubs.at(older).older
	}
	b.newer, b.older = newer, older
	if older != 0 {
		if j.stubs.at(older).seq == b.seq {
			return fmt.Errorf("%w: sequence number %d twice", ErrCorrupt, b.seq)
		}
		j.stubs.at(older).newer = id
	}
	if newer != 0 {
		j.stubs.at(newer).older = id
	} else {
		j.byUser.put(userItem, id)
	}
	return nil
}
