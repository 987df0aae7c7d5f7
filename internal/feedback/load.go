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

// loading is an impression that was loaded and is not linked yet.
type loading struct {
	id      uint32
	request uint64
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
	return fmt.Errorf("%w: key of no table", ErrCorrupt)
}

func (j *Joiner) loadImpression(birth uint64, value []byte, sum dirty.Sum) error {
	r := reader{buf: value}
	r.version(impressionV1)
	s := impression{birth: birth, flags: r.flags(impFlags)}
	s.seq, s.key, s.userItem, s.user = r.u64(), r.u64(), r.u64(), r.u64()
	request := r.u64()
	s.base, s.floor = r.time(), r.time()
	s.position, s.theta, s.weight = int32(r.u32()), r.float(), r.float()
	if n := r.u8(); r.err == nil && int(n) != len(j.heads) {
		return fmt.Errorf("%w: %d heads, configured %d", ErrHeads, n, len(j.heads))
	}
	states := make([]headState, len(j.heads))
	for h := range states {
		states[h] = headState{flags: uint32(r.flags(headFlags)), p: r.float(), at: r.time()}
	}
	s.pack = r.packed(&j.arena)
	if err := r.end(); err != nil {
		return err
	}
	if s.seq == 0 || birth == 0 {
		return fmt.Errorf("%w: impression without a sequence number", ErrCorrupt)
	}
	id := j.imps.alloc()
	for len(j.states) < len(j.imps.chunks) {
		j.states = append(j.states, make([]headState, slabSize*len(j.heads)))
	}
	*j.imps.at(id) = s
	for h := range states {
		*j.state(id, h) = states[h]
	}
	j.impSet.Loaded(id, sum)
	j.loading = append(j.loading, loading{id, request})
	return nil
}

func (j *Joiner) loadList(hash uint64, value []byte, sum dirty.Sum) error {
	r := reader{buf: value}
	r.version(listV1)
	l := list{hash: hash, scene: r.u64(), pack: r.packed(&j.arena)}
	if err := r.end(); err != nil {
		return err
	}
	if j.byList[hash] != 0 || hash == 0 {
		return fmt.Errorf("%w: list twice, or without a hash", ErrCorrupt)
	}
	id := j.lists.alloc()
	*j.lists.at(id) = l
	j.byList[hash] = id
	j.listSet.Loaded(id, sum)
	return nil
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
	id := j.tombs.pages.alloc()
	p := j.tombs.pages.at(id)
	p.hour, p.number = h, number
	for ; len(prints) > 0; prints = prints[8:] {
		print := binary.LittleEndian.Uint64(prints)
		p.prints = append(p.prints, print)
		j.tombs.hours[print] = max(h, j.tombs.hours[print])
	}
	j.tombs.queue = append(j.tombs.queue, id)
	j.restSet.Loaded(id, sum)
	return nil
}

func (j *Joiner) loadGlobals(value []byte, sum dirty.Sum) error {
	r := reader{buf: value}
	r.version(globalsV1)
	seq, watermark := r.u64(), r.time()
	var c Counters
	r.counters(c.fixed())
	heads := int(r.u8())
	for i := 0; i < heads && r.err == nil; i++ {
		h := HeadCounters{Name: string(r.take(r.uvarint()))}
		r.counters(h.all())
		c.Heads = append(c.Heads, h)
	}
	if err := r.end(); err != nil {
		return err
	}
	same := slices.EqualFunc(c.Heads, j.counts.Heads, func(a, b HeadCounters) bool { return a.Name == b.Name })
	if !same {
		return fmt.Errorf("%w: stored %q, configured %q", ErrHeads, c.names(), j.counts.names())
	}
	if j.seq != 0 {
		return fmt.Errorf("%w: globals twice", ErrCorrupt)
	}
	j.seq, j.watermark, j.counts = seq, watermark, c
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

// EndLoad links what Load has taken, and checks that it fits together.
func (j *Joiner) EndLoad() error {
	slices.SortFunc(j.loading, func(a, b loading) int {
		return cmp.Compare(j.imps.at(a.id).seq, j.imps.at(b.id).seq)
	})
	for i, l := range j.loading {
		if i > 0 && j.imps.at(l.id).seq == j.imps.at(j.loading[i-1].id).seq {
			return fmt.Errorf("%w: sequence number %d twice", ErrCorrupt, j.imps.at(l.id).seq)
		}
		if err := j.link(l); err != nil {
			return fmt.Errorf("link impression %d: %w", j.imps.at(l.id).birth, err)
		}
	}
	j.loading = nil
	for _, id := range j.byList {
		if j.lists.at(id).members == 0 {
			return fmt.Errorf("%w: list %x has no impressions", ErrCorrupt, j.lists.at(id).hash)
		}
	}
	slices.SortFunc(j.tombs.queue, func(a, b uint32) int {
		p, q := j.tombs.pages.at(a), j.tombs.pages.at(b)
		return cmp.Or(cmp.Compare(p.hour, q.hour), cmp.Compare(p.number, q.number))
	})
	if err := j.counts.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// link puts a loaded impression where it belongs. They come by seq, which is the order of every chain and queue.
func (j *Joiner) link(l loading) error {
	s := j.imps.at(l.id)
	if s.seq > j.seq || s.birth > s.seq {
		return fmt.Errorf("%w: sequence number %d after %d", ErrCorrupt, s.seq, j.seq)
	}
	if l.request != 0 {
		if s.list = j.byList[l.request]; s.list == 0 {
			return fmt.Errorf("%w: no list %x", ErrCorrupt, l.request)
		}
		j.lists.at(s.list).members++
	} else if s.flags&(listShared|listContext) != 0 {
		return fmt.Errorf("%w: shares with a list, and has none", ErrCorrupt)
	}
	if s.key != 0 {
		if j.byKey[s.key] != 0 {
			return fmt.Errorf("%w: request and item twice", ErrCorrupt)
		}
		j.byKey[s.key] = l.id
	}
	j.chain(l.id)
	if s.flags&isUnlearned != 0 {
		j.enqueue(l.id)
	}
	j.schedule(l.id)
	return nil
}
