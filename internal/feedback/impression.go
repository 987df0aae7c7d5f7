package feedback

import (
	"math"

	"recsvc/internal/event"
)

// impression is one item shown to one person, or about to be: what may leave memory of it, beside its head states and
// its pack. It holds no pointers.
type impression struct {
	key      uint64     // of (request, item); 0: no request
	userItem uint64     // of (user, item); 0: no user
	user     uint64     // 0: none
	base     event.Time // shown: when; waiting: the earliest outcome; else when served
	tag      uint64     // of the capture
	floor    event.Time // nothing is due before it; see grace. 0: not late
	pack     ref        // vectors and context
	id       uint32     // of its stub; 0: the slot is free
	list     uint32     // of the request; 0: none

	prev, next uint32 // ids: the list's impressions that wait for their first step, by seq

	position int32 // 1-based; 0: none
	theta    float32
	weight   float32
	flags    uint8
	mate     uint16 // the other position of the pair that was exchanged with probability ½; 0: none
	item     uint64 // hash
}

// Flags of an impression. One that is neither exposed nor waiting was served, or seen too briefly, or both.
const (
	isExposed   = 1 << iota // shown
	isWaiting               // not shown as far as known, but an outcome was applied
	isServed                // captured by a served list
	isImplied               // exposed, known from its outcome alone: the exposure may still come
	isUnlearned             // exposed, the first step not taken
	listShared              // the shared vector is the list's
	listContext             // the context is the list's
	isBrief                 // its exposures were too short to be evidence
	impFlags    = 1<<iota - 1
)

// headState is what an impression knows for one head.
type headState struct {
	at    event.Time // of the outcome, or of the last part of it that came; 0 while there is none
	p     float32    // as captured
	gain  uint16     // weight of the outcome less 1, in 256ths
	flags uint16
}

// Flags of a headState.
const (
	isPositive  = 1 << iota
	isClosed    // the window is over and all of it done; before the exposure: the head was not there at capture
	isClaimed   // an outcome came that is not confirmed
	isConfirmed // a confirmation came, of an outcome that did not
	isHeld      // shown while outcomes were stalled: learned and settled at its close, if at all
	isLeftOut   // its negative was not kept
	headFlags   = 1<<iota - 1
)

// maxGain is the greatest weight of a positive.
const maxGain = 255

// open reports whether the impression, which was shown, is neither settled for the head nor dropped.
func (st *headState) open() bool {
	return st.flags&isClosed == 0 && (st.flags&isPositive == 0 || st.flags&isHeld != 0)
}

// at returns an impression that is in memory. What it returns holds until an impression is next taken out of memory.
func (j *Joiner) at(id uint32) *impression { return j.imps.at(j.stubs.at(id).slot) }

// state returns what an impression that is in memory knows for a head.
func (j *Joiner) state(id uint32, h int) *headState { return &j.row(j.stubs.at(id).slot)[h] }

// row returns the states of the impression in a slot.
func (j *Joiner) row(slot uint32) []headState {
	at := int(slot&(slabSize-1)) * len(j.heads)
	return j.states[slot>>slabBits][at : at+len(j.heads)]
}

// rawRow returns the raw predictions of the impression in a slot.
func (j *Joiner) rawRow(slot uint32) []float32 {
	if j.raws == 0 {
		return nil
	}
	at := int(slot&(slabSize-1)) * j.raws
	return j.rawStates[slot>>slabBits][at : at+j.raws]
}

// raw returns the raw prediction of a head, which is p where it keeps none.
func (j *Joiner) raw(id uint32, h int) float32 {
	if at := j.heads[h].raw; at >= 0 {
		return j.rawRow(j.stubs.at(id).slot)[at]
	}
	return j.state(id, h).p
}

// touch is called before an impression is changed.
func (j *Joiner) touch(id uint32) { j.impSet.Touch(j.stubs.at(id).slot) }

// newSlot returns a slot for an impression and its states.
func (j *Joiner) newSlot() uint32 {
	slot := j.imps.alloc()
	chunk := int(slot >> slabBits)
	for chunk >= len(j.states) {
		j.states, j.rawStates = append(j.states, nil), append(j.rawStates, nil)
	}
	if j.states[chunk] == nil {
		j.states[chunk] = make([]headState, slabSize*len(j.heads))
		j.rawStates[chunk] = make([]float32, slabSize*j.raws)
	}
	return slot
}

func (j *Joiner) freeSlot(slot uint32) {
	j.imps.release(slot)
	if chunk := slot >> slabBits; j.imps.chunks[chunk] == nil {
		j.states[chunk], j.rawStates[chunk] = nil, nil
	}
}

// newImpression returns an impression that is nowhere linked yet.
func (j *Joiner) newImpression() (uint32, *impression) {
	id, slot := j.stubs.alloc(), j.newSlot()
	j.impSet.Touch(slot)
	b, s := j.stubs.at(id), j.imps.at(slot)
	b.birth = j.nextSeq()
	b.seq, b.slot = b.birth, slot
	s.id = id
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
	item                      string
	position, mate            int32
	propensity                float64
	scene, variant            uint64
	flags                     uint8
	at                        int // place in the list that was served
	shared, own               Vector
	context                   []byte
	p                         []float32
	tag                       uint64
}

// create makes an impression and links it. It takes copies of all vectors.
func (j *Joiner) create(d *draft) uint32 {
	id, s := j.newImpression()
	s.user, s.userItem, s.key, s.tag = d.user, d.userItem, d.key, d.tag
	s.base, s.position, s.flags = d.base, d.position, d.flags
	s.floor = j.grace(d.base)
	s.weight, _ = j.weigh(d.item, d.propensity)
	s.item = hashItem(d.item, 0)
	if d.mate <= math.MaxUint16 { // no list is as long
		s.mate = uint16(d.mate)
	}
	shared, context := d.shared, d.context
	if d.list != 0 {
		s.list = j.enlist(d.list, d.scene, d.variant, shared, context)
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
	for h, p := range d.p[:len(j.heads)] {
		*j.state(id, h) = headState{p: p}
	}
	copy(j.rawRow(j.stubs.at(id).slot), d.p[len(j.heads):])
	if s.key != 0 {
		j.byKey.put(s.key, id)
	}
	j.chain(id)
	j.watch.Parked(j.birth(id), d.at)
	return id
}

// adopt gives an impression that was known without a request the one that its exposure e names.
func (j *Joiner) adopt(id uint32, e *event.Event, m *Match) {
	s := j.at(id)
	if s.key != 0 || m.key == 0 {
		return
	}
	s.key = m.key
	j.byKey.put(s.key, id)
	s.list = j.enlist(m.list, 0, 0, Vector{}, nil)
	j.watch.Requested(j.birth(id), e)
}

// free forgets an impression.
func (j *Joiner) free(id uint32) {
	slot := j.stubs.at(id).slot
	j.impSet.Remove(slot)
	s := j.imps.at(slot)
	j.unchain(id)
	if s.key != 0 {
		j.byKey.remove(s.key)
	}
	if s.flags&isUnlearned != 0 {
		j.unqueue(id)
	}
	j.freePack(s.pack)
	if s.list != 0 {
		j.leave(s.list)
	}
	j.freeSlot(slot)
	j.stubs.release(id)
}

// renew makes an impression the newest of all.
func (j *Joiner) renew(id uint32) {
	b := j.stubs.at(id)
	switch {
	case b.seq == j.seq: // just made
	case b.newer == 0: // the newest of its chain as it is
		b.seq = j.nextSeq()
	default:
		j.unchain(id)
		b.seq = j.nextSeq()
		j.chain(id)
	}
}

// contextOf returns the binary form of an impression's context, in a scratch that the next call overwrites.
func (j *Joiner) contextOf(s *impression) []byte {
	j.contextBytes = j.contextPack(s).appendContext(j.contextBytes[:0])
	return j.contextBytes
}

// contextPack returns the pack whose context is that of an impression.
func (j *Joiner) contextPack(s *impression) pack {
	if s.flags&listContext != 0 {
		return j.pack(j.lists.at(s.list).pack)
	}
	return j.pack(s.pack)
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
