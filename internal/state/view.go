package state

import (
	"bytes"
	"fmt"

	"recsvc/internal/dirty"
)

// view is one committed checkpoint, whole: badger's entries with the deltas over them. Neither commits nor folds change it.
type view struct {
	meta Meta
	layers
	overlay *overlay
}

// tables is a set of tables, by the first byte of their keys.
type tables [256]bool

// selection is which entries of a view are wanted.
type selection struct {
	prefix []byte
	skip   tables
}

func (w *selection) wants(key []byte) bool { return !w.skip[key[0]] && bytes.HasPrefix(key, w.prefix) }

func (s *Store) view() (*view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("state: %w", ErrClosed)
	}
	s.readers.Add(1)
	s.layers.hold()
	return &view{meta: s.latest(), layers: s.layers, overlay: &overlay{deltas: s.deltas, seed: s.seed}}, nil
}

func (s *Store) release(v *view) {
	s.mu.Lock()
	v.layers.release()
	s.mu.Unlock()
	s.readers.Done()
}

// each calls fn for every entry whose key has the prefix; see walk.
func (v *view) each(prefix []byte, fn func(record) error) error {
	return v.walk(selection{prefix: prefix}, nil, fn)
}

// walk calls fn for every entry that is wanted, in the order of the keys, each checked against its sum. key and value are valid
// during the call. see, unless nil, is shown every record of the deltas first, also those that newer ones hide.
func (v *view) walk(want selection, see func(*delta, record) error, fn func(record) error) error {
	if err := v.overlay.index(want.wants, see); err != nil {
		return err
	}
	base := v.base.cursor(want)
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
// value. Each entry is checked against its sum, and all together against the Meta's digests and numbers: only when
// Load returns nil was what fn saw whole. Load returns fn's error as it is.
func (s *Store) Load(fn func(key, value []byte, sum dirty.Sum) error) error {
	return s.LoadTables(nil, fn)
}

// LoadTables is Load without the tables for which skip returns true: their values are not read, and nothing is said about
// them. The others are checked against their Shards. skip is asked for each of Meta.Shards, and not at all when there are none,
// as in a checkpoint of an older version: then everything is loaded. A nil skip skips nothing.
func (s *Store) LoadTables(skip func(prefix byte) bool, fn func(key, value []byte, sum dirty.Sum) error) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	defer s.release(v)
	var want selection
	for _, h := range v.meta.Shards {
		want.skip[h.Prefix] = skip != nil && skip(h.Prefix)
	}
	var found tally
	err = v.walk(want, nil, func(r record) error {
		found.add(r)
		return fn(r.key, r.value, r.sum)
	})
	if err != nil {
		return err
	}
	if err := found.compare(v.meta, want.skip); err != nil {
		return fmt.Errorf("checkpoint %d in %s: %w; %s", v.meta.Epoch, s.dir, err, remedy)
	}
	return nil
}

// tally counts the entries of each table.
type tally [256]Shard

func (t *tally) add(r record) {
	h := &t[r.key[0]]
	h.Entries++
	h.Digest.Add(r.sum)
}

// compare says which table is not what m says of it.
func (t *tally) compare(m Meta, skipped tables) error {
	var want tally
	for _, h := range m.Shards {
		want[h.Prefix] = h
	}
	var all Shard
	whole := true
	for p := range t {
		found, expected := t[p], want[p]
		all.Entries += found.Entries
		all.Digest.Add(found.Digest)
		whole = whole && !skipped[p]
		if len(m.Shards) > 0 && !skipped[p] && (found.Entries != expected.Entries || found.Digest != expected.Digest) {
			return fmt.Errorf("%s: %w", Shard{Prefix: byte(p)}.name(), differs(found, expected))
		}
	}
	if expected := (Shard{Entries: m.Entries, Digest: m.Digest}); whole && all != expected {
		return differs(all, expected)
	}
	return nil
}

func differs(found, expected Shard) error {
	return fmt.Errorf("%d entries with digest %v found, %d with %v expected: %w",
		found.Entries, found.Digest, expected.Entries, expected.Digest, ErrCorrupt)
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
