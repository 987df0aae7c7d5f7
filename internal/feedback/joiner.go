package feedback

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// Joiner is the exposure–outcome join. See the package comment for who may call it.
type Joiner struct {
	heads            []head
	rules            map[string][]rule
	wait             event.Time // length
	longest          event.Time // the longest window of a head
	slice            event.Time // the longest slice of a pool
	fresh            bool       // some head learns when exposed
	positions        []float32
	scenes           map[uint64][]float32 // by hash of the scene
	clip             float64
	servedIsExposure map[string]bool
	minVisible       float64
	stalls           StallOptions
	sink             Sink
	examiner         Examiner
	judged           int // the head whose outcomes it is told
	weigher          Weigher
	watch            Watcher

	seq       uint64 // the last one given
	watermark event.Time
	counts    Counters

	stubs  slab[stub]       // by id
	imps   slab[impression] // by slot: those in memory
	states [][]headState    // as chunked as imps, len(heads) for each

	rawStates [][]float32 // likewise, raws for each
	raws      int         // heads that keep a raw prediction
	lists     slab[list]
	tombs     tombstones
	timers    timers
	arena     arena
	quotas    quotas
	pulses    []pulse   // by head
	pools     []reserve // by head
	pooling   []int     // the heads that have one
	samples   slab[pooled]
	unseen    []uint32   // samples that wait for the watermark: heap by time
	now       event.Time // of what is being done: of the timer that fires, else the watermark
	clock     event.Time // the greatest time of an exposure or outcome so far

	byKey  index // (request, item) → id of the impression
	byUser index // (user, item) → the newest impression in its chain
	byList index // request → list; see coldList

	impSet  *dirty.Set
	listSet *dirty.Set
	restSet *dirty.Set

	sampleSet    *dirty.Set
	sampleBefore func(a, b uint32) bool
	unseenBefore func(a, b uint32) bool

	cold         dirty.Reader
	limit        int64 // of bytes; 0: none
	sweep        sweep
	reads        int64       // impressions and lists read back
	err          error       // sticky
	key, value   []byte      // scratch
	stateScratch []headState // scratch
	rawScratch   []float32   // scratch

	loading       []loading // between Load and EndLoad
	newest        uint64    // seq that was loaded
	contextBytes  []byte    // scratch
	sharedScratch []float32
	ownScratch    []float32
	placed        Place              // scratch
	nothing       [packHeader]uint32 // the empty pack; never written to
}

// none is the watermark before time has passed at all.
const none = event.Time(math.MinInt64)

// New returns a Joiner that puts out to sink.
func New(o Options, sink Sink) (*Joiner, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("feedback: %w", err)
	}
	j := &Joiner{
		rules:            rulesOf(o.Heads),
		wait:             event.Time(o.ExposureWait),
		positions:        float32s(o.Positions),
		scenes:           map[uint64][]float32{},
		clip:             o.ShownClip,
		servedIsExposure: maps.Clone(o.ServedIsExposure),
		minVisible:       o.MinVisible,
		stalls:           o.Stalls,
		pulses:           make([]pulse, len(o.Heads)),
		clock:            none,
		now:              none,
		quotas:           quotas{most: uint32(o.MaxOutcomes)},
		sink:             sink,
		examiner:         o.Examiner,
		judged:           o.Judged,
		weigher:          o.Weigher,
		watch:            o.Watch,
		watermark:        none,
		tombs:            newTombstones(o.LateMemory, o.LateMax),
		cold:             o.Cold,
		limit:            o.Bytes,
	}
	j.timers = newTimers(j.dueFor)
	for i, h := range o.Heads {
		j.pools = append(j.pools, reserve{size: h.Sampling.Pool})
		if h.Sampling.Pool > 0 {
			j.pools[i].slice = event.Time(h.Sampling.Slice)
			j.pooling = append(j.pooling, i)
			j.slice = max(j.slice, j.pools[i].slice)
		}
		window := event.Time(h.Window)
		j.heads = append(j.heads, j.newHead(&h))
		j.longest = max(j.longest, window)
		j.fresh = j.fresh || h.Delay != Close
		j.counts.Heads = append(j.counts.Heads, HeadCounters{Name: h.Name})
	}
	for scene, table := range o.ScenePositions {
		j.scenes[HashScene(scene)] = float32s(table)
	}
	j.impSet = dirty.NewSet((*impressionTable)(j))
	j.listSet = dirty.NewSet((*listTable)(j))
	j.restSet = dirty.NewSet((*restTable)(j))
	j.sampleSet = dirty.NewSet((*poolTable)(j))
	j.sampleBefore = func(a, b uint32) bool { return j.samples.at(a).before(j.samples.at(b)) }
	j.unseenBefore = func(a, b uint32) bool {
		x, y := j.samples.at(a), j.samples.at(b)
		return x.time < y.time || x.time == y.time && x.birth < y.birth
	}
	j.quotas.set = dirty.NewSet(&j.quotas)
	j.tombs.set, j.tombs.forgotten = j.restSet, &j.counts.Forgotten
	return j, nil
}

func (j *Joiner) newHead(o *HeadOptions) head {
	h := head{
		name: o.Name, window: event.Time(o.Window), delay: o.Delay, examined: o.Examination != ExamineNone, confirms: o.Confirm != nil,
		cap: o.ValueCap, keep: math.MaxUint64, inverse: 1, odds: o.Sampling.Odds, unseen: float32(o.Unseen.Weight), raw: -1,
	}
	if keep := o.Sampling.Keep; keep < 1 {
		h.keep = uint64(keep * (1 << 63) * 2)
		if !h.odds {
			h.inverse = float32(1 / keep)
		}
	}
	if o.Raw {
		h.raw = j.raws
		j.raws++
	}
	return h
}

// Columns returns how many predictions a Captured has: one for each head, and a raw one for each of those that keep one.
func (j *Joiner) Columns() int { return len(j.heads) + j.raws }

// Advance moves the time to watermark, before which no more events are expected, and does what has become due: in
// the order of the due times, and at equal ones in the order in which the impressions came to be shown. Time never
// moves back: an earlier watermark is ignored.
func (j *Joiner) Advance(watermark event.Time) {
	if watermark <= j.watermark || j.err != nil {
		return
	}
	j.touchRest()
	j.watermark = watermark
	j.tombs.expire(watermark)
	j.quotas.expire(watermark)
	for j.err == nil {
		t, ok := j.timers.next(watermark)
		if !ok {
			break
		}
		if j.timers.valid(t) {
			j.now = max(j.now, t.at)
			j.emptyBefore(j.now, true)
			j.fire(t)
			j.relieve()
		}
	}
	if j.err == nil {
		j.now = watermark
		j.emptyBefore(watermark, false)
	}
	j.tombs.evict(watermark)
}

// Pending returns the number of impressions that wait for something: those shown, those served and not yet shown,
// and outcomes without an exposure.
func (j *Joiner) Pending() int { return j.stubs.live() }

// NextTimer returns the earliest time that the watermark has to pass, by a nanosecond at least, for something to happen.
func (j *Joiner) NextTimer() (event.Time, bool) {
	t, ok := j.timers.first()
	return t.at, ok
}

// Longest returns how far the watermark has to pass the last event's time, and itself, for everything to be closed and every pool
// to be empty.
func (j *Joiner) Longest() time.Duration { return time.Duration(max(j.longest, j.wait) + j.slice) }

// Counters returns a copy of the counters.
func (j *Joiner) Counters() Counters {
	c := j.counts
	c.Heads = slices.Clone(c.Heads)
	for h := range j.pulses {
		if p := &j.pulses[h]; p.stalled {
			c.Heads[h].Stalled, c.Heads[h].StalledFrom = true, p.from
		}
	}
	return c
}

// Erase forgets the pending impressions of user, unlearned, and returns how many there were. It looks at every
// pending impression. What is already closed is remembered by hashes only, until LateMemory is over.
func (j *Joiner) Erase(user string) int {
	if j.err != nil {
		return 0
	}
	j.touchRest()
	hash, n := HashUser(user), 0
	for id := range j.stubs.all {
		if b := j.stubs.at(id); b.slot == 0 && (b.hint^uint32(hash))&hintUser != 0 {
			continue
		}
		if !j.warm(id) {
			break
		}
		s := j.at(id)
		if s.user != hash {
			continue
		}
		for h := range j.heads {
			if s.flags&isExposed != 0 && j.state(id, h).open() {
				j.counts.Heads[h].Pending--
				j.counts.Heads[h].Erased++
			}
		}
		j.watch.Ended(j.birth(id), EndErased)
		j.free(id)
		n++
	}
	j.quotas.erase(hash)
	j.erasePooled(hash)
	j.eraseUnseen(hash)
	j.relieve()
	return n
}

// Sets returns the tables of the join, for checkpoints.
func (j *Joiner) Sets() []*dirty.Set {
	return []*dirty.Set{j.impSet, j.listSet, j.restSet, j.quotas.set, j.sampleSet}
}
