package features_test

import (
	"fmt"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/tools/stream"
)

// threeClicks is the pattern that BASELINES measures Flink by: three clicks of a user in one category within five minutes.
func threeClicks(order string) features.Pattern {
	return features.Pattern{
		Name: "high_intent", Scope: []string{"user", "item.categories[0]"}, Within: 5 * time.Minute, Order: order,
		Steps: []features.Step{{Name: "clicks", On: features.On("click"), Times: 3}},
		Emit:  features.Emit{Feature: &features.MatchFeature{TTL: 10 * time.Minute}},
	}
}

// clickStream is the generator's stream as the engine would see it, made beforehand.
type clickStream struct {
	store  *features.Store
	query  *features.Query
	events []event.Event
	refs   []features.ItemRef
	newest event.Time
}

func newClickStream(t testing.TB, n int, patterns ...features.Pattern) *clickStream {
	t.Helper()
	s, err := features.New(nil, features.Options{NoRecall: true, Patterns: patterns})
	if err != nil {
		t.Fatal(err)
	}
	c := &clickStream{store: s, query: s.NewQuery()}
	for i := range stream.Items {
		category := event.Value{Kind: event.List, List: []string{fmt.Sprint("c", i%stream.Categories)}}
		s.UpsertItem(&event.Item{ID: fmt.Sprint("i", i), Attrs: event.Attributes{{Key: "categories", Value: category}}})
	}
	users := make([]string, stream.Users)
	for i := range users {
		users[i] = fmt.Sprint("u", i)
	}
	for i := range n {
		e := stream.At(uint64(i))
		one := event.Event{Type: "exposure", User: users[e.User], Item: s.Item(features.ItemRef(e.Item)).ID, Time: event.Time(e.TS) * 1e6}
		if e.Click {
			one.Type = "click"
		}
		c.events, c.refs = append(c.events, one), append(c.refs, features.ItemRef(e.Item))
	}
	return c
}

// apply applies event i as the engine does: its watermark first.
func (c *clickStream) apply(i int) {
	e := &c.events[i]
	c.newest = max(c.newest, e.Time)
	c.store.At(0, int64(i))
	c.store.Advance(c.newest - 5e9)
	c.query.Begin(e.User, nil, e.Time)
	c.store.Apply(c.query, e, c.refs[i])
}

func BenchmarkPatternOfThreeClicks(b *testing.B) {
	for _, tc := range []struct {
		name     string
		patterns []features.Pattern
	}{
		{"arrival", []features.Pattern{threeClicks(features.OrderArrival)}},
		{"event_time", []features.Pattern{threeClicks(features.OrderEventTime)}},
		{"none", nil},
	} {
		b.Run(tc.name, func(b *testing.B) {
			const n = 1_000_000
			c := newClickStream(b, n, tc.patterns...)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				c.apply(i % n)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func TestEventsThatNoStepSelectsCostNothing(t *testing.T) {
	c := newClickStream(t, 2000, threeClicks(features.OrderArrival))
	for i := range c.events {
		c.apply(i)
	}
	i := 0
	for c.events[i].Type == "click" {
		i++
	}
	if got := testing.AllocsPerRun(200, func() { c.apply(i) }); got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
}
