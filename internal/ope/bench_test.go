package ope

import (
	"fmt"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
)

// A list of twenty from a pool of two hundred under three policies, from its capture to the end of its windows.
func BenchmarkAListFromItsCaptureToItsEnd(b *testing.B) {
	w, err := NewWindow(3, WindowOptions{})
	if err != nil {
		b.Fatal(err)
	}
	c, err := NewCollector(CollectorOptions{
		Policies: []Policy{{Name: "u", Kind: Uniform}, {Name: "s", Kind: Served}, {Name: "m", Kind: ByModel, Rule: Rule{Epsilon: -1}, Score: second}},
		Epsilon:  func(string) (float64, bool) { return 0.1, true }, Take: w.Add,
	})
	if err != nil {
		b.Fatal(err)
	}
	rec := &event.Record{Kind: event.KindServed, Served: &event.Served{Items: make([]event.ServedItem, 20)}}
	var p [20]feedback.Captured
	for i := range rec.Served.Items {
		rec.Served.Items[i].Propensity, rec.Served.Items[i].Score = 0.9+0.1/float64(200-i), float64(-i)
		p[i].P = []float32{0.1, float32(i*7%20) / 20}
	}
	users := make([]string, 1000)
	for i := range users {
		users[i] = fmt.Sprint("u", i)
	}
	id := uint64(0)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		rec.Served.User = users[n%len(users)]
		c.Begin(rec, nil)
		for i := range p {
			c.Captured(i, nil, p[i])
		}
		for i := range p {
			c.Parked(id+uint64(i), i)
		}
		for i := range p {
			at := id + uint64(i)
			c.Shown(at, nil, feedback.Shown{Time: event.Time(1e18 + n)})
			c.Settled(at, feedback.Settled{Theta: 1})
			c.Ended(at, feedback.EndClosed)
		}
		id += uint64(len(p))
	}
}
