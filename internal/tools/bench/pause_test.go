package main

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
	"recsvc/internal/state"
)

// BenchmarkWriterPause measures from inside how long checkpoints keep the writer from the next record: an engine with real
// rooms on a real disk, a million users, a model of two heads of 2^22 slots in which all pages change, and 20,000 events/s.
// The figures are the longest in three checkpoints, 10 s apart: of a cut, of what follows when it is stored, of a piece of its
// flush, of a record, and of the time from one record to the next. It takes about a minute; give it -benchtime=1x.
func BenchmarkWriterPause(b *testing.B) {
	for b.Loop() {
		parts := openParts(b)
		p := &pauses{model: parts.Models[0]}
		e, err := engine.Open(parts, engine.Options{
			Feedback: feedback.Options{Heads: []feedback.HeadOptions{
				{Name: "ctr/click", Positive: []feedback.Label{{Type: "click"}}, Window: 30 * time.Minute},
				{Name: "ctr/second", Positive: []feedback.Label{{Type: "click"}}, Window: 30 * time.Minute},
			}},
			Interval: 10 * time.Second, Fault: p.at,
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Run(b.Context(), &pacedCrowd{b: b, pauses: p}); err != nil {
			b.Fatal(err)
		}
		for step, name := range []string{"cut", "stored", "flush", "record", "between"} {
			took := sorted(p.took[step])
			b.ReportMetric(ms(took.quantile(1)), "ms-"+name)
			if len(took) > 10_000 { // the longest of so many tells of the machine, too
				b.ReportMetric(ms(took.quantile(0.9999)), "ms-"+name+"-p99.99")
			}
		}
		b.ReportMetric(float64(p.pages), "dirty-pages")
		last, _ := e.LastCheckpoint()
		b.ReportMetric(float64(last.Bytes)/1e6, "MB")
		b.ReportMetric(last.Took.Seconds(), "s-checkpoint")
		if err := parts.State.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// pauses are how long the steps of the writer take. But for measuring they belong to the writer.
type pauses struct {
	took      [5]latencies // cut, stored, flush, one record, from one record to the next of its batch
	began     [4]time.Time
	applied   time.Time // the last record
	records   int
	model     *model.Model
	pages     int // of weights, that the last cut has found changed
	measuring atomic.Bool
}

var pauseSteps = map[engine.Step]int{engine.StepCut: 0, engine.StepStored: 1, engine.StepFlush: 2, engine.StepApply: 3}

// at is for engine.Options.Fault.
func (p *pauses) at(s engine.Step, after bool) {
	step, ours := pauseSteps[s]
	if !ours || !p.measuring.Load() {
		return
	}
	now := time.Now()
	if !after {
		p.began[step] = now
		if s == engine.StepCut {
			p.pages = 0
			for _, set := range p.model.Sets() {
				p.pages += set.Dirty()
			}
		}
		if step == 3 && p.records%crowdEach > 0 {
			p.took[4] = append(p.took[4], now.Sub(p.applied))
		}
		return
	}
	if !p.began[step].IsZero() {
		p.took[step] = append(p.took[step], now.Sub(p.began[step]))
	}
	if step == 3 {
		p.applied = now
		p.records++
	}
}

// pacedCrowd is a source: as fast as they are taken, events of so many users as there are to be; then any of theirs, at the
// crowd's pace, for four checkpoints, of which the first is not measured.
type pacedCrowd struct {
	b      *testing.B
	pauses *pauses
}

// Run implements ingest.Source.
func (c *pacedCrowd) Run(ctx context.Context, _ event.Cursor, out chan<- *ingest.Batch) error {
	s := &stream{seed: 5, users: crowdUsers, items: streamItems}
	const met = crowdUsers*streamClick/(streamClick-1)/crowdEach + 1 // batches
	const interval = 10 * crowdPace / crowdEach                      // batches
	var start time.Time
	for n := range uint64(met + 4*interval) {
		batch := &ingest.Batch{Records: make([]event.Record, crowdEach)}
		decoder := &event.Decoder{}
		for i := range batch.Records {
			r, number := &batch.Records[i], n*crowdEach+uint64(i)
			if err := decoder.DecodeJSON(event.KindEvent, s.appendEvent(nil, number, time.UnixMilli(int64(1_700_000_000_000+number/20))), r); err != nil {
				return err
			}
			r.Offset, r.Received = int64(number), r.Event.Time
		}
		if n == met {
			start = time.Now()
		}
		if n == met+interval {
			c.pauses.measuring.Store(true)
		}
		if n >= met {
			time.Sleep(time.Until(start.Add(time.Duration(n-met) * time.Second * crowdEach / crowdPace)))
		}
		select {
		case out <- batch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// openParts are new rooms, with features of most kinds and of each owner of state.
func openParts(b *testing.B) engine.Parts {
	b.Helper()
	prior := features.Prior{Strength: 5}
	defs := []features.Definition{
		{Name: "user", Kind: "attribute", Field: "user.id"},
		{Name: "item", Kind: "attribute", Field: "item.id"},
		{Name: "tab", Kind: "attribute", Field: "context.tab"},
		{Name: "user_x_tab", Kind: "cross", Inputs: []string{"user", "tab"}},
		{Name: "user_x_item", Kind: "cross", Inputs: []string{"user", "item"}},
		{Name: "user_ctr", Kind: "rate", Scope: []string{"user"}, Of: features.On("click"), Over: features.On("exposure"), Prior: prior, As: "log_odds"},
		{Name: "item_ctr", Kind: "rate", Scope: []string{"item"}, Of: features.On("click"), Over: features.On("exposure"), Prior: prior, As: "log_odds"},
		{Name: "tab_ctr", Kind: "rate", Scope: []string{"context.tab"}, Of: features.On("click"), Over: features.On("exposure"), Prior: prior, As: "log_odds"},
		{Name: "user_shown", Kind: "count", Scope: []string{"user"}, On: features.On("exposure"), Window: 10 * time.Minute, Slide: time.Minute, As: "log"},
		{Name: "user_last", Kind: "last_k", Scope: []string{"user"}, On: features.On("exposure"), Outcomes: []string{"click"}, N: 4, As: "outcomes"},
		{Name: "user_gap", Kind: "time_since", Scope: []string{"user"}, On: features.On("exposure"), As: "log"},
	}
	rates := model.Hyper{Alpha: 0.03, Beta: 1}
	heads := []model.HeadOptions{{Name: "click", Hyper: rates}, {Name: "second", Hyper: rates}}
	return engine.Parts{
		Features: must(features.New(defs, features.Options{}))(b),
		Models:   []*model.Model{must(model.New(model.Options{Name: "ctr", Bits: 22, Heads: heads}))(b)},
		Clock:    must(ingest.NewClock(ingest.ClockOptions{Lateness: 5 * time.Second, Horizon: 24 * time.Hour}))(b),
		Dedup:    must(ingest.NewDedup(ingest.DedupOptions{Horizon: 24 * time.Hour}))(b),
		Letters:  must(ingest.NewDeadLetters(ingest.DeadLettersOptions{}))(b),
		State:    must(state.Open(filepath.Join(b.TempDir(), "state"), state.Options{}))(b),
	}
}

func must[T any](v T, err error) func(b *testing.B) T {
	return func(b *testing.B) T {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
}
