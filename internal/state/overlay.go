package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// overlay is the newest record of every key in a run of deltas, in the order of the keys. It holds the keys and where
// the records lie, about 50 bytes a record; values stay in the files.
type overlay struct {
	deltas []*delta // ascending
	files  []*os.File
	keys   []byte // all keys
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

// openOverlay opens the deltas' files, so that they may be removed while it is in use.
func openOverlay(deltas []*delta) (*overlay, error) {
	o := &overlay{deltas: deltas}
	for _, d := range deltas {
		f, err := os.Open(d.path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("checkpoint %d: %w", d.meta.Epoch, err), o.close())
		}
		o.files = append(o.files, f)
	}
	return o, nil
}

func (o *overlay) close() error {
	var errs []error
	for _, f := range o.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// index reads all deltas and finds the newest record of every key with the given prefix.
func (o *overlay) index(prefix []byte) error {
	for i, d := range o.deltas {
		err := d.scan(o.files[i], func(r record, off int64, size int) {
			if bytes.HasPrefix(r.key, prefix) {
				o.add(r.key, uint16(i), off, size)
			}
		})
		if err != nil {
			return err
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
	d := o.deltas[r.delta]
	if cap(o.buf) < int(r.size) {
		o.buf = make([]byte, 2*r.size)
	}
	b := o.buf[:r.size]
	if _, err := o.files[r.delta].ReadAt(b, r.off); err != nil {
		return record{}, d.failed(d.meta.Epoch, readFailed(err))
	}
	rec, _, err := decodeRecord(b)
	if err == nil {
		err = rec.check(b)
	}
	if err != nil {
		return record{}, d.failed(d.meta.Epoch, err)
	}
	return rec, nil
}

func readFailed(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("file has become shorter: %w", ErrCorrupt)
	}
	return err
}
