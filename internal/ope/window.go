package ope

import (
	"fmt"
	"sync"
	"time"

	"recsvc/internal/event"
)

// WindowOptions of a Window. A zero field takes the default named beside it.
type WindowOptions struct {
	Span   time.Duration // how far back it goes, in the time of exposures; 24h
	Blocks int           // pieces of the span, the oldest of which goes whole; 8
	Clip   float64       // 10
}

// What a Window tells apart. People whose hashes agree so far share a cluster.
const (
	windowClusters = 1 << 10
	windowByPlace  = 1 << 6
)

// Window holds evaluations of the latest traffic: between Span and Span·(1 − 1/Blocks) of it. Its memory is bounded: some 130 KB for
// each block and policy, and 16 KB more for each position. One goroutine adds; any may read.
type Window struct {
	length event.Time // of a block

	mu     sync.Mutex
	blocks []block
	opts   Options
	newest int64 // number of the newest block
}

// block is one piece of the window.
type block struct {
	number int64 // time / length; 0: unused
	of     []*Evaluation
}

// NewWindow returns an empty one for a number of policies.
func NewWindow(policies int, opts WindowOptions) (*Window, error) {
	if opts.Span == 0 {
		opts.Span = 24 * time.Hour
	}
	if opts.Blocks == 0 {
		opts.Blocks = 8
	}
	if opts.Blocks < 2 || opts.Blocks > 1000 || opts.Span < time.Duration(opts.Blocks) {
		return nil, fmt.Errorf("ope: a window of %v in %d blocks: want 2 to 1000 blocks of a nanosecond at least", opts.Span, opts.Blocks)
	}
	w := &Window{
		length: event.Time(opts.Span) / event.Time(opts.Blocks), blocks: make([]block, opts.Blocks),
		opts: Options{Clip: opts.Clip, Clusters: windowClusters, ByPlace: windowByPlace},
	}
	for i := range w.blocks {
		for range policies {
			e, err := NewEvaluation(w.opts)
			if err != nil {
				return nil, err
			}
			w.blocks[i].of = append(w.blocks[i].of, e)
		}
	}
	return w, nil
}

// Add takes an impression as [Evaluation.Add] does, for all policies. One from before the window has no effect, and one that was
// skipped before it was shown counts for the newest block.
func (w *Window) Add(s *Settled, choices []Choice) {
	folded := *s
	folded.Cluster %= windowClusters
	w.mu.Lock()
	defer w.mu.Unlock()
	number := max(1, int64(s.Time/w.length))
	if s.Time == 0 {
		number = max(1, w.newest)
	}
	w.newest = max(w.newest, number)
	b := &w.blocks[number%int64(len(w.blocks))]
	if number < b.number || number <= w.newest-int64(len(w.blocks)) {
		return
	}
	if number > b.number {
		for _, e := range b.of {
			e.Reset()
		}
		b.number = number
	}
	for i := range choices {
		b.of[i].Add(&folded, &choices[i])
	}
}

// Evaluation returns a copy of what the window holds of the i-th policy. Add waits for one block at a time.
func (w *Window) Evaluation(i int) *Evaluation {
	sum, _ := NewEvaluation(w.opts) // which were good for the blocks
	for at := range w.blocks {
		w.add(sum, at, i)
	}
	return sum
}

func (w *Window) add(sum *Evaluation, at, i int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b := &w.blocks[at]; b.number > w.newest-int64(len(w.blocks)) {
		sum.Merge(b.of[i])
	}
}
