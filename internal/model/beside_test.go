package model

import (
	"sync"
	"sync/atomic"
	"testing"
)

// The race detector judges this test.
func TestReadersMayRunBesideTheWriter(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		m := mustNew(t, opts)
		examples := randomExamples(30, 150)
		var stop atomic.Bool
		var wg sync.WaitGroup
		for reader := range 3 {
			wg.Go(func() {
				p := make([]float32, len(m.Heads()))
				for i := reader; !stop.Load(); i++ {
					ex := &examples[i%len(examples)]
					m.Predict(p, ex.Shared, ex.Own)
					for _, h := range m.Heads() {
						if s := h.Logit(ex.Shared, ex.Own); !(s >= -maxLogit && s <= maxLogit) {
							t.Errorf("logit %v", s)
						}
						h.Explain(nil, ex.Shared, ex.Own)
						h.Counters()
					}
					if i%50 == 0 {
						v := m.Head(0).Validation()
						v.Total()
						v.Recent()
						v.Days()
						v.Ignored()
						m.Head(0).Weights()
					}
				}
			})
		}
		for range 3 {
			observeAll(m, examples)
			keys, values := snapshot(t, m)
			contents(m)
			r := m.Restore()
			for i := range keys {
				if _, err := r.LoadPage(keys[i], values[i]); err != nil {
					t.Error(err)
				}
			}
			r.Finish()
		}
		stop.Store(true)
		wg.Wait()
	})
}
