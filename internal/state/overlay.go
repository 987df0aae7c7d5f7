package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// overlay is the newest record of every key in a run of deltas, in the order of the keys. It holds the keys and where
// the records lie, about 60 bytes a record; values stay in the files, which somebody must hold meanwhile.
type overlay struct {
	deltas []*delta // ascending
	seed   maphash.Seed
	around func(scan func() error) error // every scan of a delta; nil: nothing
	parts  []part                        // by delta
	refs   []ref
	buf    []byte
}

// part is what is wanted of one delta.
type part struct {
	keys []byte
	refs []ref
}

// ref is one record.
type ref struct {
	head, tail uint64 // first sixteen bytes of the key, to sort by: as a rule all of it
	off        int64  // of the record in its file
	key        uint64 // place in the part's keys
	size       uint32 // of the record
	keyLen     uint16
	delta      uint16 // its place in deltas
}

// index reads all deltas and finds the newest record of every key that is wanted. see, unless nil, is shown every record, also those
// that newer ones hide; without it, and without around, deltas are read beside one another.
func (o *overlay) index(wanted func(key []byte) bool, see func(d *delta, r record) error) error {
	o.parts = make([]part, len(o.deltas))
	var g errgroup.Group
	g.SetLimit(1)
	if see == nil && o.around == nil {
		g.SetLimit(runtime.GOMAXPROCS(0))
	}
	for i := range o.deltas {
		g.Go(func() error { return o.indexDelta(i, wanted, see) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	o.refs = o.merge()
	o.refs = slices.CompactFunc(o.refs, o.same)
	return nil
}

// indexDelta finds what is wanted of one delta, in the order of the keys.
func (o *overlay) indexDelta(i int, wanted func(key []byte) bool, see func(d *delta, r record) error) error {
	d, p := o.deltas[i], &o.parts[i]
	var indexing *indexer // what is read anyway makes the index that Get would have to build
	if d.index.Load() == nil {
		indexing = &indexer{seed: o.seed}
	}
	scan := func() error {
		return d.scan(d.file, func(r record, off int64, size int) error {
			if wanted(r.key) {
				p.add(r.key, uint16(i), off, size)
			}
			if indexing != nil {
				indexing.add(r.key, off, size)
			}
			if see != nil {
				return see(d, r)
			}
			return nil
		})
	}
	if o.around != nil {
		inner := scan
		scan = func() error { return o.around(inner) }
	}
	if err := scan(); err != nil {
		return err
	}
	if indexing != nil {
		d.index.CompareAndSwap(nil, indexing.build())
	}
	slices.SortFunc(p.refs, o.compare)
	return nil
}

func (p *part) add(key []byte, delta uint16, off int64, size int) {
	var front [16]byte
	copy(front[:], key)
	p.refs = append(p.refs, ref{
		head: binary.BigEndian.Uint64(front[:8]), tail: binary.BigEndian.Uint64(front[8:]), off: off,
		key: uint64(len(p.keys)), size: uint32(size),
		keyLen: uint16(len(key)), delta: delta,
	})
	p.keys = append(p.keys, key...)
}

func (o *overlay) key(r ref) []byte { return o.parts[r.delta].keys[r.key : r.key+uint64(r.keyLen)] }

// compareKeys orders by key.
func (o *overlay) compareKeys(a, b ref) int {
	if c := cmp.Compare(a.head, b.head); c != 0 {
		return c
	}
	if c := cmp.Compare(a.tail, b.tail); c != 0 {
		return c
	}
	if a.keyLen <= 16 && b.keyLen <= 16 { // what is shorter was filled up with zeros
		return cmp.Compare(a.keyLen, b.keyLen)
	}
	return bytes.Compare(o.key(a), o.key(b))
}

func (o *overlay) same(a, b ref) bool { return o.compareKeys(a, b) == 0 }

// compare orders by key, the newest record of a key first. Within a delta the later record is the newer.
func (o *overlay) compare(a, b ref) int {
	if c := o.compareKeys(a, b); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(b.delta, a.delta), cmp.Compare(b.off, a.off))
}

// merge puts the parts together, two at a time.
func (o *overlay) merge() []ref {
	var lists [][]ref
	for i := range o.parts {
		lists = append(lists, o.parts[i].refs)
		o.parts[i].refs = nil
	}
	for len(lists) > 1 {
		var merged [][]ref
		for pair := range slices.Chunk(lists, 2) {
			if len(pair) == 2 {
				pair[0] = o.mergeTwo(pair[0], pair[1])
			}
			merged = append(merged, pair[0])
		}
		lists = merged
	}
	if len(lists) == 0 {
		return nil
	}
	return lists[0]
}

func (o *overlay) mergeTwo(a, b []ref) []ref {
	out := make([]ref, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if o.compare(a[0], b[0]) <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// read returns the i-th record, checked. It is valid until the next call.
func (o *overlay) read(i int) (record, error) {
	r := o.refs[i]
	if cap(o.buf) < int(r.size) {
		o.buf = make([]byte, 2*r.size)
	}
	return o.deltas[r.delta].read(o.buf[:r.size], r.off)
}
