package stream

import (
	"testing"

	"recsvc/internal/event"
)

// BenchmarkAValueAfterEveryEvent is what one event costs from the typed record to the fresh value, users and rows in memory.
func BenchmarkAValueAfterEveryEvent(b *testing.B) {
	r := newRig(b)
	const n = 1 << 20
	events := make([]Event, n)
	for i := range events {
		events[i] = At(uint64(i))
	}
	newest := make([]int64, Users)
	for _, e := range events {
		r.apply(e)
	}
	b.ReportAllocs()
	i, total := 0, uint64(0)
	for b.Loop() {
		e := &events[i&(n-1)]
		r.apply(*e)
		newest[e.User] = max(newest[e.User], e.TS)
		clicks, impressions := r.read(e.User, event.Time(newest[e.User])*1e6)
		total += clicks + impressions
		i++
	}
	b.ReportMetric(float64(total)/float64(i), "value")
}
