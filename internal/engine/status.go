package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
)

// ErrStopped reports a call to an engine whose writer has ended.
var ErrStopped = errors.New("the engine has stopped")

// Status is what the engine is doing.
type Status struct {
	Cursor    event.Cursor  // applied up to here
	Watermark event.Time    // 0: none yet
	Newest    event.Time    // greatest event time applied
	Received  event.Time    // when the record applied last was received; 0: none was since the start
	Delay     time.Duration // from then to its application
	Waiting   int           // keys of patterns that wait for time to pass
	Pending   int           // impressions that wait for an outcome, an exposure or the end of their window, and negatives in a pool

	Records, Gaps                          uint64 // of the log up to the cursor; places of it that hold none
	Applied, Duplicate, Late, DeadLettered uint64 // what became of the records
	Delayed                                uint64 // of the applied: events before the watermark, within the horizon
	Served, Skewed                         uint64 // items of served lists captured; of these with another score

	Memory     MemoryStatus
	Dedup      int // ids remembered
	Feedback   feedback.Counters
	RecordsLaw error // nil: every place of the log up to the cursor has become something, once
}

// published is what the writer lets others see.
type published struct {
	mu             sync.Mutex
	status         Status
	lastCheckpoint atomic.Pointer[CheckpointStatus]

	// The writer's own: what it had published and measured last.
	steps, stepsSeen uint64
	seen             tally
}

// publishTally brings the counters and the status up to date.
func (e *Engine) publishTally() {
	for i, n := range e.tally.counts {
		e.metrics.records[i].Add(float64(n - e.seen.counts[i]))
		e.seen.counts[i] = n
	}
	e.metrics.skew.Add(float64(e.tally.skewed - e.seen.skewed))
	e.seen.skewed = e.tally.skewed

	counts := e.joiner.Counters()
	e.tellStalls(&counts)

	e.mu.Lock()
	defer e.mu.Unlock()
	s := &e.status
	s.Cursor = append(s.Cursor[:0], e.place...)
	s.Watermark, s.Newest, s.Pending = e.Clock.Watermark(), e.Clock.Newest(), e.joiner.Pending()+e.joiner.Pooled()
	s.Waiting = e.Features.Waiting()
	s.Applied, s.Duplicate = e.tally.counts[applied], e.tally.counts[duplicate]
	s.Late, s.DeadLettered = e.tally.counts[late], e.tally.counts[deadLettered]
	s.Served, s.Skewed = e.tally.served, e.tally.skewed
	s.Records, s.Gaps, s.Delayed = e.tally.received, e.tally.gaps, e.tally.delayed
	s.Dedup, s.Feedback, s.RecordsLaw = e.Dedup.Len(), counts, e.tally.check(e.place)
}

func (e *Engine) publishDelay(received event.Time, delay time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.Received, e.status.Delay = received, delay
}

// Status returns what the engine is doing, no earlier than what Wait has returned for.
func (e *Engine) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.status
	s.Cursor = s.Cursor.Clone()
	s.Feedback.Heads = slices.Clone(s.Feedback.Heads)
	return s
}

// LastCheckpoint describes the newest durable checkpoint; ok is false when there is none.
func (e *Engine) LastCheckpoint() (s CheckpointStatus, ok bool) {
	if p := e.lastCheckpoint.Load(); p != nil {
		return *p, true
	}
	return CheckpointStatus{}, false
}

// Applied is the place in the log up to which state includes it.
func (e *Engine) Applied() event.Cursor { return e.progress.load() }

// Wait returns when everything before cursor is applied, with ErrStopped when the writer has ended before, or with the
// context's error.
func (e *Engine) Wait(ctx context.Context, cursor event.Cursor) error {
	return e.progress.wait(ctx, cursor, e.stopped)
}

// Feedback returns the counters of the join, taken between two batches.
func (e *Engine) Feedback(ctx context.Context) (c feedback.Counters, err error) {
	err = e.do(ctx, func() { c = e.joiner.Counters() })
	return c, err
}

// Longest is how far a tick has to lie beyond the last event for every label window to close.
func (e *Engine) Longest() time.Duration { return e.joiner.Longest() }

// Expect says which partitions the log has: the watermark waits for all of them. A stopped engine takes no notice.
func (e *Engine) Expect(partitions []int32) {
	_ = e.do(context.Background(), func() {
		for _, p := range partitions {
			e.Clock.Expect(p)
		}
	})
}
