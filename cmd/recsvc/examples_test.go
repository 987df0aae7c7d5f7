package main

import (
	"fmt"
	"math"
	"testing"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/event"
	"recsvc/internal/features"
)

// Each kind's example compiles through the configuration, and says something after some minutes of traffic: no example is dead.
func TestTheExampleOfEachKindYieldsAValue(t *testing.T) {
	for _, k := range features.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			text := "models: [{name: ctr, heads: [{name: click, positive: [click]}]}]\n" + k.Features()
			c, err := config.Parse(k.Name, []byte(text), config.Overrides{})
			if err != nil {
				t.Fatal(err)
			}
			s, err := newFeatures(c, nil)
			if err != nil {
				t.Fatal(err)
			}
			now := exampleTraffic(t, s)
			for _, v := range exampleValues(s, now) {
				if math.IsNaN(v.Number) && v.Text == "" && len(v.List) == 0 && len(v.Weights) == 0 {
					t.Errorf("%s is missing", v.Name)
				}
			}
		})
	}
}

// exampleValues are all values for ann and one item of a list of three.
func exampleValues(s *features.Store, now event.Time) []features.NamedValue {
	q := s.NewQuery()
	q.Begin("ann", exampleContext(0), now)
	var list []features.ItemRef
	for _, id := range []string{"i1", "i2", "i3"} {
		ref, _ := s.LookupItem(id)
		list = append(list, ref)
	}
	q.List(list)
	var v features.Vector
	q.Item(&v, list[0])
	return s.NewNamer().Named(q, nil)
}

func exampleText(s string) event.Value { return event.Value{Kind: event.String, Str: s} }

func exampleList(s ...string) event.Value { return event.Value{Kind: event.List, List: s} }

func exampleVector() event.Value {
	var v event.Value
	for i := range 16 {
		v.List = append(v.List, fmt.Sprint(float64(i)/16))
	}
	v.Kind = event.List
	return v
}

func exampleContext(i int) event.Attributes {
	return event.Attributes{
		{Key: "channel", Value: exampleText(fmt.Sprint("c", i%2))},
		{Key: "city", Value: exampleText("shanghai")},
		{Key: "device", Value: exampleText("ios")},
		{Key: "location", Value: exampleText("31.2,121.5")},
		{Key: "query", Value: exampleText("red boots")},
		{Key: "referer", Value: exampleText("https://www.google.com/search?q=boots")},
		{Key: "room", Value: exampleText(fmt.Sprint("r", i%2))},
		{Key: "session", Value: exampleText("s1")},
		{Key: "tab", Value: event.Value{Kind: event.Number, Num: 1}},
		{Key: "user_agent", Value: exampleText("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1")},
	}
}

// exampleTraffic is half an hour of what two people do with five items; it returns the time after it.
func exampleTraffic(t *testing.T, s *features.Store) event.Time {
	t.Helper()
	for i := range 5 {
		s.UpsertItem(&event.Item{ID: fmt.Sprint("i", i), Attrs: event.Attributes{
			{Key: "categories", Value: exampleList(fmt.Sprint("k", i%2), "all")},
			{Key: "created", Value: exampleText("2022-04-01T00:00:00Z")},
			{Key: "creator", Value: exampleText("c1")},
			{Key: "embedding", Value: exampleVector()},
			{Key: "location", Value: exampleText("31.1,121.4")},
			{Key: "price", Value: event.Value{Kind: event.Number, Num: float64(10 + i)}},
			{Key: "tags", Value: exampleList("sport", fmt.Sprint("t", i))},
			{Key: "text", Value: exampleText("very good red boots, 多少钱")},
			{Key: "title", Value: exampleText("red boots")},
		}})
	}
	for _, u := range []string{"ann", "bob"} {
		s.UpsertUser(&event.User{ID: u, Attrs: event.Attributes{
			{Key: "age", Value: event.Value{Kind: event.Number, Num: 30}},
			{Key: "created", Value: exampleText("2022-01-01T00:00:00Z")},
			{Key: "embedding", Value: exampleVector()},
			{Key: "vip", Value: event.Value{Kind: event.Bool, Num: 1}},
		}})
	}
	q := s.NewQuery()
	now := event.FromTime(time.Date(2022, 4, 10, 12, 0, 0, 0, time.UTC))
	types := []string{"enter", "exposure", "click", "dwell", "long_view", "like", "comment", "cart", "purchase", "rating", "view", "share", "search", "stay", "exit", "enter", "exposure", "click"}
	for i := range 10 * len(types) {
		typ := types[i%len(types)]
		e := &event.Event{
			Type: typ, User: []string{"ann", "bob"}[i/len(types)%2], Item: fmt.Sprint("i", i%5), Session: "s1", Text: "主播好棒 very good, 多少钱", Time: now,
			Position: int32(1 + i%5), Value: float64(20 + i%60), HasValue: true, Context: exampleContext(i / len(types)),
		}
		if typ == "search" || typ == "enter" || typ == "exit" || typ == "stay" {
			e.Item = ""
		}
		ref := s.EnsureItem(e.Item)
		q.Begin(e.User, e.Context, e.Time)
		s.Apply(q, e, ref)
		now = now.Add(5 * time.Second)
	}
	return now
}
