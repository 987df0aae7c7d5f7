package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// overlay is the newest record of every key in a run of deltas, in the order of the keys. It holds the keys and where
// the records lie, about 50 bytes a record; values stay in the files, which somebody must hold meanwhile.
type overlay struct {
	deltas []*delta // ascending
	seed   maphash.Seed
	around func(scan func() error) error // every scan of a delta; nil: nothing
	keys   []byte                        // all keys
	refs   []ref
	buf    []byte
}

// ref is one record.
type ref struct {
	head   uint64 // first eight bytes of the key, to sort by
	off    int64  // of the record in its file
	key    uint64 // place in keys
	size   uint32 // of the record
	keyLen uint16
	delta  uint16 // its place in deltas
}

// index reads all deltas and finds the newest record of every key that is wanted. see, unless nil, is shown every record, also those
// that newer ones hide.
func (o *overlay) index(wanted func(key []byte) bool, see func(d *delta, r record) error) error {
	for i, d := range o.deltas {
		var indexing *indexer // what is read anyway makes the index that Get would have to build
		if d.index.Load() == nil {
			indexing = &indexer{seed: o.seed}
		}
		scan := func() error {
			return d.scan(d.file, func(r record, off int64, size int) error {
				if wanted(r.key) {
					o.add(r.key, uint16(i), off, size)
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
	}
	slices.SortFunc(o.refs, o.compare)
	o.refs = slices.CompactFunc(o.refs, func(a, b ref) bool { return a.head == b.head && bytes.Equal(o.key(a), o.key(b)) })
	return nil
}

func (o *overlay) add(key []byte, delta uint16, off int64, size int) {
	var head [8]byte
	copy(head[:], key)
	o.refs = append(o.refs, ref{
		head: binary.BigEndian.Uint64(head[:]), off: off,
		key: uint64(len(o.keys)), size: uint32(size),
		keyLen: uint16(len(key)), delta: delta,
	})
	o.keys = append(o.keys, key...)
}

func (o *overlay) key(r ref) []byte { return o.keys[r.key : r.key+uint64(r.keyLen)] }

// compare orders by key, the newest record of a key first. Within a delta the later record is the newer.
func (o *overlay) compare(a, b ref) int {
	if c := cmp.Compare(a.head, b.head); c != 0 {
		return c
	}
	if c := bytes.Compare(o.key(a), o.key(b)); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(b.delta, a.delta), cmp.Compare(b.off, a.off))
}

// read returns the i-th record, checked. It is valid until the next call.
func (o *overlay) read(i int) (record, error) {
	r := o.refs[i]
	if cap(o.buf) < int(r.size) {
		o.buf = make([]byte, 2*r.size)
	}
	return o.deltas[r.delta].read(o.buf[:r.size], r.off)
}
