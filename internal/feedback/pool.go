package feedback

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// reserve is a pool: it keeps the negatives of one head and one slice of event time, at most a fixed number of them, until the slice is over. They
// are a priority sample (Duffield, Lund & Thorup, J. ACM 2007): of weight w and a number u that is uniform in (0, 1] a negative has
// the priority w/u; those k of the highest priority are learned, each with the weight max(w, τ), τ being the priority of the
// next, or 0 where there is none. Over u every negative's expected weight is its own.
type reserve struct {
	size  int
	slice event.Time // length; 0: the head has no pool
	open  int64      // number of the slice that the samples are of
	heap  []uint32   // of samples, the lowest priority first: the k, and the next
	floor float64    // the highest priority of those that found no room
}

// pooled is a negative in a pool. It holds no pointers.
type pooled struct {
	birth    uint64 // of its impression; 0: the id is free
	user     uint64
	time     event.Time // when it was shown
	priority float64
	pack     ref
	weight   float32
	theta    float32
	head     uint32 // unseenKey: of those in heads
	heads    uint64 // a bit for each
}

// poolTable is the Joiner as the dirty set of its pools sees it.
type poolTable Joiner

// A sample's entry is version u8 | user, heads u64 | time i64 | priority f64 | weight, theta f32 | pack. Its key: 'o' 's' birth u64 head u8.
const pooledV1 = 1

// poolSalt keeps the priorities independent of which negatives are kept.
const poolSalt = 0x589965cc75374cc3

func (s *pooled) before(t *pooled) bool {
	return s.priority < t.priority || s.priority == t.priority && s.birth < t.birth
}

// offer gives a negative to the pool of its head.
func (j *Joiner) offer(step *Step, id uint32, h int) {
	p := &j.pools[h]
	number := floorDiv(int64(j.now), int64(p.slice))
	if number > p.open {
		j.empty(h)
		p.open = number
	}
	s := j.at(id)
	u := float64(mix(sampleHash(s)^poolSalt)>>11+1) / (1 << 53)
	next := pooled{
		birth: j.birth(id), user: s.user, time: step.Time, priority: float64(step.Weight) / u, weight: step.Weight,
		theta: j.theta(id, h), head: uint32(h),
	}
	full := len(p.heap) > p.size
	if full || next.priority <= p.floor {
		j.counts.Heads[h].LeftOut++
	}
	switch {
	case next.priority <= p.floor: // erased samples have made room, but not for it
		return
	case full && !j.samples.at(p.heap[0]).before(&next):
		p.floor = next.priority
		return
	case full:
		j.unpool(h)
	}
	next.pack = j.newPack(step.Shared, step.Own, nil)
	at := j.samples.alloc()
	j.sampleSet.Touch(at)
	*j.samples.at(at) = next
	p.heap = push(p.heap, at, j.sampleBefore)
}

// unpool forgets the sample of the lowest priority.
func (j *Joiner) unpool(h int) {
	p := &j.pools[h]
	var at uint32
	at, p.heap = pop(p.heap, j.sampleBefore)
	p.floor = j.samples.at(at).priority
	j.freeSample(at)
}

func (j *Joiner) freeSample(at uint32) {
	j.sampleSet.Remove(at)
	j.freePack(j.samples.at(at).pack)
	j.samples.release(at)
}

// empty puts out what a pool has, in the order in which the impressions came.
func (j *Joiner) empty(h int) {
	p := &j.pools[h]
	if len(p.heap) > p.size {
		j.counts.Heads[h].LeftOut++
		j.unpool(h)
	}
	threshold := float32(p.floor) // the next priority, also where samples above it were erased
	slices.SortFunc(p.heap, func(a, b uint32) int { return cmp.Compare(j.samples.at(a).birth, j.samples.at(b).birth) })
	for _, at := range p.heap {
		s := j.samples.at(at)
		shared, own := j.packVectors(s.pack)
		j.sink.Learn(Step{
			Head: h, Shared: shared, Own: own, Weight: max(s.weight, threshold), Theta: s.theta, Time: s.time,
			FakeNegative: j.heads[h].delay == FakeNegative,
		})
		j.freeSample(at)
	}
	p.heap, p.floor = p.heap[:0], 0
}

func (j *Joiner) packVectors(r ref) (shared, own Vector) {
	p := j.pack(r)
	slots, values := p.own()
	own = vector(slots, values, &j.ownScratch)
	slots, values = p.shared()
	return vector(slots, values, &j.sharedScratch), own
}

// emptyBefore puts out the pools whose slices end before now, or at it too.
func (j *Joiner) emptyBefore(now event.Time, at bool) {
	j.learnUnseen(now)
	for _, h := range j.pooling {
		p := &j.pools[h]
		if end := event.Time((p.open + 1) * int64(p.slice)); len(p.heap) > 0 && (end < now || at && end == now) {
			j.empty(h)
		}
	}
}

// erasePooled forgets the samples of a user.
func (j *Joiner) erasePooled(user uint64) {
	for _, h := range j.pooling {
		p := &j.pools[h]
		kept := p.heap[:0]
		for _, at := range p.heap {
			if j.samples.at(at).user == user {
				j.freeSample(at)
				continue
			}
			kept = push(kept, at, j.sampleBefore)
		}
		p.heap = kept
	}
}

// Pooled returns the number of negatives that wait in pools for the end of their slices, or for time to pass their exposures.
func (j *Joiner) Pooled() int { return j.samples.live() }

func (j *Joiner) poolBytes() int64 {
	held := j.samples.bytes() + markBytes*int64(j.samples.ids.end()) + 4*int64(cap(j.unseen))
	for _, h := range j.pooling {
		held += int64(cap(j.pools[h].heap)) * int64(unsafe.Sizeof(uint32(0)))
	}
	return held
}

func (j *Joiner) loadPooled(birth uint64, h byte, value []byte, sum dirty.Sum) error {
	r := reader{buf: value}
	r.version(pooledV1)
	s := pooled{birth: birth, head: uint32(h), user: r.u64(), heads: r.u64(), time: r.time(), priority: r.double(), weight: r.float(), theta: r.float()}
	s.pack = r.packed(&j.arena)
	err := r.end()
	unseen := h == unseenKey && s.heads>>len(j.heads) == 0
	if err == nil && !unseen && (birth == 0 || int(h) >= len(j.heads) || j.pools[h].slice == 0) {
		err = fmt.Errorf("%w: sample of impression %d for head %d, which has no pool", ErrCorrupt, birth, h)
	}
	if err != nil {
		j.freePack(s.pack)
		return err
	}
	at := j.samples.alloc()
	*j.samples.at(at) = s
	j.sampleSet.Loaded(at, sum)
	if unseen {
		j.unseen = push(j.unseen, at, j.unseenBefore)
		return nil
	}
	j.pools[h].heap = push(j.pools[h].heap, at, j.sampleBefore)
	if len(j.pools[h].heap) > j.pools[h].size+1 {
		return fmt.Errorf("%w: more than %d samples for head %d", ErrCorrupt, j.pools[h].size+1, h)
	}
	return nil
}

func (t *poolTable) AppendKey(dst []byte, id uint32) []byte {
	s := t.samples.at(id)
	return append(binary.BigEndian.AppendUint64(append(dst, prefixRest, restSample), s.birth), byte(s.head))
}

func (t *poolTable) AppendValue(dst []byte, id uint32) []byte {
	j, s := (*Joiner)(t), t.samples.at(id)
	dst = binary.LittleEndian.AppendUint64(append(dst, pooledV1), s.user)
	dst = binary.LittleEndian.AppendUint64(dst, s.heads)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.time))
	dst = appendDouble(dst, s.priority)
	dst = appendFloat(dst, s.weight)
	dst = appendFloat(dst, s.theta)
	return appendPack(dst, j.pack(s.pack))
}

// floorDiv returns a/b, rounded down; b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
