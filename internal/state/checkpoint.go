package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"recsvc/internal/dirty"
)

// Checkpoint is one checkpoint being written. Put belongs to one goroutine at a time; Commit and Abort come after the
// last Put and may be called by another. A goroutine of its own writes what Put hands over.
type Checkpoint struct {
	s     *Store
	delta *delta
	began time.Time

	ending sync.Mutex // held by Commit and Abort from beginning to end

	block   *block // being filled
	blocks  int    // made so far, at most cap(full)
	entries int64
	err     error // why this checkpoint cannot be committed; nil so far
	ended   bool

	full chan *block   // to the writing goroutine
	free chan *block   // back from it
	done chan struct{} // closed when it has ended; the fields below are its own until then

	off      int64
	index    indexer
	writeErr error
}

// Begin starts the next checkpoint. It never fails itself: when no checkpoint can be taken, because another one is open,
// or because an earlier one was lost, Commit says so.
func (s *Store) Begin() *Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.latest().Epoch
	c := &Checkpoint{s: s, began: s.opts.Clock(), index: indexer{seed: s.seed}, delta: &delta{previous: last, meta: Meta{Epoch: last + 1}}}
	c.delta.path = filepath.Join(s.dir, deltaName(last+1))
	switch {
	case s.closed:
		c.err = ErrClosed
	case s.open != nil:
		c.err = ErrBusy
	case s.failed != nil:
		c.err = s.failed
	}
	if c.err != nil {
		return c
	}
	n := max(2, int(s.opts.QueueBytes/blockTarget))
	c.full, c.free, c.done = make(chan *block, n), make(chan *block, n), make(chan struct{})
	s.open = c
	go c.write()
	return c
}

// Put adds an entry: the key now has this value and sum (see [dirty.SumOf]), or with a nil value is deleted. The last Put
// of a key counts. It copies key and value into memory, and waits only when Options.QueueBytes wait for the disk.
func (c *Checkpoint) Put(key, value []byte, sum dirty.Sum) {
	if c.err != nil || c.ended {
		return
	}
	if len(key) == 0 || len(key) > MaxKeyBytes || len(value) > MaxValueBytes {
		c.err = fmt.Errorf("entry %.32x has a key of %d (1 to %d) and a value of %d bytes (up to %d): %w",
			key, len(key), MaxKeyBytes, len(value), MaxValueBytes, ErrTooLarge)
		return
	}
	if c.block != nil && !c.block.fits(recordHeader+len(key)+len(value)) {
		c.handOver()
	}
	if c.block == nil {
		c.block = c.nextBlock()
	}
	c.block.add(key, value, sum)
	c.entries++
}

// Crowded reports whether more than half of what may wait for the disk does. Who has better things to do puts less, or
// nothing, until it is over; Put itself waits only when all of it is taken.
func (c *Checkpoint) Crowded() bool { return len(c.full) > cap(c.full)/2 }

func (c *Checkpoint) handOver() {
	if c.block != nil {
		c.full <- c.block
		c.block = nil
	}
}

// nextBlock returns an empty block, and waits for one when all are on their way to the disk.
func (c *Checkpoint) nextBlock() *block {
	select {
	case b := <-c.free:
		return b
	default:
	}
	if c.blocks < cap(c.full) {
		c.blocks++
		return c.s.blocks.Get().(*block)
	}
	start := c.s.opts.Clock()
	b := <-c.free
	c.s.metrics.blocked.Add(c.s.opts.Clock().Sub(start).Seconds())
	return b
}

// write is the goroutine that writes blocks to the temporary file. After an error it only gives them back.
func (c *Checkpoint) write() {
	defer close(c.done)
	defer c.recycle()
	c.writeErr = c.create()
	for b := range c.full {
		if c.writeErr == nil {
			c.writeErr = c.writeEntries(b)
		}
		b.reset()
		c.free <- b
	}
}

// recycle leaves the blocks to the next checkpoint, or to the garbage collector.
func (c *Checkpoint) recycle() {
	for len(c.free) > 0 {
		c.s.blocks.Put(<-c.free)
	}
}

func (c *Checkpoint) create() (err error) {
	if err := c.s.at(stepCreate); err != nil {
		return err
	}
	c.delta.file, err = os.OpenFile(c.delta.path+tempSuffix, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	c.off = deltaHeader
	return err
}

func (c *Checkpoint) writeEntries(b *block) error {
	off := c.off
	if err := c.writeBlock(b, blockEntries, stepWrite); err != nil {
		return err
	}
	return scanBlock(b.buf[blockHeader:], b.records, off+blockHeader, func(r record, off int64, size int) error {
		c.index.add(r.key, off, size)
		return nil
	})
}

func (c *Checkpoint) writeBlock(b *block, kind byte, p step) error {
	if err := c.s.at(p); err != nil {
		return err
	}
	b.seal(kind)
	n, err := c.delta.file.WriteAt(b.buf, c.off)
	c.off += int64(n)
	return err
}

// Commit makes the checkpoint durable and returns when it is: from then on Load gives it. It blocks for the disk, so it is
// not for the goroutine that applies records. meta's Epoch, Format and Bytes are filled in; Latest then returns it.
//
// When it fails, what was Put is lost while its owners take it for stored. Then the store takes no more
// checkpoints: every later Commit returns the error, until the directory is opened and loaded again.
func (c *Checkpoint) Commit(ctx context.Context, meta Meta) error {
	c.ending.Lock()
	defer c.ending.Unlock()
	if !c.end() {
		return c.wrap(c.err)
	}
	if c.err == nil && len(meta.Root) > MaxRootBytes {
		c.err = fmt.Errorf("root has %d bytes, more than %d: %w", len(meta.Root), MaxRootBytes, ErrTooLarge)
	}
	if err := checkShards(meta); c.err == nil && err != nil {
		c.err = err
	}
	err := errors.Join(c.err, c.writeErr, ctx.Err())
	if err == nil {
		err = c.finish(ctx, meta)
	}
	if err != nil {
		c.discard(c.wrap(err))
		c.s.metrics.checkpoints.WithLabelValues("failed").Inc()
		return c.wrap(err)
	}
	c.s.metrics.checkpoints.WithLabelValues("committed").Inc()
	c.s.metrics.seconds.Observe(c.s.opts.Clock().Sub(c.began).Seconds())
	c.s.metrics.bytes.Add(float64(c.delta.meta.Bytes))
	c.s.metrics.entries.Add(float64(c.entries))
	return nil
}

// Abort gives the checkpoint up. If anything was Put the store takes no more checkpoints, as after a failed Commit.
func (c *Checkpoint) Abort() {
	c.ending.Lock()
	defer c.ending.Unlock()
	if !c.end() {
		return
	}
	var reason error
	if c.entries > 0 || c.err != nil {
		reason = c.wrap(errors.New("it was given up, and its entries with it; open the store again and load"))
	}
	c.discard(reason)
	c.s.metrics.checkpoints.WithLabelValues("aborted").Inc()
}

// end stops the writing goroutine. It returns false when there is none.
func (c *Checkpoint) end() bool {
	if c.full == nil || c.ended {
		if c.err == nil {
			c.err = ErrClosed
		}
		return false
	}
	c.handOver()
	close(c.full)
	<-c.done
	c.ended = true
	return true
}

// finish writes the commit block and the header, syncs, renames, syncs the name, and publishes.
func (c *Checkpoint) finish(ctx context.Context, meta Meta) error {
	c.delta.commit = c.off
	c.delta.index.Store(c.index.build())
	meta.Epoch, meta.Format = c.delta.meta.Epoch, Format
	meta.Bytes = c.off + blockHeader + int64(len(appendMeta(nil, meta)))
	c.delta.meta = meta
	b := newBlock()
	b.buf = appendMeta(b.buf, meta)
	if err := c.writeBlock(b, blockCommit, stepSeal); err != nil {
		return err
	}
	if _, err := c.delta.file.WriteAt(c.delta.header(), 0); err != nil {
		return err
	}
	for _, take := range []struct {
		step step
		do   func() error
	}{
		{stepSync, c.delta.file.Sync},
		{stepRename, func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return os.Rename(c.delta.path+tempSuffix, c.delta.path)
		}},
		{stepSyncDir, func() error { return syncDir(c.s.dir) }},
		{stepPublish, func() error { return nil }},
	} {
		if err := c.s.at(take.step); err != nil {
			return err
		}
		if err := take.do(); err != nil {
			return err
		}
	}
	c.s.publish(c.delta)
	return nil
}

// discard removes the temporary file. reason, if any, ends all checkpoints of this store.
func (c *Checkpoint) discard(reason error) {
	if c.delta.file != nil {
		// Nothing depends on either: Open removes what is left.
		_ = c.delta.file.Close()
		_ = os.Remove(c.delta.path + tempSuffix)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.open = nil
	if c.s.failed == nil && reason != nil {
		c.s.failed = fmt.Errorf("none can follow one that was lost: %w", reason)
	}
}

func (c *Checkpoint) wrap(err error) error {
	return fmt.Errorf("checkpoint %d in %s: %w", c.delta.meta.Epoch, c.s.dir, err)
}
