package state

import (
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// layers are what readers see: badger as the last fold left it, and the deltas since, which lie over it, ascending. They are
// replaced as a whole and never changed.
type layers struct {
	base   *base
	deltas []*delta
}

// base is a reading of badger that all readers share. It is not each reader's own because badger makes whoever begins one
// wait for the sync of a transaction in progress: a fold would stop them for milliseconds at a time.
type base struct {
	txn  *badger.Txn
	held int // by how many; under Store.mu
}

func newBase(db *badger.DB) *base { return &base{txn: db.NewTransaction(false)} }

// hold keeps the layers readable until release. Both are called under Store.mu.
func (l layers) hold() {
	l.base.held++
	for _, d := range l.deltas {
		d.held++
	}
}

func (l layers) release() {
	if l.base.held--; l.base.held == 0 {
		l.base.txn.Discard()
	}
	for _, d := range l.deltas {
		if d.held--; d.held == 0 {
			_ = d.file.Close() // it was synced, and only read since
		}
	}
}

// show makes readers see l from now on. f holds all keys of its deltas, at least; nil: to be made when it is needed. Under mu, or
// before the store is shared.
func (s *Store) show(l layers, f *filter) {
	l.hold()
	s.gate.Lock()
	old := s.layers
	s.layers = l
	s.filter.Store(f)
	s.gate.Unlock()
	if old.base != nil {
		old.release()
	}
	s.countDeltas()
}

// push makes d the last checkpoint that readers see. Under mu, as pop and settle.
func (s *Store) push(d *delta) {
	f := s.filter.Load()
	if x := d.index.Load(); f != nil && x != nil {
		f.add(x)
	} else {
		f = nil
	}
	s.show(layers{base: s.base, deltas: append(slices.Clone(s.deltas), d)}, f)
}

// pop makes readers see the checkpoint before the last.
func (s *Store) pop() {
	s.show(layers{base: s.base, deltas: slices.Clone(s.deltas[:len(s.deltas)-1])}, s.filter.Load())
}

// settle makes readers see b in the place of the oldest n deltas.
func (s *Store) settle(b *base, n int) {
	s.show(layers{base: b, deltas: slices.Clone(s.deltas[n:])}, s.filterOver(s.deltas[n:]))
}

// countDeltas keeps the gauges. Under mu, or before the store is shared.
func (s *Store) countDeltas() {
	s.metrics.deltas.Set(float64(len(s.deltas)))
	s.metrics.deltaBytes.Set(float64(deltaBytes(s.deltas)))
	s.metrics.indexBytes.Set(float64(indexBytes(s.deltas)))
}

func deltaBytes(deltas []*delta) (n int64) {
	for _, d := range deltas {
		n += d.meta.Bytes
	}
	return n
}

// indexBytes is the memory that the deltas' indexes take, as far as they are built.
func indexBytes(deltas []*delta) (n int64) {
	for _, d := range deltas {
		if x := d.index.Load(); x != nil {
			n += x.bytes()
		}
	}
	return n
}
