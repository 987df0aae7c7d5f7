package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/examination"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
	"recsvc/internal/state"
	"recsvc/internal/validation"
)

// Parts are the rooms that the engine drives, new and empty: Open loads them. All are required but those that may be nil.
type Parts struct {
	Features *features.Store
	Models   []*model.Model     // side by side, each of another name
	Slicer   *validation.Slicer // that of the models' heads; nil: nothing is sliced
	Clock    *ingest.Clock
	Dedup    *ingest.Dedup
	Letters  *ingest.DeadLetters
	State    *state.Store

	Examination *examination.Estimator // nil: θ of positions is not estimated
	Weights     *examination.Weights   // nil: impressions weigh what Options.Feedback says
}

// Options of an engine. A zero field takes the default named beside it.
type Options struct {
	Feedback feedback.Options // the heads of all models, in their order, each under its FlatName

	// Score is, by model, what lists are ranked by; nil: what its first head predicts.
	Score []Score
	// Champion is the model that serves, as long as the log does not say otherwise; 0.
	Champion int
	// Refresh is, by model, the time between two publications of what it has learned, in event time, as long as the log does not say
	// otherwise. Predictions are made from what was published last. 0: at once; nil: all of them.
	Refresh []time.Duration
	// Examination says how what Parts.Examination needs is found.
	Examination Examination
	// Interval is the time between the starts of two checkpoints; 10s.
	Interval time.Duration
	// MinPause is the least time between the end of one and the start of the next, other than by request; 1s, at most Interval.
	MinPause time.Duration
	// Timeout is how long a checkpoint may take before it is given up, to be tried again; 10m.
	Timeout time.Duration
	// Start is where to begin when there is no checkpoint; nil: at the beginning of every partition.
	Start event.Cursor
	// MemoryBudget is what the process should need, in bytes: above it users and pending impressions leave memory. They are read
	// back through the store, for which the parts must have been told of it (features.Options.Cold). 0: no bound.
	MemoryBudget int64
	// Durable returns when the log is durable up to a cursor: no checkpoint covers less. nil: it always is.
	Durable func(ctx context.Context, c event.Cursor) error
	// Trim lets the log drop what lies before the cursor of the oldest checkpoint kept. nil: nothing to drop.
	Trim func(c event.Cursor) error
	// Snapshots finds the blobs that restore records name. nil: there are none.
	Snapshots *state.Snapshots
	// Definitions identifies the configured features and heads: a state made under others is refused.
	Definitions [32]byte
	// Declared is what Definitions is the hash of, up to state.MaxRootBytes. It is kept with every checkpoint (state.Meta.Root), so that
	// who finds a state of other definitions knows which. nil: nothing is.
	Declared []byte
	// FeaturesOnly leaves everything out that the features do not depend on: nothing is captured, learned or validated, no dead letters
	// are kept, and control records do nothing. What the features become is the same to the bit. The models then only name the
	// heads, Letters may be nil, and so may State, with which Run has nowhere to write a checkpoint.
	FeaturesOnly bool

	Clock      func() time.Time      // for measuring only; time.Now
	Registerer prometheus.Registerer // nil: counted, not exported
	Logger     *zap.Logger           // nil: silent

	// Health says what is watched for change.
	Health HealthOptions

	// Observer is told what is captured and what becomes of it; nil: nobody is.
	Observer Observer
	// Untraced says that the Observer does not ask which feature has made a slot, which takes time to note.
	Untraced bool

	// Tap takes what the models would be given, which then learn nothing and predict 0; nil: nobody does. It excludes an Observer.
	Tap Tap
	// Hold keeps what events do to features back until event time comes to the next multiple of it, as a pipeline does that makes
	// features anew every so often. It is for comparisons: what is held is in no checkpoint. 0: features move with each event.
	Hold time.Duration

	// Fault is called before and after every step, by whichever goroutine takes it. It is for tests; nil: nobody looks on.
	Fault func(s Step, after bool)
}

// ErrDefinitions reports a state that was made under other feature or head definitions.
var ErrDefinitions = errors.New("the state was made under other definitions of features or heads")

// queueBatches bounds the decoded batches that wait for the writer. When it is full, the source waits.
const queueBatches = 8

// Engine is the single writer. Open makes one, Run drives it; the other exported methods may be called by any goroutine.
type Engine struct {
	Parts
	opts      Options
	log       *zap.Logger
	lineup    *lineup
	standings *standings
	joiner    *feedback.Joiner
	sets      []*dirty.Set
	tally     *tally
	restores  *restores
	health    *health // nil with FeaturesOnly

	place    event.Cursor // what is applied; progress is its published copy
	applying spot         // of the record that is being applied
	progress *progress
	queue    chan *ingest.Batch
	commands chan func()
	stopped  chan struct{} // closed when the writer has ended: commands are no longer taken
	metrics  *metrics
	cut      cutting
	given    *state.Checkpoint         // given up, and not ended yet as far as is known
	parked   []chan<- checkpointResult // asked for a checkpoint that cannot begin yet
	due      *time.Timer               // of the next checkpoint
	held     bool                      // full: see there
	room     int64                     // bytes for users and pending impressions; see govern
	coldSeen map[string][4]int64
	stalled  []bool  // by flat head: what was logged last
	unseen   *unseen // nil: no head asks for it
	published
	definitions atomic.Pointer[declaration] // under which the state is, at this moment

	// Scratch of the writer.
	query    *features.Query
	captured feedback.Captured
	list     servedScratch

	holding holding
	slicing slicing
}

// Open loads the last whole checkpoint into the parts. It returns ErrDefinitions, wrapped, when they do not fit it.
func Open(parts Parts, opts Options) (*Engine, error) {
	if opts.Interval <= 0 {
		opts.Interval = 10 * time.Second
	}
	if opts.MinPause <= 0 {
		opts.MinPause = time.Second
	}
	opts.MinPause = min(opts.MinPause, opts.Interval)
	if opts.Timeout <= 0 {
		opts.Timeout = 10 * time.Minute
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	if opts.Tap != nil && opts.Observer != nil {
		return nil, errors.New("engine: a tap and an observer, of which one only can follow the join")
	}
	models, err := newLineup(parts.Models, &opts)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		Parts: parts, opts: opts, log: opts.Logger, lineup: models, tally: newTally(), restores: newRestores(opts.Registerer),
		queue: make(chan *ingest.Batch, queueBatches), commands: make(chan func()), stopped: make(chan struct{}),
		coldSeen: map[string][4]int64{}, metrics: newMetrics(opts.Registerer, models), query: parts.Features.NewQuery(),
	}
	if opts.Observer != nil {
		opts.Feedback.Watch = opts.Observer
		e.query.Trace(!opts.Untraced) // it may ask which feature has made a slot
	}
	if opts.Tap != nil {
		opts.Feedback.Watch = opts.Tap
	}
	e.standings = newStandings(models, opts.Refresh)
	e.definitions.Store(&declaration{opts.Definitions, opts.Declared})
	if err := e.examine(&opts.Feedback); err != nil {
		return nil, err
	}
	joiner, err := feedback.New(opts.Feedback, e)
	if err != nil {
		return nil, err
	}
	e.joiner = joiner
	if e.slicing, err = newSlicing(parts.Slicer); err != nil {
		return nil, err
	}
	e.stalled = make([]bool, e.lineup.heads())
	e.unseen = newUnseen(opts.Feedback.Heads, parts.Features)
	e.captured.P = make([]float32, models.width)
	if !opts.FeaturesOnly {
		if e.health, err = newHealth(opts.Health, models.names(), parts.Features, e.log); err != nil {
			return nil, err
		}
		for i := range models.seats {
			e.health.alphas = append(e.health.alphas, models.seats[i].alpha())
		}
	}
	e.sets = e.tables()
	e.govern() // what is loaded has its share before it comes
	if err := e.load(); err != nil {
		return nil, err
	}
	if !opts.FeaturesOnly {
		if err := e.seat(); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// tables are the sets of everything that a checkpoint holds.
func (e *Engine) tables() (sets []*dirty.Set) {
	sets = append(sets, e.tally.set, e.Clock.Set(), e.Dedup.Set())
	sets = append(sets, e.Features.Sets()...)
	sets = append(sets, e.joiner.Sets()...)
	if !e.opts.FeaturesOnly {
		sets = append(sets, e.restores.set, e.Letters.Set(), e.standings.set, e.health.set)
		if e.Slicer != nil {
			sets = append(sets, e.Slicer.Set())
		}
		sets = append(sets, e.examinationSets()...)
		for _, m := range e.Models {
			sets = append(sets, m.Sets()...)
		}
	}
	return sets
}

// spot is the place of a record in the log.
type spot struct {
	partition int32
	offset    int64
}

// Run applies what the source hands out until the source ends (nil) or ctx does (its error), then writes a last
// checkpoint, whose error it returns. It is called once.
func (e *Engine) Run(ctx context.Context, src ingest.Source) error {
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(e.queue)
		return src.Run(running, e.progress.load(), e.queue)
	})
	g.Go(func() error {
		defer close(e.stopped) // before the source has ended: it may be waiting for the writer
		return e.write(running)
	})
	return g.Wait()
}

// write is the writer's loop: one record after the other, and between them whatever else needs the writer.
func (e *Engine) write(ctx context.Context) error {
	e.due = time.NewTimer(e.opts.Interval)
	defer e.due.Stop()
	defer func() {
		if e.cut.checkpoint != nil {
			e.cut.cancel() // the writer has failed
		}
	}()
	govern := time.NewTicker(governEvery)
	defer govern.Stop()
	e.govern()
	for {
		queue, stop := e.queue, (<-chan struct{})(nil)
		if e.full() {
			queue, stop = nil, ctx.Done()
		}
		select {
		case b, ok := <-queue:
			if !ok {
				return e.finish()
			}
			if err := e.applyBatch(b); err != nil {
				return err
			}
		case <-stop: // what waits in the queue is in the log
			return e.finish()
		case command := <-e.commands:
			e.pause("command", command)
		case <-e.due.C:
			e.pause("cut", func() { e.begin(nil) })
		case <-govern.C:
			e.pause("govern", e.govern)
		case err := <-e.cut.written():
			e.pause("stored", func() { e.end(err) })
		case <-e.cut.overdue():
			e.giveUp()
		case <-e.cut.more(): // nothing else to do: get on with the cut
			e.flush(flushIdle)
		case <-e.cut.later(): // look again
		}
	}
}

// pause measures what keeps the writer from applying.
func (e *Engine) pause(what string, fn func()) {
	start := e.opts.Clock()
	fn()
	e.metrics.pause.WithLabelValues(what).Observe(e.opts.Clock().Sub(start).Seconds())
}

// publishEvery is how many records of a batch may pass before waiting readers are told.
const publishEvery = 64

// publish tells how far the writer has come: the status first, so that who has waited for a record finds it in there.
func (e *Engine) publish() {
	e.publishTally()
	e.progress.publish(e.place)
}

// applyBatch applies records in order. Between them a little of a cut in progress is flushed.
func (e *Engine) applyBatch(b *ingest.Batch) error {
	start := e.opts.Clock()
	for i := range b.Records {
		r := &b.Records[i]
		gap := r.Offset - e.place.Offset(r.Partition)
		if gap < 0 {
			continue // a source may hand out again what was applied before
		}
		if err := e.applyRecord(r, gap); err != nil {
			return err
		}
		e.flushBeside()
		if i%publishEvery == publishEvery-1 {
			e.publish()
		}
	}
	e.publish()
	e.observe(b, start)
	return nil
}

// applyRecord applies a record that comes gap places after the one before it.
func (e *Engine) applyRecord(r *event.Record, gap int64) error {
	e.at(StepApply, false)
	e.applying = spot{r.Partition, r.Offset}
	e.tally.receive(gap)
	if err := cmp.Or(e.apply(r), e.query.Err(), e.Features.Err(), e.joiner.Err(), e.observerErr()); err != nil {
		return fmt.Errorf("apply record %d of partition %d: %w", r.Offset, r.Partition, err)
	}
	e.place = e.place.Set(r.Partition, r.Offset+1)
	e.at(StepApply, true)
	return nil
}
