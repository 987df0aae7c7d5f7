package feedback

import "unsafe"

// What a Joiner holds is of two sorts. The resident part (stubs, indexes, timers, prints of what is closed) stays whatever
// happens; it is some 90 bytes for each impression, and 15 for each list. The hot part (impressions, lists, their packs) may leave memory once it is in
// the store. The limit allows the hot part what the resident part leaves of it, and a share of it at the least, since
// without any room nothing could go on.
const (
	leastHot   = 4  // of the limit, a 4th
	slackHot   = 8  // of what is allowed, an 8th above it, before Full
	sweepSteps = 16 // a call
	markBytes  = 24 // of a dirty.Set, for each id: 20 and what its slices have to spare
)

// Memory is what a Joiner takes, and how it copes.
type Memory struct {
	Bytes    int64 // held
	Limit    int64 // 0: none
	Hot      int64 // of Bytes: in use by what may leave memory
	Pending  int   // impressions
	InMemory int   // of these
	Reads    int64 // impressions and lists read back since the start
	Evicted  int64 // impressions and lists that left memory since the start
}

// sweep is how far the search for what may leave memory has come.
type sweep struct {
	imps, lists uint32 // the last slots that were looked at
	idle        uint32 // steps since something was found
	base        int64  // hot bytes when a checkpoint was last stored, or the limit lowered, or the least since
	evicted     int64
}

// Memory returns the figures as they are.
func (j *Joiner) Memory() Memory {
	return Memory{
		Bytes: j.Bytes(), Limit: j.limit, Hot: j.hot(), Pending: j.stubs.live(), InMemory: j.imps.live(),
		Reads: j.reads, Evicted: j.sweep.evicted,
	}
}

// Bytes returns an estimate of the memory that the Joiner holds. It costs some additions.
func (j *Joiner) Bytes() int64 {
	states := int64(j.imps.held) * slabSize * j.stateBytes()
	marks := markBytes*int64(j.imps.ids.end()+j.lists.ids.end()) + 4*int64(j.impSet.Dirty()+j.listSet.Dirty())
	return j.resident() + j.imps.bytes() + states + j.lists.bytes() + j.arena.bytes() + marks
}

// resident returns what does not leave memory.
func (j *Joiner) resident() int64 {
	return j.stubs.bytes() + j.byKey.bytes() + j.byUser.bytes() + j.byList.bytes() + j.timers.bytes() + j.tombs.bytes() + j.quotas.bytes() + j.poolBytes()
}

// hot returns the bytes in use by what may leave memory.
func (j *Joiner) hot() int64 {
	imps, lists := int64(j.imps.live()), int64(j.lists.live())
	return j.imps.used() + imps*(j.stateBytes()+markBytes) + j.lists.used() + lists*markBytes + 4*j.arena.used
}

func (j *Joiner) stateBytes() int64 {
	return int64(len(j.heads))*int64(unsafe.Sizeof(headState{})) + int64(j.raws)*int64(unsafe.Sizeof(float32(0)))
}

// allowed returns how much of the limit the hot part may take.
func (j *Joiner) allowed() int64 { return max(j.limit-j.resident(), j.limit/leastHot) }

// SetBytes sets the limit on what the Joiner may take; 0: none. It has no effect on what is learned. A lower limit is reached
// little by little, by the calls that follow, so that one which is much lower does not make the Joiner full at once.
func (j *Joiner) SetBytes(limit int64) {
	if (j.limit == 0 || limit < j.limit-j.limit/16) && !j.swept() {
		j.sweep.base = max(j.sweep.base, j.hot())
	}
	j.limit = limit
}

// Full reports whether the Joiner is above its limit by more than a little, with so much that is in no checkpoint that it
// cannot help it. It is to be given nothing more until a checkpoint is stored, and Stored was called.
func (j *Joiner) Full() bool {
	if j.cold == nil || j.limit == 0 {
		return false
	}
	allowed := j.allowed()
	return j.hot() > max(allowed, j.sweep.base)+allowed/slackHot
}

// Stored says that a checkpoint is stored, after the Sets were told: what is in it may leave memory now. When the Joiner
// was full it does so at once, in some 50 ns for each impression in memory, else by the calls that follow. Full is false
// thereafter.
func (j *Joiner) Stored() {
	j.sweep.idle = 0
	if j.Full() {
		for allowed := j.allowed(); j.hot() > allowed && !j.swept(); {
			j.look()
		}
	}
	j.sweep.base = j.hot()
}

// relieve takes something out of memory if there is more than is allowed. It does a bounded amount of work.
func (j *Joiner) relieve() {
	if j.cold == nil || j.limit == 0 {
		return
	}
	allowed := j.allowed()
	for range sweepSteps {
		if j.hot() <= allowed || j.swept() {
			break
		}
		j.look()
	}
	j.sweep.base = min(j.sweep.base, j.hot())
}

// swept reports whether everything was looked at since something was last found. Then there is nothing to be found until a
// checkpoint is stored.
func (j *Joiner) swept() bool { return j.sweep.idle > max(j.imps.ids.end(), j.lists.ids.end()) }

// look looks at the next impression and at the next list.
func (j *Joiner) look() {
	w := &j.sweep
	w.idle++
	var ok bool
	if w.imps, ok = next(&j.imps.ids, w.imps); ok && j.evictable(w.imps) {
		j.evict(w.imps)
		w.idle = 0
		w.evicted++
	}
	if w.lists, ok = next(&j.lists.ids, w.lists); ok && j.lists.at(w.lists).hot == 0 && j.listSet.Clean(w.lists) {
		j.evictList(w.lists)
		w.idle = 0
		w.evicted++
	}
}

// next returns the id in use that follows on i, and begins again at the end.
func next(ids *numbers, i uint32) (id uint32, ok bool) {
	if id, ok = ids.next(i + 1); ok {
		return id, true
	}
	return ids.next(1)
}
