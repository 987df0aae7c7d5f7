package feedback

import "recsvc/internal/event"

// impression is one item shown to one person, or about to be. It holds no pointers.
type impression struct {
	birth    uint64     // names it for good; from the Joiner's sequence
	seq      uint64     // renewed when shown: orders timers, lists and chains; 0: the slot is free
	key      uint64     // of (request, item); 0: no request
	userItem uint64     // of (user, item); 0: no user
	user     uint64     // 0: none
	base     event.Time // shown: when; waiting: the earliest outcome; else when served
	floor    event.Time // nothing is due before it; see grace. 0: not late
	pack     ref        // vectors and context
	list     uint32     // of the request; 0: none

	newer, older uint32 // chain of the same (user, item), by seq
	prev, next   uint32 // the list's impressions that wait for their first step, by seq

	position int32 // 1-based; 0: none
	theta    float32
	weight   float32
	flags    uint8
}

// Flags of an impression.
const (
	isExposed   = 1 << iota // shown
	isWaiting               // not shown as far as known, but an outcome was applied
	isServed                // captured by a served list
	isImplied               // exposed, known from its outcome alone: the exposure may still come
	isUnlearned             // exposed, the first step not taken
	listShared              // the shared vector is the list's
	listContext             // the context is the list's
	impFlags    = 1<<iota - 1
)

// headState is what an impression knows for one head.
type headState struct {
	at    event.Time // of the outcome; 0 while there is none
	p     float32    // as captured
	flags uint32
}

// Flags of a headState.
const (
	isPositive = 1 << iota
	isClosed   // the window is over and all of it done
	headFlags  = 1<<iota - 1
)

func (j *Joiner) state(id uint32, h int) *headState {
	return &j.states[id>>slabBits][int(id&(slabSize-1))*len(j.heads)+h]
}

// newImpression returns an impression that is nowhere linked yet.
func (j *Joiner) newImpression() (uint32, *impression) {
	id := j.imps.alloc()
	for len(j.states) < len(j.imps.chunks) {
		j.states = append(j.states, make([]headState, slabSize*len(j.heads)))
	}
	j.impSet.Touch(id)
	s := j.imps.at(id)
	s.birth = j.nextSeq()
	s.seq = s.birth
	s.weight, s.theta = 1, 1
	return id, s
}

func (j *Joiner) nextSeq() uint64 {
	j.seq++
	return j.seq
}

// draft is what a new impression is made of.
type draft struct {
	user, userItem, list, key uint64
	base                      event.Time
	position                  int32
	propensity                float64
	scene                     uint64
	flags                     uint8
	shared, own               Vector
	context                   []byte
	p                         []float32
}

// create makes an impression and links it. It takes copies of all vectors.
func (j *Joiner) create(d *draft) uint32 {
	id, s := j.newImpression()
	s.user, s.userItem, s.key = d.user, d.userItem, d.key
	s.base, s.position, s.flags = d.base, d.position, d.flags
	s.floor = j.grace(d.base)
	if w, ok := j.shownWeight(d.propensity); ok {
		s.weight = w
	}
	shared, context := d.shared, d.context
	if d.list != 0 {
		s.list = j.enlist(d.list, d.scene, shared, context)
		of := j.pack(j.lists.at(s.list).pack)
		if of.sharedEqual(trim(shared)) {
			s.flags |= listShared
			shared = Vector{}
		}
		if of.contextEqual(context) {
			s.flags |= listContext
			context = nil
		}
	}
	s.pack = j.newPack(shared, d.own, context)
	for h := range j.heads {
		*j.state(id, h) = headState{p: d.p[h]}
	}
	if s.key != 0 {
		j.byKey[s.key] = id
	}
	j.chain(id)
	return id
}

// adopt gives an impression that was known without a request the one that its exposure names.
func (j *Joiner) adopt(id uint32, m *Match) {
	s := j.imps.at(id)
	if s.key != 0 || m.key == 0 {
		return
	}
	s.key = m.key
	j.byKey[s.key] = id
	s.list = j.enlist(m.list, 0, Vector{}, nil)
}

// free forgets an impression.
func (j *Joiner) free(id uint32) {
	j.impSet.Remove(id)
	s := j.imps.at(id)
	j.unchain(id)
	if s.key != 0 {
		delete(j.byKey, s.key)
	}
	if s.flags&isUnlearned != 0 {
		j.unqueue(id)
	}
	j.freePack(s.pack)
	if s.list != 0 {
		j.leave(s.list)
	}
	j.imps.release(id)
}

// renew makes an impression the newest of all.
func (j *Joiner) renew(id uint32) {
	s := j.imps.at(id)
	switch {
	case s.seq == j.seq: // just made
	case s.newer == 0: // the newest of its chain as it is
		s.seq = j.nextSeq()
	default:
		j.unchain(id)
		s.seq = j.nextSeq()
		j.chain(id)
	}
}

// chain puts the newest impression at the head of its (user, item).
func (j *Joiner) chain(id uint32) {
	s := j.imps.at(id)
	if s.userItem == 0 {
		return
	}
	if older := j.byUser[s.userItem]; older != 0 {
		s.older = older
		j.imps.at(older).newer = id
	}
	j.byUser[s.userItem] = id
}

func (j *Joiner) unchain(id uint32) {
	s := j.imps.at(id)
	if s.userItem == 0 {
		return
	}
	if s.older != 0 {
		j.imps.at(s.older).newer = s.newer
	}
	switch {
	case s.newer != 0:
		j.imps.at(s.newer).older = s.older
	case s.older != 0:
		j.byUser[s.userItem] = s.older
	default:
		delete(j.byUser, s.userItem)
	}
	s.newer, s.older = 0, 0
}

// contextOf returns the binary form of an impression's context, in a scratch that the next call overwrites.
func (j *Joiner) contextOf(s *impression) []byte {
	p := j.pack(s.pack)
	if s.flags&listContext != 0 {
		p = j.pack(j.lists.at(s.list).pack)
	}
	j.contextBytes = p.appendContext(j.contextBytes[:0])
	return j.contextBytes
}

// setContext replaces an impression's context.
func (j *Joiner) setContext(s *impression, context []byte) {
	s.flags &^= listContext
	if s.list != 0 && j.pack(j.lists.at(s.list).pack).contextEqual(context) {
		s.flags |= listContext
		context = nil
	}
	s.pack = j.repack(s.pack, context)
}

// vectors returns an impression's vectors; they hold until the next call.
func (j *Joiner) vectors(s *impression) (shared, own Vector) {
	p := j.pack(s.pack)
	slots, values := p.own()
	own = vector(slots, values, &j.ownScratch)
	if s.flags&listShared != 0 {
		p = j.pack(j.lists.at(s.list).pack)
	}
	slots, values = p.shared()
	return vector(slots, values, &j.sharedScratch), own
}
