package state

import (
	"bytes"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"recsvc/internal/dirty"
)

// view is one committed checkpoint, whole: badger's entries with the deltas over them. Neither commits nor folds change it.
type view struct {
	meta    Meta
	overlay *overlay
	txn     *badger.Txn
}

func (s *Store) view() (*view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("state: %w", ErrClosed)
	}
	// A fold in progress has put some of the deltas' entries into badger; the overlay has them all and wins.
	o, err := openOverlay(s.deltas)
	if err != nil {
		return nil, err
	}
	s.readers.Add(1)
	return &view{meta: s.latest(), overlay: o, txn: s.db.NewTransaction(false)}, nil
}

func (s *Store) release(v *view) {
	v.txn.Discard()
	_ = v.overlay.close() // only read from
	s.readers.Done()
}

// each calls fn for every entry whose key has the prefix, in the order of the keys, each checked against its sum. key and
// value are valid during the call.
func (v *view) each(prefix []byte, fn func(record) error) error {
	if err := v.overlay.index(prefix); err != nil {
		return err
	}
	base := newBaseCursor(v.txn, prefix)
	defer base.close()
	if err := base.next(); err != nil {
		return err
	}
	for i := 0; ; {
		order := 0
		switch top := i < len(v.overlay.refs); {
		case !top && !base.ok:
			return nil
		case !top:
			order = 1
		case !base.ok:
			order = -1
		default:
			order = bytes.Compare(v.overlay.key(v.overlay.refs[i]), base.key)
		}
		if order > 0 {
			if err := fn(base.record); err != nil {
				return err
			}
		} else {
			r, err := v.overlay.read(i)
			if err == nil && r.value != nil {
				err = fn(r)
			}
			if err != nil {
				return err
			}
			i++
		}
		if order >= 0 {
			if err := base.next(); err != nil {
				return err
			}
		}
	}
}

// Load calls fn for every entry of the last committed checkpoint, in the order of the keys. fn must not keep key or
// value. Each entry is checked against its sum, and all together against the Meta's digest and number: only when
// Load returns nil was what fn saw whole. Load returns fn's error as it is.
func (s *Store) Load(fn func(key, value []byte, sum dirty.Sum) error) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	defer s.release(v)
	var digest dirty.Sum
	var count int64
	err = v.each(nil, func(r record) error {
		digest.Add(r.sum)
		count++
		return fn(r.key, r.value, r.sum)
	})
	if err != nil {
		return err
	}
	if digest != v.meta.Digest || count != v.meta.Entries {
		return fmt.Errorf("checkpoint %d in %s: %d entries with digest %v found, %d with %v expected: %w; %s",
			v.meta.Epoch, s.dir, count, digest, v.meta.Entries, v.meta.Digest, ErrCorrupt, remedy)
	}
	return nil
}

// Pages calls fn for every entry of the last committed checkpoint whose key has the prefix, in the order of the keys,
// each checked against its sum, and returns the description of that very checkpoint, which is shared as Latest's is. It
// is a consistent reading beside whatever is being written. fn must not keep key or value.
func (s *Store) Pages(prefix []byte, fn func(key, value []byte) error) (Meta, error) {
	v, err := s.view()
	if err != nil {
		return Meta{}, err
	}
	defer s.release(v)
	return v.meta, v.each(prefix, func(r record) error { return fn(r.key, r.value) })
}
