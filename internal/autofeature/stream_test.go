package autofeature

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
)

// stream makes a sample with one field of each sort. One in five is clicked, more on phones and of cheap items, whatever the
// noise is.
func stream(exposures int) *Sample {
	s := NewSample(1 << 30)
	draw := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		s.Add(&event.Record{Kind: event.KindItem, Item: &event.Item{ID: fmt.Sprint("i", i), Attrs: event.Attributes{
			{Key: "created", Value: str(fmt.Sprintf("2026-01-%02dT00:00:00Z", 1+i%28))},
			{Key: "price", Value: num(price(i))},
			{Key: "serial", Value: str(fmt.Sprint("serial-", i))},
			{Key: "shape", Value: list(fmt.Sprint("maker", i%20), fmt.Sprint("colour", i%7))},
			{Key: "title", Value: str(fmt.Sprint("a very fine thing number ", i))},
			{Key: "vector", Value: str(fmt.Sprintf("0.1, 0.%d, 0.3", i))},
		}}})
	}
	at := event.FromTime(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	for i := range exposures {
		at = at.Add(time.Duration(1+draw.IntN(60)) * time.Second)
		item, device := draw.IntN(200), []string{"phone", "tablet", "desk"}[draw.IntN(3)]
		clicked := draw.Float64() < chance(device, price(item))
		context := event.Attributes{
			{Key: "agent", Value: str(fmt.Sprintf("Mozilla/5.0 (X11) %d", i%90))},
			{Key: "came_by", Value: str(fmt.Sprintf("%s?q=%d", cameBy[device], i%80))},
			{Key: "device", Value: str(device)},
			{Key: "fixed", Value: str("always")},
			{Key: "link", Value: str(fmt.Sprintf("https://example.com/%d", i%80))},
			{Key: "noise", Value: str(fmt.Sprint("n", draw.IntN(6)))},
			{Key: "place", Value: str(fmt.Sprintf("52.%d,13.4", i%100))},
			{Key: "rank", Value: num(float64(1 + i%5))},
			{Key: "trace", Value: str(fmt.Sprint("trace-", i))},
		}
		if clicked {
			context = append(context, event.Attribute{Key: "watched", Value: num(float64(draw.IntN(90)))})
		}
		e := event.Event{ID: fmt.Sprint("e", i), Type: "exposure", User: fmt.Sprint("u", draw.IntN(50)), Item: fmt.Sprint("i", item), Request: fmt.Sprint("r", i),
			Time: at, Position: int32(1 + i%5), Context: context}
		s.Add(&event.Record{Kind: event.KindEvent, Event: &e})
		if clicked {
			c := event.Event{ID: fmt.Sprint("c", i), Type: "click", User: e.User, Item: e.Item, Request: e.Request, Time: at.Add(time.Second),
				Context: event.Attributes{{Key: "button", Value: str("left")}}}
			s.Add(&event.Record{Kind: event.KindEvent, Event: &c})
		}
	}
	return s
}

// cameBy are addresses that tell the device.
var cameBy = map[string]string{
	"phone": "https://www.facebook.com/", "tablet": "https://www.google.com/search", "desk": "https://www.google.com/search",
}

func str(s string) event.Value     { return event.Value{Kind: event.String, Str: s} }
func num(x float64) event.Value    { return event.Value{Kind: event.Number, Num: x} }
func list(s ...string) event.Value { return event.Value{Kind: event.List, List: s} }
func price(item int) float64       { return math.Round(100*math.Exp(float64(item%50)/10)) / 100 }
func chance(device string, price float64) float64 {
	p := 0.02
	if device == "phone" {
		p = 0.3
	}
	return p + 0.2/(1+price/5)
}

func propose(t *testing.T, s *Sample) *Proposal {
	t.Helper()
	p, err := s.Propose()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *Proposal) field(t *testing.T, name string) *Field {
	t.Helper()
	for _, f := range p.Fields {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no field %s among %d", name, len(p.Fields))
	return nil
}

// holds reports whether a proposed feature has all of the parts.
func (p *Proposal) holds(parts ...string) bool {
	for _, f := range p.Features {
		found := true
		for _, part := range parts {
			found = found && strings.Contains("name: "+f.Name+", "+f.Body, part)
		}
		if found {
			return true
		}
	}
	return false
}
