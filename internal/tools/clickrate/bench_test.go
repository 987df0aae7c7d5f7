package clickrate

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkAValueAfterAnEvent is what one event costs, from the typed record to its user's fresh counts, all users in memory. On a machine
// that others use too the quickest tenth of its batches says more than all of them.
func BenchmarkAValueAfterAnEvent(b *testing.B) {
	const n = 1 << 19
	part := &Split(n, 1)[0]
	w, err := NewWorker(NewNames(), "", 0)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Lap(part, 0, func() bool { return false }); err != nil {
		b.Fatal(err)
	}
	const batch = 1000
	var took []time.Duration
	b.ReportAllocs()
	i, start := 0, time.Now()
	for b.Loop() {
		e := part.Events[i%n]
		e.TS += part.span() * int64(1+i/n)
		if err := w.Apply(uint64(i), &e); err != nil {
			b.Fatal(err)
		}
		if i++; i%batch == 0 {
			now := time.Now()
			took = append(took, now.Sub(start))
			start = now
		}
	}
	if slices.Sort(took); len(took) > 0 {
		b.ReportMetric(float64(took[len(took)/10])/batch, "quick-ns/op")
	}
}
