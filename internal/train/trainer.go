package train

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
)

// Options of a Trainer.
type Options struct {
	First     int // flat head of the join that the model's first head is; the others follow
	Heads     int // of the model
	Reservoir int // impressions kept to measure forgetting; 4096

	// Online takes all steps at once, as they come, to be compared with what is trained; nil: nobody does.
	Online *model.Model
}

// Trainer gathers what there is to learn, as an engine's Tap, and teaches it. It belongs to one goroutine at a time.
type Trainer struct {
	opts  Options
	spool *Spool
	err   error

	undone  []uint64       // a bit for each step: what was learned as negative turned out to be positive
	labels  int64          // steps that are not undone
	waiting map[pair]int64 // of what may yet turn out to be positive: its step
	sample  *Reservoir

	pupil *model.Model // learns at once; nil: steps are spooled
}

// pair is one head of one impression.
type pair struct {
	id   uint64
	head int32
}

// New returns a Trainer that spools to a file.
func New(file File, opts Options) (*Trainer, error) {
	if opts.Reservoir == 0 {
		opts.Reservoir = 4096
	}
	if opts.First < 0 || opts.Heads < 1 || opts.Reservoir < 2 {
		return nil, fmt.Errorf("train: %+v", opts)
	}
	return &Trainer{
		opts: opts, spool: NewSpool(file), waiting: map[pair]int64{}, sample: newReservoir(opts.Reservoir),
	}, nil
}

// Err is why it cannot go on: the spool cannot be written.
func (t *Trainer) Err() error { return t.err }

// Memory judges a model by the sample of impressions.
func (t *Trainer) Memory(m *model.Model) Memory { return t.sample.Memory(m) }

// Spool is what has been gathered.
func (t *Trainer) Spool() *Spool { return t.spool }

// Labels is how many examples there are in a pass over final labels.
func (t *Trainer) Labels() int64 { return t.labels }

// Learn implements engine.Tap.
func (t *Trainer) Learn(s feedback.Step) {
	head := s.Head - t.opts.First
	if head < 0 || head >= t.opts.Heads || t.err != nil {
		return
	}
	for _, m := range []*model.Model{t.opts.Online, t.pupil} {
		if m != nil {
			m.Learn(head, &model.Example{
				Shared: model.Vector(s.Shared), Own: model.Vector(s.Own), Y: s.Y, Weight: s.Weight, Theta: s.Theta,
				Correction: s.Correction, FakeNegative: s.FakeNegative,
			})
		}
	}
	if t.pupil != nil {
		return
	}
	t.label(&s, head)
	if t.err = t.spool.Add(&s, head); t.err != nil {
		t.err = fmt.Errorf("spool what there is to learn: %w", t.err)
	}
}

// label notes what a step says of the label of its impression: a positive one takes back the negative that was learned before.
func (t *Trainer) label(s *feedback.Step, head int) {
	at := t.spool.Steps()
	if at%64 == 0 {
		t.undone = append(t.undone, 0)
	}
	t.labels++
	key := pair{s.ID, int32(head)}
	if s.Y == 0 {
		t.waiting[key] = at
	} else if negative, ok := t.waiting[key]; ok && (s.Correction || s.FakeNegative) {
		t.undone[negative/64] |= 1 << (negative % 64)
		t.labels--
		delete(t.waiting, key)
	}
	if head == 0 {
		t.sample.offer(s)
	}
}

// Ended implements feedback.Watcher.
func (t *Trainer) Ended(id uint64, _ feedback.End) {
	for head := range t.opts.Heads {
		delete(t.waiting, pair{id, int32(head)})
	}
}

// Captured implements engine.Tap, with the other methods that it has no use for.
func (t *Trainer) Captured(int, feedback.Vector, feedback.Vector) {}
func (t *Trainer) Advance(event.Time)                             {}
func (t *Trainer) Parked(uint64, int)                             {}
func (t *Trainer) Requested(uint64, *event.Event)                 {}
func (t *Trainer) Shown(uint64, *event.Event, feedback.Shown)     {}
func (t *Trainer) Labelled(id uint64, head int, e *event.Event)   {}
func (t *Trainer) Settled(uint64, feedback.Settled)               {}

// every is how many steps pass between two looks.
const every = 1 << 12

// Pass teaches m what came of each impression in the end, in the order of the log: what turned out to be positive once, when that was
// known, and what was learned of it before not at all. look is told now and then how many steps of how many are done, and its error ends
// the pass.
func (t *Trainer) Pass(m *model.Model, look func(done, total int64) error) error {
	at, b := int64(0), newBatch(m)
	err := t.each(look, func(e *Entry) {
		t.teach(b, e, at)
		at++
	})
	b.end()
	return err
}

// teach takes a step as an example with its final label, unless it was undone.
func (t *Trainer) teach(b *batch, e *Entry, at int64) {
	if t.undone[at/64]>>(at%64)&1 == 0 {
		b.add(e.Head, model.Example{Shared: model.Vector(e.Shared), Own: model.Vector(e.Own), Y: e.Y, Weight: e.Weight, Theta: e.Theta})
	}
}

// Stream teaches m all steps as they came, and lets it go on with those that come from now on: m then is what the join takes it to be.
func (t *Trainer) Stream(m *model.Model, look func(done, total int64) error) error {
	b := newBatch(m)
	if err := t.each(look, func(e *Entry) {
		b.add(e.Head, model.Example{
			Shared: model.Vector(e.Shared), Own: model.Vector(e.Own), Y: e.Y, Weight: e.Weight, Theta: e.Theta,
			Correction: e.Correction, FakeNegative: e.FakeNegative,
		})
	}); err != nil {
		return err
	}
	b.end()
	t.pupil = m
	return nil
}

// each reads all steps in order.
func (t *Trainer) each(look func(done, total int64) error, fn func(e *Entry)) error {
	total := t.spool.Steps()
	if total == 0 {
		return nil
	}
	r, err := t.spool.read(0)
	if err != nil {
		return err
	}
	for done := range total {
		e, err := r.next()
		if err != nil {
			return fmt.Errorf("step %d of %d: %w", done, total, whole(err))
		}
		fn(e)
		if done%every == 0 || done == total-1 {
			if err := look(done+1, total); err != nil {
				return err
			}
		}
	}
	return nil
}

// whole says that a spool that ends early is not what was written.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return errSpool
	}
	return err
}

// held is an entry in memory.
type held struct {
	entry Entry
	at    int64
}

// Shuffled is Pass in another order: blocks of steps in an order that the seed draws, and the examples of each block too.
func (t *Trainer) Shuffled(m *model.Model, seed uint64, look func(done, total int64) error) error {
	rng := rand.New(rand.NewPCG(seed, 0x747261696e))
	done, total := int64(0), t.spool.Steps()
	var block []held
	var err error
	teaching := newBatch(m)
	for _, b := range rng.Perm(len(t.spool.blocks)) {
		if block, err = t.block(block[:0], b); err != nil {
			return err
		}
		rng.Shuffle(len(block), func(i, j int) { block[i], block[j] = block[j], block[i] })
		for i := range block {
			t.teach(teaching, &block[i].entry, block[i].at)
		}
		done = min(total, done+blockSteps)
		if err := look(done, total); err != nil {
			return err
		}
	}
	teaching.end()
	return nil
}

// block reads the steps of a block.
func (t *Trainer) block(dst []held, b int) ([]held, error) {
	r, err := t.spool.read(b)
	if err != nil {
		return nil, err
	}
	first := int64(b) * blockSteps
	for at := first; at < min(first+blockSteps, t.spool.Steps()); at++ {
		e, err := r.next()
		if err != nil {
			return nil, whole(err)
		}
		kept := *e
		kept.Shared = feedback.Vector{Slots: slices.Clone(e.Shared.Slots), Values: slices.Clone(e.Shared.Values)}
		kept.Own = feedback.Vector{Slots: slices.Clone(e.Own.Slots), Values: slices.Clone(e.Own.Values)}
		dst = append(dst, held{kept, at})
	}
	return dst, nil
}
