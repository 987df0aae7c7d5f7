package state

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"recsvc/internal/dirty"
)

// Get appends the value that key has in the last committed checkpoint to dst and returns the extended slice with the entry's
// sum; ok is false, and dst comes back as it was, when key has none. What is returned was checked against its sum:
// ErrCorrupt when it is not what was stored. What badger has lost altogether looks like a key that never was; Load and
// Scrub find that.
//
// It costs one or two random reads, of memory as a rule. It is safe for concurrent use and waits neither for commits nor
// for folds. The free room of dst is overwritten, and grows by up to the length of key and value when there is too little.
func (s *Store) Get(dst, key []byte) (value []byte, sum dirty.Sum, ok bool, err error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return dst, dirty.Sum{}, false, fmt.Errorf("state: %w", ErrClosed)
	}
	if len(key) == 0 {
		return dst, dirty.Sum{}, false, nil
	}
	hash := keyHash(s.seed, key)
	f, err := s.filtered()
	if err != nil {
		return dst, dirty.Sum{}, false, err
	}
	if !f.has(hash) {
		return s.base.lookUp(dst, key)
	}
	for _, d := range slices.Backward(s.deltas) {
		grown, r, found, err := d.lookUp(dst, key, s.seed, hash)
		if err != nil {
			return dst, dirty.Sum{}, false, err
		}
		if found {
			return append(grown, r.value...), r.sum, r.value != nil, nil
		}
		dst = grown
	}
	return s.base.lookUp(dst, key)
}

// lookUp is Get in badger. Damaged tables can make it panic.
func (b *base) lookUp(dst, key []byte) (value []byte, sum dirty.Sum, ok bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			value, ok, err = dst, false, fmt.Errorf("database: entry %x: badger: %v: %w; %s", key, r, ErrCorrupt, remedy)
		}
	}()
	item, err := b.txn.Get(appendBaseKey(make([]byte, 0, 64), key))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return dst, dirty.Sum{}, false, nil
	}
	if err != nil {
		return dst, dirty.Sum{}, false, fmt.Errorf("database: entry %x: %w", key, err)
	}
	value = append(dst, key...) // the sum wants the key in front
	err = item.Value(func(stored []byte) error {
		var v []byte
		if sum, v, err = decodeBaseValue(stored); err == nil {
			value = append(value, v...)
		}
		return err
	})
	if err == nil && dirty.SumJoined(value[len(dst):], len(key)) != sum {
		err = fmt.Errorf("checksum differs: %w", ErrCorrupt)
	}
	if err != nil {
		return dst, dirty.Sum{}, false, fmt.Errorf("database: entry %x: %w; %s", key, err, remedy)
	}
	n := copy(value[len(dst):], value[len(dst)+len(key):])
	return value[:len(dst)+n], sum, true, nil
}
