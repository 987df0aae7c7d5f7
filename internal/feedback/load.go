package feedback

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"recsvc/internal/dirty"
)

// ErrHeads reports a checkpoint that was made with other heads. What was pending then cannot be learned now.
var ErrHeads = errors.New("pending impressions were parked for other heads")

// loading is an impression in memory that was loaded and has no list yet.
type loading struct {
	id      uint32
	request uint64
}

// parsed is an impression as its entry has it.
type parsed struct {
	impression
	seq     uint64
	request uint64      // hash; 0: none
	states  []headState // a scratch
	raws    []float32   // a scratch
}

// Load takes one entry of a checkpoint. It belongs before anything else that changes the Joiner; entries may come in
// any order. EndLoad completes it. After an error the Joiner is of no use.
func (j *Joiner) Load(key, value []byte, sum dirty.Sum) error {
	err := j.load(key, value, sum)
	if err != nil {
		return fmt.Errorf("load join entry %x: %w", key, err)
	}
	return nil
}

func (j *Joiner) load(key, value []byte, sum dirty.Sum) error {
	switch {
	case len(key) == 9 && key[0] == prefixImpression:
		return j.loadImpression(binary.BigEndian.Uint64(key[1:]), value, sum)
	case len(key) == 9 && key[0] == prefixList:
		return j.loadList(binary.BigEndian.Uint64(key[1:]), value, sum)
	case len(key) == 2 && key[0] == prefixRest && key[1] == restGlobals:
		return j.loadGlobals(value, sum)
	case len(key) == 10 && key[0] == prefixRest && key[1] == restPage:
		return j.loadPage(binary.BigEndian.Uint32(key[2:]), binary.BigEndian.Uint32(key[6:]), value, sum)
	}
	if len(key) == 10 && key[0] == prefixRest && key[1] == restQuota {
		return j.quotas.load(binary.BigEndian.Uint64(key[2:]), value, sum)
	}
	if len(key) == 11 && key[0] == prefixRest && key[1] == restSample {
		return j.loadPooled(binary.BigEndian.Uint64(key[2:]), key[10], value, sum)
	}
	return fmt.Errorf("%w: key of no table", ErrCorrupt)
}

// loadImpression links an impression but for its list, which may come later. It stays in memory if there is room.
func (j *Joiner) loadImpression(birth uint64, value []byte, sum dirty.Sum) error {
	p, err := j.parseImpression(birth, value)
	if err != nil {
		return err
	}
	if p.key != 0 && j.byKey.get(p.key) != 0 {
		return fmt.Errorf("%w: request and item twice", ErrCorrupt)
	}
	id := j.stubs.alloc()
	b := j.stubs.at(id)
	b.birth, b.seq = birth, p.seq
	slot := j.place(id, &p)
	j.impSet.Loaded(slot, sum)
	if p.key != 0 {
		j.byKey.put(p.key, id)
	}
	if err := j.chainLoaded(id); err != nil {
		return err
	}
	if p.request != 0 {
		j.countMember(p.request)
	}
	j.schedule(id)
	j.newest = max(j.newest, p.seq)
	if j.crowded() && j.evictable(slot) {
		j.evict(slot)
		return nil
	}
	j.loading = append(j.loading, loading{id, p.request})
	return nil
}

// parseImpression reads an impression; its pack lies in the arena.
func (j *Joiner) parseImpression(birth uint64, value []byte) (p parsed, err error) {
	r := reader{buf: value}
	r.version(impressionV4)
	p.flags = r.flags(impFlags)
	p.seq, p.key, p.userItem, p.user, p.request = r.u64(), r.u64(), r.u64(), r.u64(), r.u64()
	p.base, p.floor, p.tag = r.time(), r.time(), r.u64()
	p.position, p.mate, p.item = int32(r.u32()), r.u16(), r.u64()
	p.theta, p.weight = r.float(), r.float()
	if n := r.u8(); r.err == nil && int(n) != len(j.heads) {
		return p, fmt.Errorf("%w: %d heads, configured %d", ErrHeads, n, len(j.heads))
	}
	j.stateScratch = j.stateScratch[:0]
	for range j.heads {
		j.stateScratch = append(j.stateScratch, headState{flags: uint16(r.flags(headFlags)), gain: r.u16(), p: r.float(), at: r.time()})
	}
	p.states = j.stateScratch
	if n := r.u8(); r.err == nil && int(n) != j.raws {
		return p, fmt.Errorf("%w: %d raw predictions, configured %d", ErrHeads, n, j.raws)
	}
	j.rawScratch = j.rawScratch[:0]
	for range j.raws {
		j.rawScratch = append(j.rawScratch, r.float())
	}
	p.raws = j.rawScratch
	p.pack = r.packed(&j.arena)
	switch err = r.end(); {
	case err != nil:
	case p.seq == 0 || birth == 0 || birth > p.seq:
		err = fmt.Errorf("%w: birth %d with sequence number %d", ErrCorrupt, birth, p.seq)
	case p.request == 0 && p.flags&(listShared|listContext) != 0:
		err = fmt.Errorf("%w: shares with a list, and has none", ErrCorrupt)
	}
	if err != nil {
		j.freePack(p.pack)
	}
	return p, err
}

// place gives an impression a slot.
func (j *Joiner) place(id uint32, p *parsed) (slot uint32) {
	slot = j.newSlot()
	p.id = id
	*j.imps.at(slot) = p.impression
	copy(j.row(slot), p.states)
	copy(j.rawRow(slot), p.raws)
	j.stubs.at(id).slot = slot
	return slot
}

// countMember counts a member of a list, whether or not the list was loaded yet. EndLoad counts those in memory.
func (j *Joiner) countMember(request uint64) {
	known := j.byList.get(request)
	switch {
	case known == 0:
		j.byList.put(request, coldList|1)
	case known&coldList != 0:
		j.byList.put(request, known+1)
	default:
		j.lists.at(known).members++
	}
}

// crowded reports whether there is no more room for what need not be in memory.
func (j *Joiner) crowded() bool { return j.cold != nil && j.limit > 0 && j.hot() > j.allowed() }

func (j *Joiner) loadList(hash uint64, value []byte, sum dirty.Sum) error {
	l, err := j.parseList(hash, value)
	if err != nil {
		return err
	}
	known := j.byList.get(hash)
	if known != 0 && known&(coldList|loadedList) != coldList || hash == 0 {
		j.freePack(l.pack)
		return fmt.Errorf("%w: list twice, or without a hash", ErrCorrupt)
	}
	l.members = known & listMembers
	id := j.lists.alloc()
	*j.lists.at(id) = l
	j.byList.put(hash, id)
	j.listSet.Loaded(id, sum)
	if j.crowded() {
		j.evictList(id)
	}
	return nil
}

// parseList reads a list; its pack lies in the arena.
func (j *Joiner) parseList(hash uint64, value []byte) (list, error) {
	r := reader{buf: value}
	r.version(listV2)
	l := list{hash: hash, scene: r.u64(), variant: r.u64(), pack: r.packed(&j.arena)}
	err := r.end()
	if err != nil {
		j.freePack(l.pack)
	}
	return l, err
}

func (j *Joiner) loadPage(h, number uint32, value []byte, sum dirty.Sum) error {
	r := reader{buf: value}
	r.version(pageV1)
	n := r.take(2)
	if r.err != nil {
		return r.err
	}
	prints := r.take(8 * uint64(binary.LittleEndian.Uint16(n)))
	if err := r.end(); err != nil {
		return err
	}
	if len(prints) == 0 || len(prints) > 8*pageSize {
		return fmt.Errorf("%w: page of %d prints", ErrCorrupt, len(prints)/8)
	}
	hashes := make([]uint64, 0, len(prints)/8)
	for ; len(prints) > 0; prints = prints[8:] {
		hashes = append(hashes, binary.LittleEndian.Uint64(prints))
	}
	j.restSet.Loaded(j.tombs.load(pageName{h, number}, hashes), sum)
	return nil
}

func (j *Joiner) loadGlobals(value []byte, sum dirty.Sum) error {
	g, err := readGlobals(value)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(g.counts.Heads, j.counts.Heads, func(a, b HeadCounters) bool { return a.Name == b.Name })
	if !same {
		return fmt.Errorf("%w: stored %q, configured %q", ErrHeads, g.counts.names(), j.counts.names())
	}
	if j.seq != 0 {
		return fmt.Errorf("%w: globals twice", ErrCorrupt)
	}
	j.seq, j.watermark, j.counts, j.tombs.floor = g.seq, g.watermark, g.counts, g.floor
	j.pulses, j.clock, j.now = g.pulses, g.clock, g.watermark
	for h, p := range g.pools {
		j.pools[h].open, j.pools[h].floor = p.open, p.floor
	}
	j.restSet.Loaded(0, sum)
	return nil
}

func (c *Counters) names() []string {
	var names []string
	for _, h := range c.Heads {
		names = append(names, h.Name)
	}
	return names
}

// EndLoad links what Load has taken and left in memory, and checks that it fits together.
func (j *Joiner) EndLoad() error {
	if j.newest > j.seq {
		return fmt.Errorf("%w: sequence number %d after %d", ErrCorrupt, j.newest, j.seq)
	}
	for hash, known := range j.byList.all {
		switch {
		case known&coldList == 0 && j.lists.at(known).members == 0, known&coldList != 0 && known&listMembers == 0:
			return fmt.Errorf("%w: list %x has no impressions", ErrCorrupt, hash)
		case known&(coldList|loadedList) == coldList:
			return fmt.Errorf("%w: no list %x", ErrCorrupt, hash)
		}
	}
	slices.SortFunc(j.loading, func(a, b loading) int {
		return cmp.Compare(j.stubs.at(a.id).seq, j.stubs.at(b.id).seq)
	})
	for _, l := range j.loading {
		if !j.link(l) {
			return j.err
		}
	}
	j.loading = nil
	j.tombs.endLoad(j.watermark)
	if err := j.counts.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// link gives an impression in memory its list. They come by seq, which is the order of every queue. One whose list found
// no room leaves memory too, if it may.
func (j *Joiner) link(l loading) bool {
	b := j.stubs.at(l.id)
	if l.request != 0 {
		if j.byList.get(l.request)&coldList != 0 && j.evictable(b.slot) {
			j.evict(b.slot)
			return true
		}
		if !j.warmList(l.request) {
			return false
		}
		list := j.byList.get(l.request)
		j.lists.at(list).hot++
		j.imps.at(b.slot).list = list
	}
	if j.imps.at(b.slot).flags&isUnlearned != 0 {
		j.enqueue(l.id)
	}
	return true
}
