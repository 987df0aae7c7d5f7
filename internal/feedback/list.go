package feedback

// list is what the impressions of one request have in common. It is in memory as long as one of them is, or longer.
type list struct {
	hash        uint64 // of the request
	scene       uint64 // hash; 0: not known
	variant     uint64 // hash; 0: none
	pack        ref    // shared vector and context of its first impression
	members     uint32
	hot         uint32 // members in memory
	first, last uint32 // queue of the impressions that wait for their first step
}

// What byList has of a list: its id, or coldList and the number of its members.
const (
	coldList    = 1 << 31
	loadedList  = 1 << 30 // of a cold one: its entry is known to exist
	listMembers = loadedList - 1
)

// enlist adds a member, which is in memory, to the list of a request, and makes the list if it is the first; a list that
// is cold must have been read back. The vector and the context are kept for such members as have the same ones; the first
// scene that is known stands, and its variant.
func (j *Joiner) enlist(hash, scene, variant uint64, shared Vector, context []byte) uint32 {
	id := j.byList.get(hash)
	if id == 0 {
		id = j.lists.alloc()
		j.listSet.Touch(id)
		*j.lists.at(id) = list{hash: hash, pack: j.newPack(shared, Vector{}, context)}
		j.byList.put(hash, id)
	}
	l := j.lists.at(id)
	l.members++
	l.hot++
	if scene != 0 && l.scene == 0 {
		j.listSet.Touch(id)
		l.scene, l.variant = scene, variant
	}
	return id
}

// leave takes a member, which is in memory, off a list.
func (j *Joiner) leave(id uint32) {
	l := j.lists.at(id)
	l.hot--
	if l.members--; l.members > 0 {
		return
	}
	j.listSet.Remove(id)
	j.byList.remove(l.hash)
	j.freePack(l.pack)
	j.lists.release(id)
}

// enqueue lets an impression wait for the first step of its list, behind the others.
func (j *Joiner) enqueue(id uint32) {
	s := j.at(id)
	s.flags |= isUnlearned
	if s.list == 0 {
		return
	}
	l := j.lists.at(s.list)
	if s.prev = l.last; s.prev != 0 {
		j.at(s.prev).next = id
	} else {
		l.first = id
	}
	l.last = id
}

func (j *Joiner) unqueue(id uint32) {
	s := j.at(id)
	s.flags &^= isUnlearned
	if s.list == 0 {
		return
	}
	l := j.lists.at(s.list)
	if s.prev != 0 {
		j.at(s.prev).next = s.next
	} else {
		l.first = s.next
	}
	if s.next != 0 {
		j.at(s.next).prev = s.prev
	} else {
		l.last = s.prev
	}
	s.prev, s.next = 0, 0
}
