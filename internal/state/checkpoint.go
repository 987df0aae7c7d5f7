package state

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"recsvc/internal/dirty"
)

// Checkpoint is one checkpoint being written. Put belongs to one goroutine at a time; Commit comes after the last Put and may be called
// by another; Abandon and Abort may come from any goroutine at any time. A goroutine of its own does all that waits for the disk,
// and goes on alone when nobody waits for it any more.
type Checkpoint struct {
	s     *Store
	delta *delta
	began time.Time

	block   *block // being filled
	blocks  int    // made so far, at most cap(full)
	entries int64
	err     error // why this checkpoint cannot be committed; nil so far

	full  chan *block   // to the goroutine; closed by Commit. nil: there is no goroutine
	free  chan *block   // back from it
	quit  chan struct{} // closed when the checkpoint is given up
	ended chan struct{} // closed when the goroutine has ended

	// Under Store.mu.
	sealed    bool  // Commit was called
	committed bool  // readers see it
	given     error // why it was given up
	result    error // of the goroutine; to be read when ended is closed

	doing atomic.Value // of step: what the goroutine did last

	// The goroutine's own.
	off     int64
	index   indexer
	renamed bool // or tried to
}

// Begin starts the next checkpoint. It never fails itself: when no checkpoint can be taken, Commit says why. Ask [Store.Ready]
// before a cut that would be for nothing.
func (s *Store) Begin() *Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.latest().Epoch
	c := &Checkpoint{
		s: s, began: s.opts.Clock(), index: indexer{seed: s.seed},
		delta: &delta{path: filepath.Join(s.dir, deltaName(last+1)), previous: last, meta: Meta{Epoch: last + 1}},
	}
	c.doing.Store(stepCreate)
	c.quit, c.ended = make(chan struct{}), make(chan struct{})
	if c.err = s.refusal(); c.err != nil {
		close(c.ended)
		return c
	}
	n := max(2, int(s.opts.QueueBytes/blockTarget))
	c.full, c.free = make(chan *block, n), make(chan *block, n)
	s.open = c
	go c.run()
	return c
}

// Put adds an entry: the key now has this value and sum (see [dirty.SumOf]), or with a nil value is deleted. The last Put
// of a key counts. It copies key and value into memory, and waits only when Options.QueueBytes wait for the disk. Once the checkpoint
// is given up it does nothing, and a Put that waits returns.
func (c *Checkpoint) Put(key, value []byte, sum dirty.Sum) {
	if c.err != nil {
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
		if c.block = c.nextBlock(); c.block == nil {
			c.err = ErrAbandoned
			return
		}
	}
	c.block.add(key, value, sum)
	c.entries++
}

// Crowded reports whether more than half of what may wait for the disk does. Who has better things to do puts less, or
// nothing, until it is over; Put itself waits only when all of it is taken.
func (c *Checkpoint) Crowded() bool { return len(c.full) > cap(c.full)/2 }

func (c *Checkpoint) handOver() {
	if c.block != nil {
		c.full <- c.block // has room for all blocks there are
		c.block = nil
	}
}

// nextBlock returns an empty block, and waits for one when all are on their way to the disk. It returns nil when the
// checkpoint is given up.
func (c *Checkpoint) nextBlock() *block {
	select {
	case <-c.quit:
		return nil
	case b := <-c.free:
		return b
	default:
	}
	if c.blocks < cap(c.full) {
		c.blocks++
		return c.s.blocks.Get().(*block)
	}
	start := c.s.opts.Clock()
	defer func() { c.s.metrics.blocked.Add(c.s.opts.Clock().Sub(start).Seconds()) }()
	select {
	case b := <-c.free:
		return b
	case <-c.quit:
		return nil
	}
}

// Commit makes the checkpoint durable and returns when it is: from then on Load gives it. It blocks for the disk, so it is
// not for the goroutine that applies records. meta's Epoch, Format and Bytes are filled in; Latest then returns it.
//
// When it fails there was no such checkpoint: the one before remains the last, and the next Begin gets the same epoch
// again. What was Put is lost, so that its owners must put it again (see [dirty.Set.Abandon]).
//
// When ctx is done first, Commit returns its error at once and the checkpoint is given up, as by Abandon. If the disk holds a step of it,
// the step goes on in the background, and until it has ended Ready, and the Commit of whatever is begun, return ErrBusy.
// However it ends, nobody is shown the checkpoint: should it have got its name, it is removed again. Only when the process
// dies before that may the next Open find it; then it is a whole one, as good as any for going on from its cursor.
func (c *Checkpoint) Commit(ctx context.Context, meta Meta) error {
	if c.full == nil {
		return c.wrap(c.err)
	}
	quit, err := c.seal(meta)
	if err != nil {
		return c.wrap(err)
	}
	select {
	case <-c.ended:
	case <-quit:
	case <-ctx.Done():
		c.giveUp(fmt.Errorf("%w; it was at the step %q", ctx.Err(), c.doing.Load()), "overdue")
	}
	return c.outcome()
}

// seal hands everything to the goroutine, or gives the checkpoint up when it cannot be committed. quit ends the wait for the
// goroutine; it is nil where the reason was there before, so that the next checkpoint finds the way clear.
func (c *Checkpoint) seal(meta Meta) (quit <-chan struct{}, err error) {
	c.s.mu.Lock()
	if c.sealed || c.given != nil {
		defer c.s.mu.Unlock()
		return nil, cmp.Or(c.given, ErrClosed)
	}
	c.sealed = true
	c.s.mu.Unlock()
	if c.err == nil && len(meta.Root) > MaxRootBytes {
		c.err = fmt.Errorf("root has %d bytes, more than %d: %w", len(meta.Root), MaxRootBytes, ErrTooLarge)
	}
	if c.err == nil {
		c.err = checkShards(meta)
	}
	if c.err != nil {
		c.giveUp(c.err, "failed")
		return nil, nil
	}
	meta.Epoch, meta.Format = c.delta.meta.Epoch, Format
	c.delta.meta = meta
	c.handOver()
	close(c.full)
	c.err = ErrClosed // to Puts
	return c.quit, nil
}

// outcome is what became of a checkpoint that was given up or whose goroutine has ended.
func (c *Checkpoint) outcome() error {
	if c.published() {
		<-c.ended // at once
		return nil
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	switch {
	case c.given != nil:
		return c.wrap(c.given)
	default:
		return c.wrap(c.result)
	}
}

// Abandon gives the checkpoint up and returns at once, also when the disk hangs; see Commit for what follows. It may be called beside
// Put and Commit. It does nothing to a checkpoint that is committed or has failed.
func (c *Checkpoint) Abandon() {
	if c.full != nil {
		c.giveUp(ErrAbandoned, "aborted")
	}
}

// Abort gives the checkpoint up and returns when nothing of it is left, so that another can begin.
func (c *Checkpoint) Abort() {
	c.Abandon()
	<-c.ended
}

// Done returns a channel that is closed when nothing of the checkpoint runs any more, so that another can begin.
func (c *Checkpoint) Done() <-chan struct{} { return c.ended }

// giveUp returns false when it is too late for that: the checkpoint is committed, has failed or was given up before.
func (c *Checkpoint) giveUp(reason error, outcome string) bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.committed || c.given != nil || c.result != nil {
		return false
	}
	c.given = reason
	close(c.quit)
	c.s.metrics.checkpoints.WithLabelValues(outcome).Inc()
	c.s.metrics.lingering.Set(1)
	return true
}

func (c *Checkpoint) wrap(err error) error {
	return fmt.Errorf("checkpoint %d in %s: %w", c.delta.meta.Epoch, c.s.dir, err)
}

// take does one step, and lets Commit know.
func (c *Checkpoint) take(p step, do func() error) error {
	c.doing.Store(p)
	return c.s.take(p, do)
}

// run is the goroutine: it writes, commits, and cleans up when that fails.
func (c *Checkpoint) run() {
	defer close(c.ended)
	err := c.write()
	if err == nil {
		err = c.finish()
	}
	if err != nil {
		c.discard()
	}
	c.recycle()
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.result = err
	c.s.open = nil
	c.s.metrics.lingering.Set(0)
	switch {
	case c.committed:
		c.s.startFold()
	case c.given == nil:
		c.s.metrics.checkpoints.WithLabelValues("failed").Inc()
	}
}

// write writes blocks to the temporary file until Commit. After an error it only gives them back.
func (c *Checkpoint) write() error {
	err := c.take(stepCreate, c.create)
	for {
		select {
		case <-c.quit:
			return ErrAbandoned
		case b, more := <-c.full:
			if !more {
				return err
			}
			if err == nil {
				err = c.writeEntries(b)
			}
			b.reset()
			c.free <- b
		}
	}
}

// recycle leaves the blocks to the next checkpoint, or to the garbage collector.
func (c *Checkpoint) recycle() {
	for len(c.free) > 0 {
		c.s.blocks.Put(<-c.free)
	}
}

func (c *Checkpoint) create() (err error) {
	c.delta.file, err = os.OpenFile(c.delta.path+tempSuffix, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	c.off = deltaHeader
	return err
}

func (c *Checkpoint) writeEntries(b *block) error {
	off := c.off
	if err := c.take(stepWrite, func() error { return c.writeBlock(b, blockEntries) }); err != nil {
		return err
	}
	return scanBlock(b.buf[blockHeader:], b.records, off+blockHeader, func(r record, off int64, size int) error {
		c.index.add(r.key, off, size)
		return nil
	})
}

func (c *Checkpoint) writeBlock(b *block, kind byte) error {
	b.seal(kind)
	n, err := c.delta.file.WriteAt(b.buf, c.off)
	c.off += int64(n)
	return err
}

// finish writes the commit block and the header, syncs, renames, syncs the name, and publishes. Nothing of it begins once
// the checkpoint is given up.
func (c *Checkpoint) finish() error {
	d := c.delta
	d.index.Store(c.index.build())
	for _, next := range []struct {
		step step
		do   func() error
	}{
		{stepSeal, c.writeMeta},
		{stepHeader, func() error { _, err := d.file.WriteAt(d.header(), 0); return err }},
		{stepSync, d.file.Sync},
		{stepRename, func() error { c.renamed = true; return os.Rename(d.path+tempSuffix, d.path) }},
		{stepSyncDir, func() error { return syncDir(c.s.dir) }},
		{stepPublish, c.publish},
	} {
		select {
		case <-c.quit:
			return ErrAbandoned
		default:
		}
		if err := c.take(next.step, next.do); err != nil && !c.published() {
			return err
		}
	}
	return nil
}

// writeMeta ends the delta with the description.
func (c *Checkpoint) writeMeta() error {
	d := c.delta
	d.commit = c.off
	d.meta.Bytes = c.off + blockHeader + int64(len(appendMeta(nil, d.meta)))
	b := newBlock()
	b.buf = appendMeta(b.buf, d.meta)
	return c.writeBlock(b, blockCommit)
}

// publish makes the checkpoint the last one, unless it was given up.
func (c *Checkpoint) publish() error {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.given != nil {
		return c.given
	}
	c.committed = true
	s.push(c.delta)
	s.metrics.checkpoints.WithLabelValues("committed").Inc()
	s.metrics.seconds.Observe(s.opts.Clock().Sub(c.began).Seconds())
	s.metrics.bytes.Add(float64(c.delta.meta.Bytes))
	s.metrics.entries.Add(float64(c.entries))
	return nil
}

func (c *Checkpoint) published() bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.committed
}

// discard removes what there is of the delta, also under its final name: when that could not be made durable, nobody knows whether a
// power cut would leave it there, and to sync the directory again would tell nothing, since Linux reports a failed sync once.
// Nothing depends on the removal: the next checkpoint takes the same name, and if the process ends before, then Open finds either
// nothing or a checkpoint that is whole.
func (c *Checkpoint) discard() {
	d := c.delta
	if d.file != nil {
		_ = d.file.Close()
	}
	_ = c.take(stepDiscard, func() error {
		if c.renamed {
			_ = os.Remove(d.path)
			_ = syncDir(c.s.dir)
		}
		return os.Remove(d.path + tempSuffix)
	})
}
