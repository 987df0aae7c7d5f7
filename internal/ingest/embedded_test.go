package ingest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/wal"
)

func openWAL(t testing.TB, dir string) *wal.Log {
	t.Helper()
	w, err := wal.Open(dir, wal.Options{SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil && !errors.Is(err, wal.ErrClosed) {
			t.Error(err)
		}
	})
	return w
}

func logClicks(from, n int) []event.Record {
	recs := make([]event.Record, n)
	for i := range recs {
		recs[i] = event.Record{Kind: event.KindEvent, Received: event.Time(from + i + 1), Event: &event.Event{
			ID: fmt.Sprint("e", from+i), Type: "click", User: "u", Item: "i", Time: event.Time(from + i + 1),
			Context: event.Attributes{{Key: "n", Value: event.Value{Kind: event.Number, Num: float64(from + i)}}},
		}}
	}
	return recs
}

// follower runs a source in the background.
type follower struct {
	out   chan *Batch
	stop  func() error // ends it and returns its error
	ended func() error // waits until it ends by itself
}

func startFollower(t testing.TB, s Source, from event.Cursor) follower {
	ctx, cancel := context.WithCancel(t.Context())
	out, done := make(chan *Batch), make(chan error, 1)
	go func() { done <- s.Run(ctx, from, out) }()
	ended := sync.OnceValue(func() error { return <-done })
	stop := func() error { cancel(); return ended() }
	t.Cleanup(func() { _ = stop() })
	return follower{out: out, stop: stop, ended: ended}
}

// take returns the next n records.
func (f follower) take(n int) []event.Record {
	var recs []event.Record
	for len(recs) < n {
		recs = append(recs, (<-f.out).Records...)
	}
	return recs
}

func TestWhatIsAppendedComesOutInOrderAndWhole(t *testing.T) {
	l := must(NewEmbedded(openWAL(t, t.TempDir()), EmbeddedOptions{Workers: 4}))
	f := startFollower(t, l, nil)
	var want []event.Record
	for i := range 40 {
		recs := logClicks(len(want), 1+i*i)
		cursor, err := l.Append(t.Context(), recs)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, recs...)
		if cursor.Offset(0) != int64(len(want)) || recs[len(recs)-1].Offset != int64(len(want)-1) {
			t.Fatalf("append %d: cursor %v, last offset %d", i, cursor, recs[len(recs)-1].Offset)
		}
	}
	if got := f.take(len(want)); !reflect.DeepEqual(got, want) {
		t.Errorf("%d records came out other than the %d that went in", len(got), len(want))
	}
	if err := l.Wait(t.Context(), l.End()); err != nil {
		t.Fatal(err)
	}
	if !l.Durable().Covers(l.End()) || l.Lag(nil) != int64(len(want)) || l.Lag(l.End()) != 0 || l.First().Offset(0) != 0 {
		t.Errorf("durable %v, end %v, lag %d", l.Durable(), l.End(), l.Lag(nil))
	}
	if err := f.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped with %v", err)
	}
}

func TestASingleRecordComesOutAtOnce(t *testing.T) {
	l := must(NewEmbedded(openWAL(t, t.TempDir()), EmbeddedOptions{}))
	f := startFollower(t, l, nil)
	for i := range 50 {
		if _, err := l.Append(t.Context(), logClicks(i, 1)); err != nil {
			t.Fatal(err)
		}
		if got := f.take(1); len(got) != 1 || got[0].Offset != int64(i) { // nothing else is under way that could push it out
			t.Fatalf("record %d: %+v", i, got)
		}
	}
}

func TestASourceGoesOnWhereItIsTold(t *testing.T) {
	dir := t.TempDir()
	w := openWAL(t, dir)
	l := must(NewEmbedded(w, EmbeddedOptions{}))
	if _, err := l.Append(t.Context(), logClicks(0, 3000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l = must(NewEmbedded(openWAL(t, dir), EmbeddedOptions{}))
	if got := startFollower(t, l, event.Cursor{{Partition: 0, Offset: 1234}}).take(3000 - 1234); got[0].Offset != 1234 || got[0].Event.ID != "e1234" || len(got) != 3000-1234 {
		t.Errorf("%d records from %d", len(got), got[0].Offset)
	}
	if err := l.Run(t.Context(), event.Cursor{{Partition: 0, Offset: 5000}}, nil); !errors.Is(err, wal.ErrAhead) {
		t.Errorf("a place behind the end: %v", err)
	}
}

func TestARecordThatDoesNotDecodeStopsTheSource(t *testing.T) {
	w := openWAL(t, t.TempDir())
	l := must(NewEmbedded(w, EmbeddedOptions{}))
	if _, err := l.Append(t.Context(), logClicks(0, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(t.Context(), [][]byte{{99, 1, 2}}); err != nil {
		t.Fatal(err)
	}
	out := make(chan *Batch, 10)
	err := l.Run(t.Context(), nil, out)
	if !errors.Is(err, event.ErrVersion) {
		t.Errorf("error %v", err)
	}
}

func TestManyAppendersShareTheLog(t *testing.T) {
	l := must(NewEmbedded(openWAL(t, t.TempDir()), EmbeddedOptions{}))
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			for range 50 {
				recs := logClicks(0, 7)
				cursor, err := l.Append(t.Context(), recs)
				if err != nil || l.Wait(t.Context(), cursor) != nil {
					t.Error(err)
				}
				for i := range recs {
					if recs[i].Offset != cursor.Offset(0)-7+int64(i) {
						t.Errorf("offset %d, cursor %v", recs[i].Offset, cursor)
					}
				}
			}
		})
	}
	g.Wait()
	got := startFollower(t, l, nil).take(8 * 50 * 7)
	for i := range got {
		if got[i].Offset != int64(i) || got[i].Event.ID != fmt.Sprint("e", i%7) {
			t.Fatalf("record %d is %+v", i, got[i])
		}
	}
}

func TestFilesGoThroughTheLog(t *testing.T) {
	dir := t.TempDir()
	files := newTestFiles(t, FilesOptions{
		Items:  []string{writeFile(t, dir, "items", `{"item":"i1"}`)},
		Events: []string{writeFile(t, dir, "a", click("a1", 10), "broken", click("a2", 20)), writeFile(t, dir, "b", click("b1", 15))},
	})
	l := must(NewEmbedded(openWAL(t, filepath.Join(dir, "wal")), EmbeddedOptions{}))
	direct, err := collect(t, Logged(files, l))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(t.Context(), l.End()); err != nil {
		t.Fatal(err)
	}
	again := startFollower(t, l, nil).take(len(direct))
	if !reflect.DeepEqual(direct, again) {
		t.Errorf("the log holds %q, handed on were %q", brief(again), brief(direct))
	}
	for i, r := range direct {
		if r.Offset != int64(i) {
			t.Errorf("record %d has offset %d", i, r.Offset)
		}
	}
}

// brokenLog refuses everything.
type brokenLog struct{ err error }

func (l brokenLog) Append(context.Context, []event.Record) (event.Cursor, error) { return nil, l.err }
func (l brokenLog) Wait(context.Context, event.Cursor) error                     { return l.err }

func TestALogThatRefusesStopsTheFiles(t *testing.T) {
	broken := errors.New("no space")
	files := newTestFiles(t, FilesOptions{Events: []string{writeFile(t, t.TempDir(), "a", click("a1", 10))}})
	if recs, err := collect(t, Logged(files, brokenLog{broken})); !errors.Is(err, broken) || len(recs) != 0 {
		t.Errorf("%d records, %v", len(recs), err)
	}
}

func TestAPipelineKeepsOrderAndStopsAtTheFirstError(t *testing.T) {
	bad := errors.New("bad job")
	for _, workers := range []int{1, 2, 7} {
		var got []int
		p := pipeline[int, int]{
			workers: workers,
			produce: func(_ context.Context, emit func(int) error) error {
				for i := range 1000 {
					if err := emit(i); err != nil {
						return err
					}
				}
				return nil
			},
			worker:  func() func(int) (int, error) { return func(i int) (int, error) { return i * 2, nil } },
			consume: func(i int) error { got = append(got, i); return nil },
		}
		if err := p.run(t.Context()); err != nil || len(got) != 1000 {
			t.Fatalf("%d workers: %d results, %v", workers, len(got), err)
		}
		for i := range got {
			if got[i] != 2*i {
				t.Fatalf("%d workers: result %d is %d", workers, i, got[i])
			}
		}
		got = nil
		p.worker = func() func(int) (int, error) {
			return func(i int) (int, error) {
				if i == 500 {
					return 0, bad
				}
				return i, nil
			}
		}
		if err := p.run(t.Context()); !errors.Is(err, bad) || len(got) != 500 {
			t.Errorf("%d workers: %d results before the error %v", workers, len(got), err)
		}
	}
}

func BenchmarkEmbeddedAppend(b *testing.B) {
	l := must(NewEmbedded(openWAL(b, b.TempDir()), EmbeddedOptions{}))
	recs := logClicks(0, 1000)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := l.Append(b.Context(), recs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkEmbeddedRoundTripOfOne(b *testing.B) {
	l := must(NewEmbedded(openWAL(b, b.TempDir()), EmbeddedOptions{}))
	f := startFollower(b, l, nil)
	recs := logClicks(0, 1)
	b.ResetTimer()
	for b.Loop() {
		if _, err := l.Append(b.Context(), recs); err != nil {
			b.Fatal(err)
		}
		f.take(1)
	}
}

func BenchmarkEmbeddedSource(b *testing.B) {
	const n = 200_000
	l := must(NewEmbedded(openWAL(b, b.TempDir()), EmbeddedOptions{}))
	for i := range n / 1000 {
		if _, err := l.Append(b.Context(), logClicks(i*1000, 1000)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		f := startFollower(b, l, nil)
		for got := 0; got < n; {
			got += len((<-f.out).Records)
		}
		_ = f.stop()
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkLoggedFiles(b *testing.B) {
	const n = 200_000
	path := benchmarkFile(b, n)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		l := must(NewEmbedded(openWAL(b, b.TempDir()), EmbeddedOptions{}))
		f := startFollower(b, Logged(newTestFiles(b, FilesOptions{Events: []string{path}}), l), nil)
		for got := 0; got < n; {
			got += len((<-f.out).Records)
		}
		_ = f.stop()
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
