package eval

import (
	"context"
	"sync/atomic"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
)

// batchSteps is how many steps go to the arms at a time.
const batchSteps = 2048

// queueBatches bounds the batches that wait for an arm: the slowest holds up the engine.
const queueBatches = 4

// step is one thing that a model is told.
type step struct {
	kind    kind
	id      uint64 // of an impression
	at      int    // place in the list that is captured
	shared  extent
	own     extent
	learn   feedback.Step // without its vectors
	settled feedback.Settled
	time    event.Time
}

type kind uint8

const (
	captured kind = iota
	parked
	learned
	settled
	ended
	advanced
)

// extent is where a vector lies in its batch.
type extent struct{ slots, slotsEnd, values, valuesEnd int }

// batch is a run of steps with the vectors that they need.
type batch struct {
	steps  []step
	slots  []uint32
	values []float32
	users  atomic.Int32 // arms that have not been through it
}

func (b *batch) put(v feedback.Vector) extent {
	e := extent{slots: len(b.slots), values: len(b.values)}
	b.slots, b.values = append(b.slots, v.Slots...), append(b.values, v.Values...)
	e.slotsEnd, e.valuesEnd = len(b.slots), len(b.values)
	return e
}

func (b *batch) vector(e extent) feedback.Vector {
	return feedback.Vector{Slots: b.slots[e.slots:e.slotsEnd:e.slotsEnd], Values: b.values[e.values:e.valuesEnd:e.valuesEnd]}
}

// Feed is an engine.Tap that hands on to arms. Its methods, but for Close, are called by the engine's writer.
type Feed struct {
	ctx   context.Context
	arms  []*Arm
	truth []*Truth
	now   *batch
	free  chan *batch
}

// NewFeed starts the arms; they end with Close. heads is the number of flat heads.
func NewFeed(ctx context.Context, heads int, arms []*Arm) *Feed {
	f := &Feed{ctx: ctx, arms: arms, free: make(chan *batch, len(arms)*queueBatches+2)}
	for range heads {
		f.truth = append(f.truth, &Truth{})
	}
	for _, a := range arms {
		a.start(f)
	}
	f.now = f.take()
	return f
}

// Truth returns what came of it, by flat head, in the order of the arms' predictions.
func (f *Feed) Truth() []*Truth { return f.truth }

func (f *Feed) take() *batch {
	select {
	case b := <-f.free:
		b.steps, b.slots, b.values = b.steps[:0], b.slots[:0], b.values[:0]
		return b
	default:
		return &batch{steps: make([]step, 0, batchSteps)}
	}
}

// release gives a batch back after the last arm has been through it.
func (f *Feed) release(b *batch) {
	if b.users.Add(-1) == 0 {
		select {
		case f.free <- b:
		default:
		}
	}
}

func (f *Feed) add(s step) {
	f.now.steps = append(f.now.steps, s)
	if len(f.now.steps) >= batchSteps {
		f.flush()
	}
}

func (f *Feed) flush() {
	b := f.now
	b.users.Store(int32(len(f.arms)))
	for _, a := range f.arms {
		select {
		case a.queue <- b:
		case <-f.ctx.Done():
			return
		}
	}
	f.now = f.take()
}

// Close hands on the rest and waits until every arm has been through it.
func (f *Feed) Close() error {
	if len(f.now.steps) > 0 && f.ctx.Err() == nil {
		f.flush()
	}
	for _, a := range f.arms {
		close(a.queue)
	}
	for _, a := range f.arms {
		<-a.done
	}
	return f.ctx.Err()
}

// Captured implements engine.Tap.
func (f *Feed) Captured(at int, shared, own feedback.Vector) {
	s := step{kind: captured, at: at, shared: f.now.put(shared), own: f.now.put(own)}
	f.add(s)
}

// Learn implements engine.Tap.
func (f *Feed) Learn(l feedback.Step) {
	s := step{kind: learned, learn: l, shared: f.now.put(l.Shared), own: f.now.put(l.Own)}
	s.learn.Shared, s.learn.Own = feedback.Vector{}, feedback.Vector{}
	f.add(s)
}

// Advance implements engine.Tap.
func (f *Feed) Advance(watermark event.Time) { f.add(step{kind: advanced, time: watermark}) }

// Parked implements feedback.Watcher.
func (f *Feed) Parked(id uint64, at int) { f.add(step{kind: parked, id: id, at: at}) }

// Settled implements feedback.Watcher.
func (f *Feed) Settled(id uint64, s feedback.Settled) {
	f.truth[s.Head].add(s)
	f.add(step{kind: settled, id: id, settled: withoutContext(s)})
}

// withoutContext copies what outlives the call.
func withoutContext(s feedback.Settled) feedback.Settled {
	return feedback.Settled{
		Head: s.Head, Theta: s.Theta, Positive: s.Positive, Weight: s.Weight, Exposed: s.Exposed, Delay: s.Delay,
		Position: s.Position, User: s.User, Scene: s.Scene, Variant: s.Variant, Tag: s.Tag,
	}
}

// Ended implements feedback.Watcher.
func (f *Feed) Ended(id uint64, _ feedback.End) { f.add(step{kind: ended, id: id}) }

// Requested implements feedback.Watcher.
func (f *Feed) Requested(uint64, *event.Event) {}

// Shown implements feedback.Watcher.
func (f *Feed) Shown(uint64, *event.Event, feedback.Shown) {}

// Labelled implements feedback.Watcher.
func (f *Feed) Labelled(uint64, int, *event.Event) {}
