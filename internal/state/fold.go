package state

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// errStopped ends a fold when the store closes. The next one begins anew.
var errStopped = errors.New("stopped")

// startFold begins to fold the deltas behind the newest into badger when there are enough of them. Under mu.
func (s *Store) startFold() {
	if s.folding || s.closed || s.foldErr != nil || len(s.deltas) < 2 {
		return
	}
	batch := s.deltas[: len(s.deltas)-1 : len(s.deltas)-1]
	size := deltaBytes(batch)
	if size <= s.opts.FoldBytes && len(batch) <= s.opts.FoldCheckpoints && indexBytes(batch) <= s.opts.IndexBytes {
		return
	}
	if room(s.dir, s.opts.MinFreeBytes+2*size) != nil {
		s.metrics.folds.WithLabelValues("postponed").Inc()
		return
	}
	s.folding = true
	s.folder.Add(1)
	go s.foldInBackground(batch)
}

func (s *Store) foldInBackground(batch []*delta) {
	defer s.folder.Done()
	start := s.opts.Clock()
	err := s.fold(batch)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folding = false
	if errors.Is(err, errStopped) {
		s.metrics.folds.WithLabelValues("postponed").Inc()
		return
	}
	if err != nil {
		s.foldErr = fmt.Errorf("fold checkpoints %d to %d: %w", batch[0].meta.Epoch, batch[len(batch)-1].meta.Epoch, err)
		if s.failed == nil {
			s.failed = s.foldErr
		}
		s.metrics.folds.WithLabelValues("failed").Inc()
		return
	}
	s.metrics.folds.WithLabelValues("done").Inc()
	s.metrics.foldSeconds.Observe(s.opts.Clock().Sub(start).Seconds())
}

// fold writes the newest record of each key in batch, the oldest deltas of the store, to badger in the order of the
// keys; then the Meta; then it removes the deltas. Interrupted anywhere it can be done again, since until badger
// has the Meta, the deltas lie over what it holds.
func (s *Store) fold(batch []*delta) error {
	if err := s.at(stepFoldRead); err != nil {
		return err
	}
	o := &overlay{deltas: batch, seed: s.seed}
	if err := o.index(func([]byte) bool { return true }, nil); err != nil {
		return err
	}
	if err := s.foldEntries(o); err != nil {
		return err
	}
	meta := batch[len(batch)-1].meta
	if err := s.markFolded(meta); err != nil {
		return err
	}
	b := newBase(s.db)
	s.mu.Lock()
	s.folded = meta
	s.settle(b, len(batch))
	s.mu.Unlock()
	for _, d := range batch {
		if err := s.at(stepFoldRemove); err != nil {
			return err
		}
		if err := os.Remove(d.path); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) foldEntries(o *overlay) error {
	b := &foldBatch{s: s}
	defer b.discard()
	for i := range o.refs {
		if s.stopping.Load() {
			return errStopped
		}
		r, err := o.read(i)
		if err != nil {
			return err
		}
		if err := b.add(r); err != nil {
			return err
		}
	}
	return b.commit()
}

// markFolded writes the Meta after everything else is durable, and makes it durable.
func (s *Store) markFolded(meta Meta) error {
	for _, take := range []struct {
		step step
		do   func() error
	}{
		{stepFoldSync, s.db.Sync},
		{stepFoldMark, func() error {
			return s.db.Update(func(txn *badger.Txn) error { return txn.Set(metaKey, appendMeta(nil, meta)) })
		}},
		{stepFoldSync, s.db.Sync},
	} {
		if err := s.at(take.step); err != nil {
			return err
		}
		if err := take.do(); err != nil {
			return err
		}
	}
	return nil
}

// foldBatch collects entries into transactions. badger keeps what it is given until Commit returns, which is when the
// buffer is used again.
type foldBatch struct {
	s     *Store
	txn   *badger.Txn
	buf   []byte
	count int
}

const (
	foldBatchBytes   = 1 << 20
	foldBatchEntries = 4096
)

func (b *foldBatch) add(r record) error {
	need := 1 + len(r.key) + baseEntryHead + len(r.value)
	if b.txn != nil && (b.count == foldBatchEntries || len(b.buf)+need > cap(b.buf)) {
		if err := b.commit(); err != nil {
			return err
		}
	}
	if b.txn == nil {
		b.txn, b.count = b.s.db.NewTransaction(true), 0
		b.buf = slices.Grow(b.buf[:0], max(foldBatchBytes, need))
	}
	b.count++
	b.s.metrics.foldEntries.Inc()
	start := len(b.buf)
	b.buf = appendBaseKey(b.buf, r.key)
	key := b.buf[start:len(b.buf):len(b.buf)]
	if r.value == nil {
		return b.remove(key)
	}
	start = len(b.buf)
	b.buf = appendBaseValue(b.buf, r)
	return b.txn.Set(key, b.buf[start:len(b.buf):len(b.buf)])
}

// remove deletes key if it is there: what was born and died between two folds leaves no tombstone.
func (b *foldBatch) remove(key []byte) error {
	switch _, err := b.txn.Get(key); {
	case errors.Is(err, badger.ErrKeyNotFound):
		return nil
	case err != nil:
		return err
	}
	return b.txn.Delete(key)
}

func (b *foldBatch) commit() error {
	if b.txn == nil {
		return nil
	}
	if err := b.s.at(stepFoldWrite); err != nil {
		return err
	}
	err := b.txn.Commit()
	b.txn = nil
	return err
}

func (b *foldBatch) discard() {
	if b.txn != nil {
		b.txn.Discard()
	}
}
