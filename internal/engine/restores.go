package engine

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"recsvc/internal/dirty"
)

// restores remembers which snapshots the log has rolled back to: whoever makes the state anew from the log needs them
// again. The writer adds; anyone may ask.
type restores struct {
	mu  sync.Mutex
	ids []string
	set *dirty.Set
}

// restoreV1: version u8 | id. Key: prefix | number u32, big-endian.
const (
	prefixRestore = 'r'
	restoreV1     = 1
)

var errRestores = errors.New("a remembered restore is of an unknown version")

func newRestores() *restores {
	r := &restores{}
	r.set = dirty.NewSet(r)
	return r
}

func (r *restores) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.ids, id) {
		r.set.Touch(uint32(len(r.ids)))
		r.ids = append(r.ids, id)
	}
}

// has reports whether the log has rolled back to the snapshot.
func (r *restores) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.ids, id)
}

// AppendKey implements dirty.Table.
func (r *restores) AppendKey(dst []byte, i uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, prefixRestore), i)
}

// AppendValue implements dirty.Table.
func (r *restores) AppendValue(dst []byte, i uint32) []byte {
	return append(append(dst, restoreV1), r.ids[i]...)
}

func (r *restores) load(key, value []byte, sum dirty.Sum) error {
	if len(key) != 5 || len(value) < 1 || value[0] != restoreV1 {
		return errRestores
	}
	i := binary.BigEndian.Uint32(key[1:])
	for len(r.ids) <= int(i) {
		r.ids = append(r.ids, "")
	}
	r.ids[i] = string(value[1:])
	r.set.Loaded(i, sum)
	return nil
}
