package feedback

import (
	"fmt"
	"testing"
	"time"

	"recsvc/internal/event"
)

type discard struct{ steps int }

func (d *discard) Learn(Step)     { d.steps++ }
func (d *discard) Settle(Settled) {}

// BenchmarkExposureAndOutcome is a pair of an exposure and its click, and the closing of an earlier one: vectors of
// 20 + 20 features, a context of two keys or none, two heads with windows of 30 min. How many impressions are pending
// follows from the rate, and with it how much of the work is waiting for memory.
func BenchmarkExposureAndOutcome(b *testing.B) {
	for _, perSecond := range []int{5, 100} {
		for _, context := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d_per_second/context=%v", perSecond, context), func(b *testing.B) {
				benchmarkPairs(b, perSecond, context, false)
			})
		}
	}
}

// BenchmarkColdExposureAndOutcome is the same with impressions that leave memory at the next checkpoint, so that each is
// read back when it is closed, and its list. Checkpoints are not measured; the store is a map.
func BenchmarkColdExposureAndOutcome(b *testing.B) {
	for _, perSecond := range []int{5, 100} {
		b.Run(fmt.Sprintf("%d_per_second", perSecond), func(b *testing.B) { benchmarkPairs(b, perSecond, false, true) })
	}
}

func benchmarkPairs(b *testing.B, perSecond int, context, cold bool) {
	o := two(Correct)
	disk := newCellar()
	if cold {
		o.Cold, o.Bytes = disk, 1
	}
	o.Heads[0].Window, o.Heads[1].Window = 30*time.Minute, 30*time.Minute
	o.LateMemory = 30 * time.Minute // with the rest of its hour less than it takes for the requests to come round
	j, err := New(o, &discard{})
	if err != nil {
		b.Fatal(err)
	}
	const names = 1 << 20
	users, items, requests := make([]string, names), make([]string, names), make([]string, names)
	for i := range names {
		users[i], items[i], requests[i] = fmt.Sprint("user", i%9973), fmt.Sprint("item", i%4999), fmt.Sprint("request", i)
	}
	c := &Captured{P: []float32{0.1, 0.2}}
	for i := range uint32(20) {
		c.Shared.Slots = append(c.Shared.Slots, i)
		c.Own.Slots = append(c.Own.Slots, i)
	}
	c.Own.Values = []float32{1, 2, 3, 4, 5}
	exposure, outcome := event.Event{Type: exposureType}, event.Event{Type: "click"}
	if context {
		exposure.Context = parseContext("device:ios,city:Bern")
	}
	now := event.Time(time.Hour)
	one := func(i int) {
		now += event.Time(time.Second) / event.Time(perSecond)
		exposure.User, exposure.Item, exposure.Request = users[i%names], items[i%names], requests[i%names]
		exposure.Time = now
		j.Observe(&exposure, j.Match(&exposure), c)
		outcome.User, outcome.Item, outcome.Request = exposure.User, exposure.Item, exposure.Request
		outcome.Time = now + 1
		j.Observe(&outcome, j.Match(&outcome), c)
		j.Advance(now - event.Time(5*time.Second))
	}
	const first, every = 200_000, 2000
	for i := range first {
		one(i)
		if cold && i%every == 0 {
			disk.begin(j)
			disk.commit(j)
		}
	}
	reads := j.reads
	b.ReportAllocs()
	i := first
	for b.Loop() {
		if one(i); cold && i%every == 0 {
			b.StopTimer()
			disk.begin(j)
			disk.commit(j)
			b.StartTimer()
		}
		i++
	}
	if j.Err() != nil {
		b.Fatal(j.Err())
	}
	b.ReportMetric(float64(j.reads-reads)/float64(i-first), "reads/op")
	b.ReportMetric(float64(j.Pending()), "pending")
}
