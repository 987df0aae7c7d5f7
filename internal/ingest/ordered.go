package ingest

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// pipeline does work on several goroutines and hands on the results in the order of the jobs. At most two jobs per
// worker wait before consume takes their results; then produce blocks in emit.
//
// Nothing waits for company: a lone job goes through as fast as three goroutines can pass it on.
type pipeline[J, R any] struct {
	workers int
	produce func(ctx context.Context, emit func(J) error) error // returns at the end; emit's error is the reason to stop
	worker  func() func(J) (R, error)                           // called once per goroutine: what it returns owns its scratch
	consume func(R) error                                       // called in order, by one goroutine
}

type pipelineJob[J, R any] struct {
	job    J
	result chan pipelineResult[R]
}

type pipelineResult[R any] struct {
	value R
	err   error
}

// run returns when all results are consumed, or with the first error. It leaves no goroutine behind.
func (p pipeline[J, R]) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan *pipelineJob[J, R], p.workers)
	order := make(chan *pipelineJob[J, R], 2*p.workers)
	g.Go(func() error {
		defer close(order)
		defer close(work)
		return p.produce(ctx, func(job J) error {
			j := &pipelineJob[J, R]{job: job, result: make(chan pipelineResult[R], 1)}
			for _, queue := range [...]chan<- *pipelineJob[J, R]{order, work} {
				select {
				case queue <- j:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	for range p.workers {
		g.Go(func() error {
			do := p.worker()
			for j := range work {
				value, err := do(j.job)
				j.result <- pipelineResult[R]{value, err}
			}
			return nil
		})
	}
	g.Go(func() error {
		for j := range order {
			var r pipelineResult[R]
			select {
			case r = <-j.result:
			case <-ctx.Done():
				return ctx.Err()
			}
			if r.err != nil {
				return r.err
			}
			if err := p.consume(r.value); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// workerCount returns n, or GOMAXPROCS for 0.
func workerCount(n int) (int, error) {
	if n < 0 {
		return 0, fmt.Errorf("option Workers is negative: %d", n)
	}
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return n, nil
}
