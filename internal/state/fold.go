package state

import (
	"errors"
	"os"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/zap"
)

var (
	// errStopped ends a fold when the store closes. The next one begins anew.
	errStopped = errors.New("stopped")
	// errSlow is why deltas wait when no fold has failed.
	errSlow = errors.New("still in progress")
)

// maxDeltas is how many deltas there may be. Each is an open file, and adds to the time of a start.
func maxDeltas(o Options) int { return 2*o.FoldCheckpoints + 100 }

// retry says how many checkpoints to wait for before the next fold: none, and after failures in a row 2, 4, 8, then 16.
type retry struct{ failures, wait int }

func (r *retry) failed() { r.failures++; r.wait = 1 << min(r.failures, 4) }

// due counts one checkpoint.
func (r *retry) due() bool {
	if r.wait > 0 {
		r.wait--
		return false
	}
	return true
}

// startFold begins to fold the deltas behind the newest into badger when there are enough of them. It is asked for each
// checkpoint. Under mu.
func (s *Store) startFold() {
	if s.folding || s.closed || len(s.deltas) < 2 {
		return
	}
	waiting := s.deltas[:len(s.deltas)-1]
	if deltaBytes(waiting) <= s.opts.FoldBytes && len(waiting) <= s.opts.FoldCheckpoints &&
		indexBytes(waiting) <= s.opts.IndexBytes || !s.retry.due() {
		return
	}
	s.folding, s.buffered = true, true
	s.folder.Add(1)
	go s.foldInBackground(s.batch(waiting))
}

// batch is how much of what waits is folded at once: after a time without folds it takes several, lest one needs more free disk than
// there is.
func (s *Store) batch(waiting []*delta) []*delta {
	var size int64
	for i, d := range waiting {
		if size += d.meta.Bytes; size > 2*s.opts.FoldBytes && i > 0 {
			return waiting[:i:i]
		}
	}
	return slices.Clip(waiting)
}

func (s *Store) foldInBackground(batch []*delta) {
	defer s.folder.Done()
	start := s.opts.Clock()
	err := room(s.dir, s.opts.MinFreeBytes+2*deltaBytes(batch)+4*s.opts.MemTableBytes) // of which reserve takes half for each of two logs
	if err == nil {
		err = s.fold(batch)
	}
	if err == nil {
		err = s.removeStale()
	}
	first, last := batch[0].meta.Epoch, batch[len(batch)-1].meta.Epoch
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folding, s.foldErr = false, err
	switch {
	case err == nil:
		s.retry = retry{}
		s.metrics.folds.WithLabelValues("done").Inc()
		s.metrics.foldSeconds.Observe(s.opts.Clock().Sub(start).Seconds())
	case errors.Is(err, errStopped) || errors.Is(err, ErrDiskFull):
		s.metrics.folds.WithLabelValues("postponed").Inc()
	default:
		s.retry.failed()
		s.metrics.folds.WithLabelValues("failed").Inc()
		s.opts.Log.Error("checkpoints could not be folded: they are kept as they are, and it is tried again later",
			zap.Uint64("first", first), zap.Uint64("last", last), zap.Int("checkpoints", s.retry.wait), zap.Error(err))
	}
}

// fold writes the newest record of each key in batch, the oldest deltas of the store, to badger in the order of the
// keys; then the Meta. Interrupted anywhere it can be done again, since until badger has the Meta, the deltas lie over
// what it holds.
func (s *Store) fold(batch []*delta) error {
	o := &overlay{deltas: batch, seed: s.seed, around: func(scan func() error) error { return s.take(stepFoldScan, scan) }}
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
	return s.take(stepFoldPublish, func() error {
		b := newBase(s.db)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.folded = meta
		s.settle(b, len(batch))
		for _, d := range batch {
			s.stale = append(s.stale, d.path)
		}
		return nil
	})
}

// removeStale removes the files of folded deltas. One that cannot be removed is in nobody's way, and the next fold or Open tries
// again.
func (s *Store) removeStale() (err error) {
	s.mu.Lock()
	stale := s.stale
	s.mu.Unlock()
	var left []string
	for _, path := range stale {
		failed := s.take(stepFoldRemove, func() error { return os.Remove(path) })
		if failed != nil && !errors.Is(failed, os.ErrNotExist) {
			left, err = append(left, path), failed
		}
	}
	s.mu.Lock()
	s.stale = left
	s.mu.Unlock()
	return err
}

func (s *Store) foldEntries(o *overlay) error {
	b := &foldBatch{s: s}
	defer b.discard()
	for i := range o.refs {
		if s.life.Err() != nil {
			return errStopped
		}
		var r record
		read := func() (err error) { r, err = o.read(i); return err }
		if i%foldBatchEntries == 0 {
			if err := s.take(stepFoldRead, read); err != nil {
				return err
			}
		} else if err := read(); err != nil {
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
	for _, next := range []struct {
		step step
		do   func() error
	}{
		{stepFoldSync, s.db.Sync},
		{stepFoldMark, func() error {
			if err := s.Room(); err != nil {
				return err
			}
			return s.db.Update(func(txn *badger.Txn) error { return txn.Set(metaKey, appendMeta(nil, meta)) })
		}},
		{stepFoldSync, s.db.Sync},
	} {
		if err := s.take(next.step, next.do); err != nil {
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
	txn := b.txn
	b.txn = nil
	defer txn.Discard() // nothing, once it is committed
	if err := b.s.Room(); err != nil {
		return err // somebody else has filled the disk since the fold began
	}
	if err := b.s.reserve(); err != nil {
		return err
	}
	return b.s.take(stepFoldWrite, txn.Commit)
}

func (b *foldBatch) discard() {
	if b.txn != nil {
		b.txn.Discard()
	}
}
