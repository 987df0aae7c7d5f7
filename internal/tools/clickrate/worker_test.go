package clickrate

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"recsvc/internal/tools/stream"
)

// events is how much of the stream the tests take.
const events = 100_000

func newWorker(t *testing.T, dir string, every time.Duration) *Worker {
	t.Helper()
	w, err := NewWorker(NewNames(), dir, every)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func apply(t *testing.T, w *Worker, p *Part, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := w.Apply(uint64(p.Numbers[i]), &p.Events[i]); err != nil {
			t.Error(err)
			return
		}
	}
}

func closeWorker(t *testing.T, w *Worker) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func hold(t *testing.T, got stream.Total) {
	t.Helper()
	if want, _ := stream.Expected(stream.Ring, events); got != want {
		t.Errorf("outputs %+v, want Flink's %+v", got, want)
	}
}

func TestWorkersOnTheirPartsPutOutWhatFlinkDoes(t *testing.T) {
	for _, p := range []int{1, 2} {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			parts := Split(events, p)
			workers := make([]*Worker, p)
			var running sync.WaitGroup
			for i := range parts {
				workers[i] = newWorker(t, t.TempDir(), 20*time.Millisecond)
				running.Go(func() { apply(t, workers[i], &parts[i], 0, len(parts[i].Events)) })
			}
			running.Wait()
			var got stream.Total
			for _, w := range workers {
				closeWorker(t, w)
				if n, bytes := w.Checkpoints(); n < 1 || bytes == 0 {
					t.Errorf("%d checkpoints with %d bytes", n, bytes)
				}
				got = got.Plus(w.Total)
			}
			hold(t, got)
		})
	}
}

func TestAWorkerGoesOnFromItsLastCheckpointAsIfNothingHadHappened(t *testing.T) {
	dir, part := t.TempDir(), &Split(events, 1)[0]
	first := newWorker(t, dir, time.Hour)
	apply(t, first, part, 0, events/3)
	closeWorker(t, first)

	second := newWorker(t, dir, time.Hour)
	from := second.Resume(part)
	if from != events/3 {
		t.Fatalf("goes on from event %d, want %d", from, events/3)
	}
	apply(t, second, part, from, events)
	closeWorker(t, second)
	hold(t, first.Total.Plus(second.Total))
}

func TestALaterLapIsTheSameStreamAtALaterTime(t *testing.T) {
	const n = 10_000
	part := &Split(n, 1)[0]
	w := newWorker(t, "", 0)
	var first stream.Total
	for _, lap := range []int64{0, 200} { // laps of a second: more than the window lies between
		w.Total = stream.Total{}
		if applied, err := w.Lap(part, lap, func() bool { return false }); err != nil || applied != n {
			t.Fatalf("%d events, %v", applied, err)
		}
		if lap == 0 {
			first = w.Total
		}
	}
	if w.Total != first || first.A == 0 {
		t.Errorf("a lap after the windows have emptied puts out %+v, the first one %+v", w.Total, first)
	}
}

func TestAWorkerAllocatesNothingPerEvent(t *testing.T) {
	const n = 10_000
	part := &Split(n, 1)[0]
	w := newWorker(t, "", 0)
	apply(t, w, part, 0, n)
	i := 0
	if got := testing.AllocsPerRun(n-1, func() {
		if err := w.Apply(uint64(i), &part.Events[i]); err != nil {
			t.Fatal(err)
		}
		i++
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
