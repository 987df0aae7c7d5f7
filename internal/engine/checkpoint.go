package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/state"
)

// How many entries of a cut are encoded at a time: between two records, so that a backlog cannot hold a checkpoint up,
// and when the writer has nothing else to do. An entry costs 1 to 10 µs, which the next record waits for.
const (
	flushBetween = 8
	flushIdle    = 16
)

// CheckpointStatus describes the last checkpoint that was written.
type CheckpointStatus struct {
	Epoch   uint64
	Written time.Time // when it became durable
	Bytes   int64     // of the entries that it wrote
	Took    time.Duration
	Entries int64     // live, in all checkpoints together
	Digest  dirty.Sum // of all live entries
	Cursor  event.Cursor
}

// ErrOverdue reports a checkpoint that was given up because it took longer than Options.Timeout.
var ErrOverdue = errors.New("the checkpoint took too long and was given up; the next one holds what it held")

// cutting is the checkpoint in progress, if there is one. It belongs to the writer.
type cutting struct {
	checkpoint *state.Checkpoint // nil: none
	meta       state.Meta
	started    time.Time
	ctx        context.Context // ends when it is overdue
	cancel     context.CancelFunc
	set        int        // sets before it are flushed
	done       chan error // gets the result, once all sets are flushed
	waiting    []chan<- checkpointResult
	next       []chan<- checkpointResult // asked for since it began: the one after it is theirs
}

type checkpointResult struct {
	status CheckpointStatus
	err    error
}

var always = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// more is ready while entries are left to encode and the disk keeps up.
func (c *cutting) more() <-chan struct{} {
	if c.flushing() && !c.checkpoint.Crowded() {
		return always
	}
	return nil
}

// later is ready in a moment, when entries are left to encode and the disk does not keep up.
func (c *cutting) later() <-chan time.Time {
	if c.flushing() && c.checkpoint.Crowded() {
		return time.After(2 * time.Millisecond)
	}
	return nil
}

func (c *cutting) flushing() bool { return c.checkpoint != nil && c.done == nil }

// overdue is ready when the time is up and entries are still left to encode; a commit sees for itself.
func (c *cutting) overdue() <-chan struct{} {
	if c.flushing() {
		return c.ctx.Done()
	}
	return nil
}

// written is ready when the checkpoint is durable, or has failed.
func (c *cutting) written() <-chan error { return c.done }

// begin cuts: from here on the sets know which entries belong to the checkpoint. Where one is in progress already, a
// waiter gets the one after it.
func (e *Engine) begin(waiter chan<- checkpointResult) {
	c := &e.cut
	if c.checkpoint != nil {
		if waiter != nil {
			c.next = append(c.next, waiter)
		}
		return
	}
	if waiter != nil {
		e.parked = append(e.parked, waiter)
	}
	if len(e.parked) == 0 && !e.changed() {
		e.due.Reset(e.opts.Interval)
		return
	}
	if e.ending() {
		e.due.Reset(min(endingLook, e.opts.Interval))
		return
	}
	if err := e.State.Ready(); err != nil { // full, as a rule: a checkpoint would be for nothing
		e.metrics.checkpoints.WithLabelValues("skipped").Inc()
		e.log.Error("no checkpoint for now; everything stays in the log meanwhile", zap.Error(err))
		e.due.Reset(e.opts.Interval)
		for _, w := range e.parked {
			w <- checkpointResult{err: err}
		}
		e.parked = nil
		return
	}
	c.checkpoint, c.started, c.set, c.done = e.State.Begin(), e.opts.Clock(), 0, nil
	c.ctx, c.cancel = context.WithTimeoutCause(context.Background(), e.opts.Timeout, ErrOverdue)
	d := e.definitions.Load()
	c.meta = state.Meta{
		Cursor: e.place.Clone(), Definitions: d.hash, Root: d.root(), Created: event.FromTime(c.started),
	}
	context.AfterFunc(c.ctx, c.checkpoint.Abandon) // a record may be waiting for the disk in a Put; nothing happens to one that has ended
	c.waiting, e.parked = e.parked, nil
	e.at(StepCut, false)
	for _, s := range e.sets {
		s.Cut(c.checkpoint.Put)
	}
	e.at(StepCut, true)
}

// endingLook is how often the writer looks whether a checkpoint that was given up has ended.
const endingLook = 20 * time.Millisecond

// ending reports whether the disk is still busy with a checkpoint that was given up: until it has ended no other may begin.
func (e *Engine) ending() bool {
	if e.given == nil {
		return false
	}
	select {
	case <-e.given.Done():
		e.given = nil
		return false
	default:
		return true
	}
}

func (e *Engine) changed() bool {
	for _, s := range e.sets {
		if s.Dirty() > 0 {
			return true
		}
	}
	return false
}

// flushBeside does a little of the flush after a record, unless the disk is behind: records do not wait for it.
func (e *Engine) flushBeside() {
	if e.cut.flushing() && !e.cut.checkpoint.Crowded() {
		e.flush(flushBetween)
	}
}

// flush encodes up to n entries of the cut in progress; the last ones send the checkpoint on its way.
func (e *Engine) flush(n int) {
	c := &e.cut
	if !c.flushing() {
		return
	}
	for c.set < len(e.sets) {
		e.at(StepFlush, false)
		flushed := e.sets[c.set].Flush(n)
		e.at(StepFlush, true)
		if !flushed {
			return
		}
		c.set++
	}
	c.meta.Shards = e.shards()
	for _, h := range c.meta.Shards {
		c.meta.Digest.Add(h.Digest)
		c.meta.Entries += h.Entries
	}
	c.done = make(chan error, 1)
	go func(done chan<- error, ctx context.Context, cp *state.Checkpoint, meta state.Meta) {
		done <- e.commit(ctx, cp, meta)
	}(c.done, c.ctx, c.checkpoint, c.meta)
}

// shards describes every table as of the cut, which is flushed.
func (e *Engine) shards() (shards []state.Shard) {
	for _, s := range e.sets {
		if s.Count() == 0 {
			continue
		}
		i, ok := slices.BinarySearchFunc(shards, s.Prefix(), func(h state.Shard, p byte) int { return cmp.Compare(h.Prefix, p) })
		if !ok {
			shards = slices.Insert(shards, i, state.Shard{Prefix: s.Prefix()})
		}
		shards[i].Entries += s.Count()
		shards[i].Digest.Add(s.Digest())
	}
	return shards
}

// commit runs beside the writer. What it returns an error for is in no checkpoint.
func (e *Engine) commit(ctx context.Context, cp *state.Checkpoint, meta state.Meta) error {
	if e.opts.Durable != nil {
		e.at(StepDurable, false)
		if err := e.opts.Durable(ctx, meta.Cursor); err != nil {
			cp.Abandon()
			return fmt.Errorf("the log is not durable up to %s: %w", meta.Cursor, overdue(ctx, err))
		}
		e.at(StepDurable, true)
	}
	e.at(StepCommit, false)
	err := cp.Commit(ctx, meta)
	e.at(StepCommit, true)
	if err == nil {
		e.trim()
	}
	return overdue(ctx, err)
}

// overdue says so when it is the time that has ended something.
func overdue(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// giveUp ends the checkpoint in progress while its entries are being encoded.
func (e *Engine) giveUp() {
	e.cut.checkpoint.Abandon()
	e.end(ErrOverdue)
}

// end follows the result of a checkpoint and starts the one that was asked for meanwhile. One that failed costs nothing but
// time: what it held is dirty again, and everything is in the log.
func (e *Engine) end(err error) {
	c := &e.cut
	c.cancel()
	took := e.opts.Clock().Sub(c.started)
	var result checkpointResult
	if err != nil {
		result.err = fmt.Errorf("checkpoint: %w", err)
		e.lost(result.err, took)
	} else {
		result.status = e.stored(took)
	}
	for _, w := range c.waiting {
		w <- result
	}
	next := c.next
	*c = cutting{}
	e.due.Reset(max(e.opts.MinPause, e.opts.Interval-took))
	for _, w := range next {
		if e.cut.checkpoint == nil {
			e.begin(w)
		} else {
			e.cut.waiting = append(e.cut.waiting, w)
		}
	}
}

// lost takes back a checkpoint that failed.
func (e *Engine) lost(err error, took time.Duration) {
	for _, s := range e.sets {
		s.Abandon()
	}
	e.given = e.cut.checkpoint
	outcome := "failed"
	if errors.Is(err, ErrOverdue) {
		outcome = "overdue"
	}
	e.metrics.checkpoints.WithLabelValues(outcome).Inc()
	e.log.Error("a checkpoint was not written; it is tried again, and everything stays in the log meanwhile",
		zap.Error(err), zap.Duration("after", took))
}

// stored publishes a checkpoint that is durable.
func (e *Engine) stored(took time.Duration) CheckpointStatus {
	e.at(StepStored, false)
	for _, s := range e.sets {
		s.Stored()
	}
	e.joiner.Stored()
	meta, _ := e.State.Latest()
	status := CheckpointStatus{
		Epoch: meta.Epoch, Written: e.opts.Clock(), Bytes: meta.Bytes, Took: took, Entries: meta.Entries,
		Digest: meta.Digest, Cursor: meta.Cursor,
	}
	e.lastCheckpoint.Store(&status)
	e.metrics.checkpoints.WithLabelValues("written").Inc()
	e.metrics.checkpointAt.Set(float64(status.Written.UnixMilli()) / 1000)
	e.log.Debug("checkpoint", zap.Uint64("epoch", meta.Epoch), zap.Stringer("cursor", meta.Cursor),
		zap.Int64("bytes", meta.Bytes), zap.Duration("took", took))
	e.at(StepStored, true)
	return status
}

// trim lets the log drop what no kept checkpoint needs: the one before the last may still be gone back to.
func (e *Engine) trim() {
	if e.opts.Trim == nil {
		return
	}
	previous, ok := e.State.Previous()
	if !ok {
		return // all of the log is needed until there are two
	}
	e.at(StepTrim, false)
	if err := e.opts.Trim(previous.Cursor); err != nil {
		e.log.Warn("old log segments could not be removed", zap.Error(err))
	}
	e.at(StepTrim, true)
}

// finish writes the last checkpoint, after the last record.
func (e *Engine) finish() error {
	defer e.unpark()
	for e.cut.checkpoint != nil { // and those that were asked for meanwhile
		e.complete() // if it fails, the next one has it all
	}
	if !e.changed() {
		return nil
	}
	if e.ending() { // as a rule it has a file to remove
		select {
		case <-e.given.Done():
		case <-time.After(e.opts.Timeout):
		}
	}
	if e.begin(nil); e.cut.checkpoint == nil {
		return nil // no room: the log has it all
	}
	return e.complete()
}

// unpark tells those who still wait for a checkpoint that there will be none.
func (e *Engine) unpark() {
	for _, w := range e.parked {
		w <- checkpointResult{err: ErrStopped}
	}
	e.parked = nil
}

// complete brings the checkpoint in progress to its end.
func (e *Engine) complete() error {
	for e.cut.done == nil {
		e.flush(1 << 16)
	}
	err := <-e.cut.done
	e.end(err)
	return err
}

// Checkpoint forces a checkpoint and returns when it is durable. It covers everything applied before the call.
func (e *Engine) Checkpoint(ctx context.Context) (CheckpointStatus, error) {
	result := make(chan checkpointResult, 1)
	if err := e.do(ctx, func() { e.begin(result) }); err != nil {
		return CheckpointStatus{}, err
	}
	select {
	case r := <-result:
		return r.status, r.err
	case <-ctx.Done():
		return CheckpointStatus{}, ctx.Err()
	case <-e.stopped:
		select {
		case r := <-result:
			return r.status, r.err
		default:
			return CheckpointStatus{}, ErrStopped
		}
	}
}

// do runs fn on the writer's goroutine, between two batches.
func (e *Engine) do(ctx context.Context, fn func()) error {
	done := make(chan struct{})
	select {
	case e.commands <- func() { fn(); close(done) }:
		<-done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.stopped:
		return ErrStopped
	}
}
